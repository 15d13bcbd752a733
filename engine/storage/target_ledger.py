"""What is known of sources and targets between runs: sizes read, how each target stands, whose members are whose."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import json

from engine.reconcile.history import Health, TargetStatus
from engine.reconcile.plan import TargetPlan
from engine.reconcile.records import Fingerprint, RecordKey
from engine.storage.database import Row
from engine.storage.journal_part import JournalPart, to_text
from engine.storage.moments import to_moment, to_number

_REMOVALS = """
    SELECT count(*) FROM run_item JOIN run ON run.number = run_item.run
    WHERE target = ? AND action = 'remove' AND at >= ? AND run.sync = ?
        AND (run_item.state IN ('done', 'intent') OR run_item.state = 'drifted' AND attempt > 0)
"""

_STATUS = "SELECT sync, target, health, as_of, counts, parked, reason, failures, members, quarantine FROM target_status"

_NOTE = """
    INSERT INTO target_status (sync, target, health, as_of, counts, parked, reason, failures, members)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (sync, target) DO UPDATE SET health = excluded.health, as_of = excluded.as_of,
        counts = excluded.counts, parked = excluded.parked, reason = excluded.reason,
        failures = iif(excluded.failures, failures + 1, 0), members = coalesce(excluded.members, members)
"""

_QUARANTINE = """
    INSERT INTO target_status (sync, target, health, as_of, counts, parked, reason, failures, quarantine)
    VALUES (?, ?, 'unknown', ?, '{}', 0, '', 0, ?)
    ON CONFLICT (sync, target) DO UPDATE SET quarantine = excluded.quarantine, as_of = excluded.as_of
"""

_RELEASE = """
    UPDATE target_status SET quarantine = '', health = 'unknown', reason = '', failures = 0, as_of = ?
    WHERE sync = ? AND target = ? AND (quarantine <> '' OR failures > 0)
"""

TOLD_AT_ONCE = 5_000
"""Keys in one event: far below what an event may hold, also if every key is very long."""


class TargetLedger(JournalPart):
    """The journal's methods about sources and targets."""

    async def source_read(self, sync: str, fingerprint: Fingerprint, at: datetime) -> None:
        def note(connection: sqlite3.Connection) -> None:
            values = (sync, to_number(at), fingerprint.count, fingerprint.sum)
            connection.execute("INSERT INTO source_read VALUES (NULL, ?, ?, ?, ?)", values)
            data = {"count": fingerprint.count, "fingerprint": fingerprint.sum}
            self._tell(connection, "source.read", f"sync:{sync}", data, {"sync": sync})

        await self._database.write(note)

    async def recent_source_counts(self, sync: str, limit: int) -> Sequence[int]:
        rows = await self._database.rows(
            "SELECT count FROM source_read WHERE sync = ? ORDER BY number DESC LIMIT ?", (sync, limit)
        )
        return [count for (count,) in reversed(rows)]

    async def removals_since(self, sync: str, target: str, since: datetime) -> int:
        ((removals,),) = await self._database.rows(_REMOVALS, (target, to_number(since), sync))
        return int(removals)

    async def owned(self, target: str) -> frozenset[RecordKey]:
        rows = await self._database.rows("SELECT key FROM ownership WHERE target = ?", (target,))
        return frozenset(RecordKey(key) for (key,) in rows)

    async def adopt(self, target: str, keys: Sequence[RecordKey], actor: str, at: datetime) -> None:
        rows = [(target, key, to_number(at)) for key in keys]

        def adopt(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR IGNORE INTO ownership VALUES (?, ?, ?, 'adopted')", rows)
            for first in range(0, max(1, len(keys)), TOLD_AT_ONCE):
                told = {"adopted": list(keys[first : first + TOLD_AT_ONCE])}
                self._tell(connection, "target.adopted", f"target:{target}", told, {"actor": actor})

        await self._database.write(adopt)

    async def note_target(self, sync: str, target_plan: TargetPlan, failure: str, at: datetime) -> TargetStatus:
        failure = self._clean(failure)
        values = (
            sync,
            target_plan.target,
            _health(target_plan),
            to_number(at),
            to_text(Counter(change.action.value for change in target_plan.changes)),
            len(target_plan.parked),
            failure or self._clean(target_plan.error),
            bool(failure),
            target_plan.snapshot.fingerprint.count if target_plan.snapshot else None,
        )

        def note(connection: sqlite3.Connection) -> TargetStatus:
            connection.execute(_NOTE, values)
            row = connection.execute(f"{_STATUS} WHERE sync = ? AND target = ?", values[:2]).fetchone()
            status = _to_status(row)
            data = {
                "health": status.health,
                "counts": status.counts,
                "parked": status.parked,
                "members": status.members,
                "failure": failure or None,
                "failures": status.failures,
            }
            self._tell_of_target(connection, "target.planned", (sync, target_plan.target), data)
            return status

        return await self._database.write(note)

    async def target_statuses(self) -> Sequence[TargetStatus]:
        return [_to_status(row) for row in await self._database.rows(f"{_STATUS} ORDER BY sync, target")]

    async def quarantine(self, sync: str, target: str, reason: str, actor: str, at: datetime) -> None:
        reason = self._clean(reason)

        def shut_out(connection: sqlite3.Connection) -> None:
            connection.execute(_QUARANTINE, (sync, target, to_number(at), reason))
            self._tell_of_target(connection, "target.quarantined", (sync, target), {"quarantine": reason}, actor)

        def let_in(connection: sqlite3.Connection) -> None:
            if connection.execute(_RELEASE, (to_number(at), sync, target)).rowcount:
                self._tell_of_target(connection, "target.released", (sync, target), {"quarantine": None}, actor)

        await self._database.write(shut_out if reason else let_in)

    def _tell_of_target(
        self,
        connection: sqlite3.Connection,
        type_name: str,
        name: tuple[str, str],
        data: Mapping[str, object],
        actor: str = "",
    ) -> None:
        links = {"sync": name[0], "target": name[1]} | ({"actor": actor} if actor else {})
        self._tell(connection, type_name, f"target:{name[0]}/{name[1]}", data, links)


def _health(target_plan: TargetPlan) -> Health:
    if target_plan.error or target_plan.snapshot is None:
        return Health.UNKNOWN
    return Health.OUT_OF_STEP if target_plan.changes else Health.IN_STEP


def _to_status(row: Row) -> TargetStatus:
    sync, target, health, as_of, counts, parked, reason, failures, members, quarantine = row
    return TargetStatus(
        sync=sync,
        target=target,
        health=Health.QUARANTINED if quarantine else Health(health),
        as_of=to_moment(as_of),
        counts=json.decode(counts, type=dict[str, int]),
        parked=parked,
        reason=quarantine or reason,
        failures=failures,
        members=members,
    )
