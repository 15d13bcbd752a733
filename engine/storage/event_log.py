"""The event log in the state file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from engine.clock import Clock
from engine.events.event import Dot, Event, NewEvent, Position
from engine.events.log import EventLog, Filter, Version
from engine.events.own import refuse_own
from engine.events.upcast import AS_WRITTEN, Upcasts
from engine.events.vector import Vector
from engine.redaction import REDACTOR, Redactor
from engine.storage.database import Database
from engine.storage.event_append import Appender
from engine.storage.event_history import EventHistory
from engine.storage.event_ids import events_of
from engine.storage.event_intake import Intake
from engine.storage.event_reading import EventReader


class StoredEventLog(EventLog):
    """Events of one workspace, appended under this node's origin."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        node: str,
        redactor: Redactor = REDACTOR,
        upcasts: Upcasts = AS_WRITTEN,
    ) -> None:
        self._database = database
        self.redactor = redactor
        self._appender = Appender(database, clock, node, redactor)
        self._intake = Intake(database, self._appender)
        self._history = EventHistory(database, upcasts)
        self._reader = EventReader(database, upcasts)

    async def append(
        self, events: Sequence[NewEvent], *, expected: Mapping[str, Version] | None = None, own: bool = False
    ) -> Sequence[Event]:
        if not own:
            refuse_own(events)
        return await self._intake.append(events, expected) if events else ()

    def append_in(
        self,
        connection: sqlite3.Connection,
        events: Sequence[NewEvent],
        expected: Mapping[str, Version] | None = None,
    ) -> Sequence[Event]:
        """Append inside a work of `Database.write`, own journal included; see `Appender.append_in`."""
        return self._appender.append_in(connection, events, expected)

    async def by_ids(self, identities: Collection[str]) -> Mapping[str, Event]:
        """Return the events of these ids, of those that are here."""
        return await self._database.read(lambda connection: events_of(connection, identities))

    async def page(
        self, after: Position, limit: int, where: Filter | None = None, *, backwards: bool = False
    ) -> Sequence[Event]:
        return await self._reader.page(after, limit, where, backwards=backwards)

    async def history(self, aggregate: str, *, until: Position | None = None) -> Sequence[Event]:
        return await self._history.events(aggregate, until)

    async def version(self, aggregate: str) -> tuple[int, Vector]:
        return await self._history.version(aggregate)

    async def vector(self) -> Vector:
        return await self._history.vector()

    async def at_dot(self, dot: Dot) -> Event | None:
        return await self._history.at_dot(dot)

    async def bounds(self) -> tuple[Position, Position]:
        return await self._reader.bounds()

    async def count(self, where: Filter, limit: int = 10_000) -> int:
        return await self._reader.count(where, limit)

    async def counts_by_type(self) -> Mapping[str, int]:
        return await self._reader.counts_by_type()

    def follow(self, after: Position, where: Filter | None = None) -> AsyncIterator[Event]:
        return self._reader.follow(after, where)
