"""`syncdeck status`: how every sync and target stands, from memory."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_verb
from console.commands.session import DONE, Session
from console.commands.table import moment, safe, table
from engine.reconcile.history import SyncStatus, TargetStatus


def add_parser(verbs: Subparsers) -> None:
    add_verb(
        verbs,
        "status",
        status,
        examples=("syncdeck status", "syncdeck status --json"),
    )


async def status(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        overview = await engine.reconcile.overview()
    for sync in overview:
        session.emit(sync)
    rows = [_row(sync, target) for sync in overview for target in sync.targets]
    for line in table(["SYNC", "TARGET", "STATE", "DIFFERENCES", "AS OF", "NOTE"], rows):
        session.say(line)
    if not rows:
        session.say("No sync is configured yet. Add one in the console (syncdeck), or in syncdeck.yaml.")
    return DONE


def _row(sync: SyncStatus, target: TargetStatus) -> list[str]:
    differences = ", ".join(f"{count} to {action}" for action, count in target.counts.items() if count)
    if sync.refused:
        note = f"a guard refuses it: syncdeck plans {sync.refused[:12]}"
    elif target.reason:
        note = target.reason
    elif sync.waiting:
        note = f"waits for an approval: syncdeck plans {sync.waiting[:12]}"
    else:
        note = ""
    return [sync.sync, target.target, target.health, differences or "-", moment(target.as_of), safe(note)]
