"""Care for the event log: examine, export, import, redact, compact."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing, suppress

import msgspec

from engine.clock import Clock
from engine.errors import EventRefused, NothingFound
from engine.events.event import Dot, Event, NewEvent, Position
from engine.events.own import REDACTED, is_own
from engine.events.replicating.archive import events_of
from engine.events.replicating.messages import Selection
from engine.events.replicating.ports import Replica
from engine.events.replicating.transfer import Imported, export, import_lines
from engine.events.vector import covers
from engine.storage.connection import connect, telling
from engine.storage.database import Database
from engine.storage.event_indexing import EventIndexer
from engine.storage.event_log import StoredEventLog
from engine.storage.event_redaction import redact_in
from engine.storage.event_verify import Verified, verify
from engine.storage.log_compaction import LogCompaction, Neighbours
from engine.storage.log_tip import give_back, take_tip

EVERYTHING = Selection()


class Redacted(msgspec.Struct, frozen=True, kw_only=True):
    """A payload that is gone, and where it may not be gone yet."""

    event: Event
    """The record of it, which peers get."""
    position: Position | None
    """Where the event is here; None: its payload was not here."""
    remains: tuple[str, ...]
    """Sentences for whoever must be sure."""


class LogCare:
    """Looks after one workspace's log. `actor` is who is named in the events that it writes."""

    def __init__(
        self,
        database: Database,
        log: StoredEventLog,
        replica: Replica,
        *,
        clock: Clock,
        neighbours: Neighbours,
        actor: str,
    ) -> None:
        self._database = database
        self._log = log
        self._replica = replica
        self._clock = clock
        self._actor = actor
        self.compaction = LogCompaction(database, log, clock, neighbours, actor=actor)

    async def run(self) -> None:
        """Do what is done behind: index for searching, while nobody writes. Until cancelled; at once over when this
        engine only looks."""
        if not self._database.read_only:
            await EventIndexer(self._database, self._clock).run()

    async def verify(self, *, origin: str = "") -> Verified:
        """Compute every chain again, or those of the origins whose names begin so; in a thread, some 4 µs an event."""
        return await asyncio.to_thread(verify, self._database.path, origin=origin)

    def export(self, wanted: Selection = EVERYTHING) -> AsyncIterator[bytes]:
        """Yield all events that are wanted as lines of JSON, with marks for those between; see `lines.py`."""
        return export(self._replica, wanted)

    def import_(self, lines: Iterable[bytes]) -> AsyncIterator[Imported]:
        """Take in what was exported; may be repeated. Yields what was done so far. Raises `EventRefused` with the
        number of the line that cannot be taken; all before it is stored."""
        return import_lines(self._replica, lines)

    def import_archive(self, lines: Iterable[bytes]) -> AsyncIterator[Imported]:
        """Take in what a compaction took out, after `archive.verified` has seen the whole file; else as `import_`."""
        return import_lines(self._replica, events_of(lines), first=2)

    async def redact(self, dot: Dot, reason: str) -> Redacted:
        """Drop the payload of an event for good, here and on every peer that hears of it; its place, header and chain
        stay. Raises `NothingFound`, `EventRefused`, `ReadOnly`."""
        if not reason.strip():
            raise EventRefused("A redaction needs a reason: it is all that later readers will find in its place.")
        vector = await self._log.vector()
        if not (dot.seq > 0 and covers(vector, dot)):
            newest = vector.get(dot.origin)
            known = f"its newest is {newest}" if newest else f"known are {', '.join(sorted(vector)) or 'none'}"
            raise NothingFound(f"There is no event {dot} here: {known}. syncdeck events --json shows origin and seq.")
        record = NewEvent(
            type=REDACTED, aggregate_id=f"event:{dot}", data={"reason": reason}, metadata={"actor": self._actor}
        )

        def work(connection: sqlite3.Connection) -> tuple[Position | None, Event]:
            connection.execute("PRAGMA secure_delete = ON")
            try:
                position = redact_in(connection, dot)
                self._look_again(connection, position)
                (event,) = self._log.append_in(connection, [record])
            finally:
                connection.execute("PRAGMA secure_delete = OFF")
            return position, event

        position, event = await self._database.write(work)
        return Redacted(event=event, position=position, remains=await asyncio.to_thread(self._remains))

    def _look_again(self, connection: sqlite3.Connection, position: Position | None) -> None:
        """Let it be known whether the aggregate is contested now that a payload is gone."""
        if position is None:
            return
        (aggregate,) = connection.execute("SELECT aggregate FROM event WHERE position = ?", (position,)).fetchone()
        if not is_own(aggregate):
            tip = take_tip(self._database, connection)
            tip.aggregates.touch(connection, [aggregate])
            tip.aggregates.save(connection)
            give_back(self._database, tip)

    async def vacuum(self) -> int:
        """Write the file anew, without what is in its free pages; return its size. Takes some seconds a gigabyte, and
        as much free space; others wait meanwhile."""
        return await asyncio.to_thread(self._vacuum)

    def _vacuum(self) -> int:
        with telling(self._database.path), closing(connect(self._database.path, read_only=False)) as connection:
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return self._database.path.stat().st_size

    def _remains(self) -> tuple[str, ...]:
        """Empty the write-ahead log, which still holds the payload; return what is out of reach from here."""
        busy = 1
        with suppress(sqlite3.Error), closing(connect(self._database.path, read_only=False)) as connection:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        log = (
            f"The write-ahead log beside {self._database.path.name} still holds it, because somebody reads from there: "
            "close the other consoles and redact it again."
        )
        return (*([log] if busy else []), _IN_FREE_PAGES, _ELSEWHERE)


_IN_FREE_PAGES = (
    "Older copies of its page may lie in free pages of the file: syncdeck events redact --vacuum writes the file anew."
)
_ELSEWHERE = (
    "Peers drop it when they next sync. Backups, exports and archives keep it, "
    "and a disk may keep what was overwritten."
)
