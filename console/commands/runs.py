"""`syncdeck runs`: what was carried out, how each item ended; resume, undo, cancel."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_verb
from console.commands.plan_lines import plan_lines, plan_object
from console.commands.planning import exit_code
from console.commands.progress import following
from console.commands.run_lines import counted, result_lines, result_object, run_lines, run_object
from console.commands.session import DONE, Session
from console.commands.table import moment, table
from engine.assembly import Engine
from engine.errors import NothingFound
from engine.reconcile.history import RunId


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "runs",
        runs,
        examples=(
            "syncdeck runs                  newest first",
            "syncdeck runs show 12          how every item ended",
            "syncdeck runs resume 12        read back what is unknown, do what is still needed",
            "syncdeck runs undo 12          make the inverse plan; apply it like any other",
            "syncdeck runs cancel 12        stop after the batches under way",
        ),
    )
    parser.add_argument("act", nargs="?", choices=("list", "show", "resume", "undo", "cancel"), default="list")
    parser.add_argument("run", nargs="?", help="a run's number (default for show, undo: the newest)")
    parser.add_argument("--sync", metavar="SYNC", help="only runs of this sync")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most N runs (default 20)")


async def runs(arguments: Namespace, session: Session) -> int:
    match arguments.act:
        case "show":
            return await show(arguments, session)
        case "resume":
            return await resume(arguments, session)
        case "undo":
            return await undo(arguments, session)
        case "cancel":
            return await cancel(arguments, session)
        case _:
            return await list_runs(arguments, session)


async def list_runs(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        found = await engine.reconcile.runs(sync=arguments.sync, limit=arguments.limit)
    rows = []
    for run in found:
        session.emit(run_object(run))
        rows.append([str(run.run), run.sync, run.state, counted(run.counts), moment(run.started_at), run.started_by])
    for line in table(["RUN", "SYNC", "STATE", "ITEMS", "STARTED", "BY"], rows):
        session.say(line)
    if not found:
        session.say("Nothing was applied yet. Begin with: syncdeck plan SYNC")
    return DONE


async def show(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        number = await _number(arguments, engine)
        summary = await engine.reconcile.run(number)
        items = await engine.reconcile.run_items(number)
    session.emit({**run_object(summary), "items": items})
    for line in run_lines(session, summary, items):
        session.say(line)
    return DONE


async def resume(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        number = await _number(arguments, engine)
        async with following(engine, session):
            result = await engine.reconcile.resume(number)
    session.emit(result_object(result))
    for line in result_lines(session, result):
        session.say(line)
    return result.exit_code


async def undo(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        stored = await engine.reconcile.undo(await _number(arguments, engine))
    code = exit_code(stored.plan)
    session.emit(plan_object(stored, code))
    for line in plan_lines(session, stored):
        session.say(line)
    if stored.plan.change_count:
        session.say(f"Nothing was changed yet. To undo: syncdeck apply {stored.digest[:12]}")
    return code


async def cancel(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        number = await _number(arguments, engine)
        await engine.reconcile.cancel(number)
    session.emit({"run": number, "cancelled": True})
    session.say(f"Run {number} stops after the batches under way.")
    return DONE


async def _number(arguments: Namespace, engine: Engine) -> RunId:
    if arguments.run is not None:
        if not arguments.run.isdecimal():
            raise NothingFound(f"{arguments.run!r} is no run's number. `syncdeck runs` lists them.")
        return RunId(int(arguments.run))
    newest = await engine.reconcile.runs(sync=arguments.sync, limit=1)
    if not newest:
        raise NothingFound("There is no run yet. Begin with: syncdeck plan SYNC")
    return newest[0].run
