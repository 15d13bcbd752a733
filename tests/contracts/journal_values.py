"""Plans and runs by which journals are judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from engine.reconcile.history import (
    Digest,
    ItemState,
    Lease,
    RunId,
)
from engine.reconcile.journal import Journal
from engine.reconcile.plan import Action, Change, Plan, Snapshot, TargetPlan
from engine.reconcile.records import Fingerprint, RecordKey
from engine.settings.model import Mode

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TTL = timedelta(seconds=30)
FIRST = Digest("a1b2c3d4e5f6" + "0" * 52)
SECOND = Digest("a1b2c3ffffff" + "0" * 52)
HOLDER = "anna@berlin-1 pid 1"

ADD = Change(action=Action.ADD, key=RecordKey("anna@x"), spelling="Anna@x", after={})
UPDATE = Change(action=Action.UPDATE, key=RecordKey("carl@x"), spelling="carl@x", before={}, after={"role": "lead"})
RENAME = Change(action=Action.RENAME, key=RecordKey("old@x"), spelling="old@x", before={}, renamed_to="New@x")
REMOVE = Change(action=Action.REMOVE, key=RecordKey("berta@x"), spelling="BERTA@x", before={})


def snapshot(count: int = 12) -> Snapshot:
    return Snapshot(adapter="wiki", read_at=AT, fingerprint=Fingerprint(count=count, sum="0" * 32), proof="end of file")


def target_plan(*changes: Change, target: str = "wiki", error: str = "") -> TargetPlan:
    return TargetPlan(target=target, changes=changes, snapshot=None if error else snapshot(), error=error)


def plan(*targets: TargetPlan, sync: str = "eng", created_at: datetime = AT) -> Plan:
    return Plan(
        sync=sync,
        mode=Mode.ADD_REMOVE,
        created_at=created_at,
        created_by="anna",
        expires_at=created_at + timedelta(hours=24),
        config_digest="c0ffee",
        source=None,
        targets=targets or (target_plan(ADD, UPDATE, RENAME, REMOVE),),
    )


async def begin(journal: Journal, one: Plan | None = None) -> tuple[RunId, Lease]:
    """Keep a plan, take the lock of the target `wiki`, and open a run."""
    one = one or plan()
    await journal.keep_plan(FIRST, one, b"body")
    lease = await journal.take_lease("target:wiki", HOLDER, TTL, AT)
    return await journal.start_run(FIRST, one, "anna", AT), lease


async def end_items(
    journal: Journal, run: RunId, lease: Lease, state: ItemState, indexes: Sequence[int], at: datetime = AT
) -> None:
    """Carry items through intent and outcome."""
    await journal.intend(run, indexes, lease, at)
    items = [item for item in await journal.run_items(run) if item.index in indexes]
    await journal.conclude(run, [replace(item, state=state, reason=f"it is {state}") for item in items], at)
