"""`syncdeck plan` and `syncdeck plans`: read, compare, show; nothing is written to a target."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path

from console.commands.arguments import Subparsers, add_verb
from console.commands.completing import completed
from console.commands.plan_lines import plan_lines, plan_object
from console.commands.session import CHANGES, DONE, ERROR, REFUSED, Session
from console.commands.table import moment, table
from engine.assembly import Engine
from engine.reconcile.deciding import planfile
from engine.reconcile.plan import Plan


def add_parser(verbs: Subparsers) -> None:
    plan = add_verb(
        verbs,
        "plan",
        make_plan,
        examples=(
            "syncdeck plan engineering                 what is out of step",
            "syncdeck plan engineering --target wiki   one target only",
            "syncdeck plan engineering -o eng.plan     keep the plan in a file, to approve and apply it later",
        ),
        exits="0 nothing to do, 2 changes, 3 refused by a guard, 1 something could not be read",
    )
    completed(plan.add_argument("sync", help="name of a sync in syncdeck.yaml"), "syncs")
    plan.add_argument("--target", action="append", default=[], metavar="T", help="only this target (may be repeated)")
    plan.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the plan to a file")
    plans = add_verb(
        verbs,
        "plans",
        list_plans,
        examples=("syncdeck plans", "syncdeck plans 3f2a90"),
    )
    plans.add_argument("digest", nargs="?", help="show this plan")
    plans.add_argument("--sync", metavar="SYNC", help="only plans of this sync")
    plans.add_argument("--limit", type=int, default=20, metavar="N", help="at most N plans (default 20)")


def exit_code(plan: Plan) -> int:
    """Return what `plan` ends with: a refusal is told before a failure, a failure before changes."""
    if plan.refusals:
        return REFUSED
    if plan.errored:
        return ERROR
    return CHANGES if plan.change_count else DONE


async def make_plan(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        stored = await engine.reconcile.plan(arguments.sync, arguments.target)
        if arguments.output is not None:
            await asyncio.to_thread(_write, arguments.output, stored.plan)
    code = exit_code(stored.plan)
    session.emit(plan_object(stored, code))
    for line in plan_lines(session, stored):
        session.say(line)
    session.say(_next_step(arguments, stored.digest, code))
    return code


def _write(file: Path, plan: Plan) -> None:
    with file.open("wb") as stream:
        planfile.save(plan, stream)


def _next_step(arguments: Namespace, digest: str, code: int) -> str:
    if arguments.output is not None:
        return f"Written to {arguments.output}."
    match code:
        case 2:
            return f"To carry it out: syncdeck apply {digest[:12]}"
        case 3:
            return (
                "Nothing was changed. A guard is lifted for one plan by: "
                f"syncdeck approve {digest[:12]} --override GUARD --comment WHY"
            )
        case _:
            return ""


async def list_plans(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        if arguments.digest:
            stored = await engine.reconcile.load(arguments.digest)
            session.emit(plan_object(stored, exit_code(stored.plan)))
            for line in plan_lines(session, stored):
                session.say(line)
            return DONE
        return await _list(engine, arguments, session)


async def _list(engine: Engine, arguments: Namespace, session: Session) -> int:
    plans = await engine.reconcile.plans(sync=arguments.sync, limit=arguments.limit)
    for plan in plans:
        session.emit(plan)
    rows = [
        [
            plan.digest[:12],
            plan.sync,
            plan.state,
            " ".join(f"{count} {action}" for action, count in plan.counts.items() if count) or "nothing",
            moment(plan.created_at),
            plan.created_by,
        ]
        for plan in plans
    ]
    for line in table(["PLAN", "SYNC", "STATE", "CHANGES", "MADE", "BY"], rows):
        session.say(line)
    if not plans:
        session.say("No plan was made yet. Make one: syncdeck plan SYNC")
    return DONE
