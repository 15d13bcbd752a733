"""`syncdeck apply`: carry out a sync, a kept plan or a plan file, after asking."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path

from console.commands.arguments import Subparsers, add_verb
from console.commands.completing import completed
from console.commands.plan_lines import plan_lines
from console.commands.planning import exit_code
from console.commands.progress import following
from console.commands.run_lines import result_lines, result_object
from console.commands.session import DONE, ERROR, REFUSED, Session
from engine.assembly import Engine
from engine.errors import GuardRefused, NotApproved
from engine.reconcile.deciding import planfile
from engine.reconcile.plan import Plan
from engine.reconcile.results import Readiness, RunResult, StoredPlan


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "apply",
        apply,
        examples=(
            "syncdeck apply engineering                              plan, show, ask, apply",
            "syncdeck apply engineering --yes --json                 in a script",
            "syncdeck apply eng.plan                                 a plan from a file",
            "syncdeck apply 3f2a90 --only ann@acme.example           one member of a kept plan",
            "syncdeck apply 3f2a90 --only 'wiki/add/*'               all additions to one target",
        ),
        exits="0 nothing to do, 2 changes made, "
        "3 guard or no approval, 4 stale, 5 drift, 6 partly, 7 locked, 8 frozen, 1 error",
    )
    completed(parser.add_argument("what", metavar="SYNC|PLANFILE|DIGEST"), "syncs")
    parser.add_argument("--yes", action="store_true", help="do not ask; never overrides a guard or a required approval")
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="ITEM",
        help="only these items: target/action/key, a key, a target, or a pattern with *",
    )


async def apply(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        stored = await _find(engine, arguments.what)
        if arguments.only:
            stored = await engine.reconcile.select(stored.digest, arguments.only)
        for line in plan_lines(session, stored):
            session.say(line)
        if not stored.plan.change_count:
            return _nothing(session, stored)
        if not arguments.yes and not _agreed(session, stored, await engine.reconcile.readiness(stored.digest)):
            session.warn("Nothing was changed.")
            return ERROR
        result = await _carry_out(engine, session, stored)
    session.emit(result_object(result))
    for line in result_lines(session, result):
        session.say(line)
    return result.exit_code


async def _find(engine: Engine, what: str) -> StoredPlan:
    """Return the plan that is meant: a sync's name comes first, then a file, then a digest."""
    if what in engine.workspace.syncs:
        approved = await engine.reconcile.latest_approved(what)
        return approved or await engine.reconcile.plan(what)
    file = Path(what).expanduser()
    if await asyncio.to_thread(file.is_file):
        return await engine.reconcile.keep(await asyncio.to_thread(_read, file))
    return await engine.reconcile.load(what)


def _read(file: Path) -> Plan:
    with file.open("rb") as stream:
        return planfile.read(stream)[1]


def _nothing(session: Session, stored: StoredPlan) -> int:
    code = exit_code(stored.plan)
    session.emit(
        {
            "digest": stored.digest,
            "sync": stored.plan.sync,
            "run": None,
            "changes": 0,
            "refusals": [verdict.refusal for verdict in stored.plan.refusals],
            "error": stored.plan.error,
            "exit_code": code,
        }
    )
    return code if code in {ERROR, REFUSED} else DONE


def _agreed(session: Session, stored: StoredPlan, readiness: Readiness) -> bool:
    """Ask a person; raise what stands in the way before anybody is asked to agree in vain."""
    if readiness.refusals:
        raise GuardRefused("\n".join(verdict.refusal for verdict in readiness.refusals))
    if readiness.obstacles:
        raise NotApproved("\n".join(readiness.obstacles))
    if not session.interactive:
        session.warn("This is no terminal to ask in. Look at the plan above and agree with --yes.")
        return False
    question = f"Carry out plan {stored.digest[:12]}?"
    if readiness.confirm_word:
        question = f"This removes {readiness.removals:,} members. {question}"
    return session.confirm(question, word=readiness.confirm_word)


async def _carry_out(engine: Engine, session: Session, stored: StoredPlan) -> RunResult:
    async with following(engine, session):
        return await engine.reconcile.apply(stored.digest, confirmed=True)
