"""`syncdeck demo`: a sample workspace, and the main job done on it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from console.commands.arguments import Subparsers, add_verb
from console.commands.demo_nodes import tell_of_nodes
from console.commands.demo_work import tell_of_work
from console.commands.plan_lines import plan_lines, plan_object
from console.commands.planning import exit_code
from console.commands.progress import following
from console.commands.run_lines import result_lines
from console.commands.session import DONE, Session
from console.commands.table import safe, table
from console.sample.nodes import free_ports, share_history
from console.sample.serving import company_at_work
from console.sample.work import give_work
from console.sample.workspace import break_agency_export, build_sample
from engine.assembly import Engine
from engine.errors import SettingsError
from engine.events.event import END
from engine.reconcile.results import StoredPlan

MARK = ".syncdeck/sample"
"""A file that only sample workspaces have: nothing else is ever rebuilt."""

SHOWN = 6
"""Changes of one kind that the story shows."""

PLANNED_BEFOREHAND = ("engineering", "everyone-chat", "sales-crm", "contractor-badges", "finance-box")


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "demo",
        demo,
        examples=("syncdeck demo", "syncdeck demo /tmp/acme --fresh", "syncdeck demo --headless"),
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("demo-workspace"), help="where (default: demo-workspace)"
    )
    parser.add_argument("--fresh", action="store_true", help="build the sample anew if it is there already")
    parser.add_argument("--headless", action="store_true", help="do not open the console, even on a terminal")


async def demo(arguments: Namespace, session: Session) -> int:
    """Build or find the sample, then tell the story; `console.__main__` opens the console instead on a terminal."""
    await prepare(arguments.folder, session, fresh=arguments.fresh)
    with company_at_work(arguments.folder, crew=False):
        async with session.outside.open(arguments.folder) as engine:
            await _tell(engine, session)
            await tell_of_nodes(engine, session)
            await tell_of_work(engine, session)
    command = "syncdeck" if shutil.which("syncdeck") else sys.argv[0]
    session.say(f"\nLook around yourself: {command} -w {arguments.folder}")
    return DONE


async def prepare(folder: Path, session: Session, *, fresh: bool) -> None:
    """Make the sample workspace in `folder` if it is not there. Touches no folder that holds anything else."""
    if (folder / MARK).exists():
        if not fresh:
            return
        await asyncio.to_thread(shutil.rmtree, folder)
    elif folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder} holds something else already. Name another folder: syncdeck demo FOLDER")
    folder.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(build_sample, folder, free_ports())
    async with session.outside.open(folder) as engine:
        await give_history(engine, folder)
        await share_history(engine, folder, session.outside.open)
        await give_work(engine)
    await asyncio.to_thread((folder / MARK).touch)


async def give_history(engine: Engine, folder: Path) -> None:
    """Plan every sync but one, and let the agency's export break off after it was read once."""
    await engine.reconcile.plan("contractor-badges")
    await asyncio.to_thread(break_agency_export, folder)
    for sync in PLANNED_BEFOREHAND:
        await engine.reconcile.plan(sync)


async def _tell(engine: Engine, session: Session) -> None:
    """Plan, show the difference, apply what is allowed, show the refusal and who is waited for, print the log."""
    await _apply("engineering", "1. Preview a sync, agree, apply, read back", engine, session)
    await _apply("everyone-chat", "2. A sync that only ever adds", engine, session)
    session.title("3. A source that went nearly empty is refused")
    _show_plan(session, await engine.reconcile.plan("contractor-badges"))
    session.title("4. A plan that waits for an approval")
    waiting = await engine.reconcile.plan("sales-crm")
    _show_plan(session, waiting)
    for obstacle in (await engine.reconcile.readiness(waiting.digest)).obstacles:
        session.say(f"  {obstacle}")
    session.title("5. The event log holds it all (syncdeck events)")
    newest = await engine.log.page(END, 15, None, backwards=True)
    rows = [[str(event.position), event.type, safe(event.aggregate_id)] for event in reversed(newest)]
    for line in table(["#", "EVENT", "ABOUT"], rows):
        session.say(f"  {line}")


async def _apply(sync: str, title: str, engine: Engine, session: Session) -> None:
    session.title(title)
    stored = await engine.reconcile.plan(sync)
    _show_plan(session, stored)
    if not stored.plan.applyable:
        return
    async with following(engine, session):
        result = await engine.reconcile.apply(stored.digest, confirmed=True)
    for line in result_lines(session, result):
        session.say(line)


def _show_plan(session: Session, stored: StoredPlan) -> None:
    session.emit(plan_object(stored, exit_code(stored.plan)))
    for line in plan_lines(session, stored, shown=SHOWN):
        session.say(line)
