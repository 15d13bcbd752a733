"""Runs, read: what each did and how it stands."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import json

from engine.reconcile.history import Digest, ItemState, RunId, RunItem, RunState, RunSummary
from engine.reconcile.plan import Action
from engine.reconcile.records import RecordKey
from engine.storage.database import Row
from engine.storage.journal_part import JournalPart, to_text
from engine.storage.moments import to_moment, to_number
from engine.storage.processes import is_gone
from engine.storage.run_writing import no_run

_SUMMARY = """
    SELECT number, digest, sync, state, started_at, started_by, ended_at, verdict, verified, process,
           (SELECT json_group_object(state, items) FROM run_count WHERE run = run.number AND items > 0),
           EXISTS (SELECT 1 FROM run_lease WHERE run = run.number),
           EXISTS (SELECT 1 FROM run_lease JOIN lease USING (name, token)
                   WHERE run_lease.run = run.number AND lease.released = 0 AND lease.expires_at > ?)
    FROM run
"""

_ITEMS = """
    SELECT number, target, action, key, spelling, state, reason, attempt, at FROM run_item
    WHERE run = ? AND number >= ? AND (? = '[]' OR state IN (SELECT value FROM json_each(?)))
    ORDER BY number LIMIT ?
"""


class RunReading(JournalPart):
    """The journal's methods that read runs."""

    async def runs(self, *, sync: str | None, limit: int) -> Sequence[RunSummary]:
        rows = await self._database.rows(
            f"{_SUMMARY} WHERE sync = ? OR ? IS NULL ORDER BY number DESC LIMIT ?",
            (to_number(self._clock.now()), sync, sync, limit),
        )
        return [_to_summary(row) for row in rows]

    async def run_of(self, digest: Digest) -> RunId | None:
        rows = await self._database.rows("SELECT max(number) FROM run WHERE digest = ?", (digest,))
        return None if rows[0][0] is None else RunId(rows[0][0])

    async def run(self, run: RunId) -> RunSummary:
        rows = await self._database.rows(f"{_SUMMARY} WHERE number = ?", (to_number(self._clock.now()), run))
        if not rows:
            raise no_run(run)
        return _to_summary(rows[0])

    async def run_items(
        self, run: RunId, *, states: Sequence[ItemState] = (), offset_index: int = 0, limit: int = 0
    ) -> Sequence[RunItem]:
        wanted = to_text(list(states))
        rows = await self._database.rows(_ITEMS, (run, offset_index, wanted, wanted, limit or -1))
        if not rows:
            await self.run(run)
        return [_to_item(row) for row in rows]

    async def asked_to_stop(self, run: RunId) -> bool:
        rows = await self._database.rows("SELECT stop_asked FROM run WHERE number = ?", (run,))
        if not rows:
            raise no_run(run)
        return bool(rows[0][0])


def _to_summary(row: Row) -> RunSummary:
    number, digest, sync, state, started_at, started_by, ended_at, verdict, verified, process, counts, *leases = row
    held_before, holds = leases
    interrupted = state == RunState.RUNNING and ((held_before and not holds) or is_gone(process))
    return RunSummary(
        run=RunId(number),
        digest=Digest(digest),
        sync=sync,
        state=RunState.INTERRUPTED if interrupted else RunState(state),
        started_at=to_moment(started_at),
        started_by=started_by,
        ended_at=None if ended_at is None else to_moment(ended_at),
        counts=json.decode(counts, type=dict[str, int]),
        verdict=verdict,
        verified=None if verified is None else bool(verified),
    )


def _to_item(row: Row) -> RunItem:
    number, target, action, key, spelling, state, reason, attempt, at = row
    return RunItem(
        index=number,
        item=f"{target}/{action}/{key}",
        target=target,
        action=Action(action),
        key=RecordKey(key),
        spelling=spelling,
        state=ItemState(state),
        reason=reason,
        attempt=attempt,
        at=None if at is None else to_moment(at),
    )
