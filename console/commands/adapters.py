"""`syncdeck adapters`: what is configured, what kinds exist, and a connection test."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_verb
from console.commands.completing import completed
from console.commands.session import DONE, ERROR, Session
from console.commands.table import safe, table
from engine.errors import NothingFound
from engine.reconcile.inspection import Report
from engine.reconcile.records import text_of


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "adapters",
        adapters,
        examples=(
            "syncdeck adapters                what this workspace reads and writes",
            "syncdeck adapters check people   connect, read everything, show a sample",
            "syncdeck adapters types          every kind of adapter, with the extra it needs",
        ),
    )
    parser.add_argument("act", nargs="?", choices=("list", "check", "types"), default="list")
    completed(parser.add_argument("name", nargs="?", help="an adapter of this workspace (for check)"), "adapters")


async def adapters(arguments: Namespace, session: Session) -> int:
    match arguments.act:
        case "check":
            return await check(arguments, session)
        case "types":
            return list_types(session)
        case _:
            return list_adapters(session)


def list_adapters(session: Session) -> int:
    workspace = session.workspace()
    rows = []
    for adapter in workspace.adapters.values():
        reads = [sync.name for sync in workspace.syncs.values() if sync.source == adapter.name]
        writes = [sync.name for sync in workspace.syncs.values() if adapter.name in sync.targets]
        session.emit({"adapter": adapter.name, "type": adapter.type, "source_of": reads, "target_of": writes})
        rows.append([adapter.name, adapter.type, ", ".join(reads) or "-", ", ".join(writes) or "-"])
    for line in table(["ADAPTER", "TYPE", "SOURCE OF", "TARGET OF"], rows):
        session.say(line)
    if not rows:
        session.say(f"{workspace.file} has no adapters yet. Add one in the console (syncdeck), or by hand.")
    return DONE


def list_types(session: Session) -> int:
    types = session.outside.catalogue().types()
    for kind in types.values():
        session.emit(kind)
    rows = [
        [kind.type, "read, write" if kind.writes else "read", kind.extra or "-", kind.summary]
        for kind in types.values()
    ]
    for line in table(["TYPE", "CAN", "EXTRA", "WHAT IT IS"], rows):
        session.say(line)
    return DONE


async def check(arguments: Namespace, session: Session) -> int:
    if arguments.name is None:
        raise NothingFound("Which adapter? Say: syncdeck adapters check NAME. `syncdeck adapters` lists them.")
    async with session.open() as engine:
        report = await engine.inspection.check(arguments.name)
    session.emit(report)
    _show(session, report)
    return DONE if report.passed else ERROR


def _show(session: Session, report: Report) -> None:
    for step in report.steps:
        mark = session.paint("ok    ", "green") if step.passed else session.paint("FAILED", "red")
        session.say(f"{mark}  {step.name:<14} {step.milliseconds:>7.0f} ms  {safe(step.detail)}")
    if not report.passed:
        return
    session.say(f"\n{report.count:,} records, {report.carried:,} carried. The first:")
    rows = [[safe(spelling), *(safe(text_of(value)) for value in values)] for spelling, values in report.sample]
    for line in table(["KEY", *report.names], rows):
        session.say(f"  {line}")
