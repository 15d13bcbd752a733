"""What of syncs is written into the log: few words, and never a word that causes another sync to say something.

A record is an event, so it replicates. Syncs that moved nothing but such records are not recorded, or two nodes would
tell one another for ever. Automatic syncs of a busy minute are recorded as one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from engine.errors import SyncdeckError
from engine.events.event import NewEvent
from engine.events.log import EventLog
from engine.events.replicating.standing import SyncResult

SYNCED = "peer.synced"

QUIET = timedelta(minutes=1)
"""Between two records of automatic syncs with a peer that only say that events moved."""

MOST_REFUSALS = 20
"""In one record; the last result, with all of them, is remembered with the peer."""


class Recording:
    """Remembers, for each peer, what is not written yet."""

    def __init__(self, log: EventLog, actor: str) -> None:
        self._log = log
        self._actor = actor
        self._pending: dict[str, SyncResult] = {}
        self._written: dict[str, datetime] = {}

    async def note(self, result: SyncResult, before: SyncResult | None, *, news: bool, by_hand: bool) -> None:
        """Take the result of a sync; write it now, later together with others, or never.

        `before` is the result of the sync before, `news` whether more was moved than records of syncs.
        """
        pending = self._pending.pop(result.peer, None)
        whole = _together(pending, result) if pending else result
        changed = _verdict(result) != _verdict(before) or bool(result.recovered)
        if not (news or changed or pending):
            return
        last = self._written.get(result.peer)
        if by_hand or changed or last is None or result.ended_at - last >= QUIET:
            self._written[result.peer] = result.ended_at
            await self._write(whole)
        else:
            self._pending[result.peer] = whole

    async def flush(self) -> None:
        """Write what was put off."""
        pending, self._pending = list(self._pending.values()), {}
        for result in pending:
            await self._write(result)

    async def _write(self, result: SyncResult) -> None:
        event = NewEvent(
            type=SYNCED,
            aggregate_id=f"peer:{result.peer}",
            data=msgspec.to_builtins(replace(result, refusals=result.refusals[:MOST_REFUSALS])),
            metadata={"actor": self._actor},
        )
        try:
            await self._log.append([event], own=True)
        except SyncdeckError:
            return  # a log that takes nothing has told so in the result, or tells the next writer


def _together(one: SyncResult, other: SyncResult) -> SyncResult:
    """Return two syncs with a peer as one."""
    return replace(
        other,
        started_at=one.started_at,
        pulled=one.pulled + other.pulled,
        pushed=one.pushed + other.pushed,
        conflicts=one.conflicts + other.conflicts,
        batches=one.batches + other.batches,
        attempts=one.attempts + other.attempts,
    )


def _verdict(result: SyncResult | None) -> tuple[object, ...]:
    """Return what is worth a word when it changes."""
    if result is None:
        return ("", ())
    return (result.error_kind, tuple(sorted((refusal.origin, refusal.kind) for refusal in result.refusals)))
