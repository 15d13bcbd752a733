"""Reading the event log: pages, counts and what follows, filtered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from engine.events.event import Event, Position
from engine.events.log import Filter
from engine.events.upcast import Upcasts
from engine.storage.database import Database
from engine.storage.event_filter import Condition, Known, compile_filter
from engine.storage.event_rows import FIRST_AND_LAST, SELECT, SELECT_POSITION, to_bounds, to_events
from engine.storage.event_search import EventSearch
from engine.storage.lookout import Lookout

FOLLOW_PAGE = 1_000


class EventReader:
    """Reads a state file's log as `EventLog` promises."""

    def __init__(self, database: Database, upcasts: Upcasts) -> None:
        self._database = database
        self._upcasts = upcasts
        self._search = EventSearch(database)

    async def page(
        self, after: Position, limit: int, where: Filter | None = None, *, backwards: bool = False
    ) -> Sequence[Event]:
        """Return a page; see `EventLog.page`."""
        first, last = await self.bounds()
        span = (first, min(after - 1, last)) if backwards else (max(after + 1, first), last)
        rows = await self._search.rows(SELECT, await self._condition(where), span, limit, backwards=backwards)
        return self._upcasts.read_all(to_events(rows))

    async def bounds(self) -> tuple[Position, Position]:
        """Return the first and the last position."""
        (row,) = await self._database.rows(FIRST_AND_LAST)
        return to_bounds(row)

    async def count(self, where: Filter, limit: int = 10_000) -> int:
        """Count matching events, at most `limit` + 1."""
        rows = await self._search.rows(SELECT_POSITION, await self._condition(where), await self.bounds(), limit + 1)
        return len(rows)

    async def counts_by_type(self) -> Mapping[str, int]:
        """Return the counters of types."""
        rows = await self._database.rows("SELECT name, count FROM event_type WHERE count > 0 ORDER BY name")
        return dict(rows)

    async def follow(self, after: Position, where: Filter | None = None) -> AsyncIterator[Event]:
        """Yield events after a position, then wait for more."""
        lookout = Lookout(self._database)
        while True:
            lookout.begin()
            first, last = await self.bounds()
            if last > after:
                lookout.found()
                upto = min(last, max(after, first - 1) + FOLLOW_PAGE)
                found = await self._search.rows(
                    SELECT, await self._condition(where), (after + 1, upto), FOLLOW_PAGE, backwards=False
                )
                for event in self._upcasts.read_all(to_events(found)):
                    yield event
                after = Position(upto)
            else:
                await lookout.wait()

    async def _condition(self, where: Filter | None) -> Condition:
        if where is None or where == Filter():
            return Condition()
        types = await self._database.rows("SELECT name, id, count FROM event_type")
        origins = await self._database.rows("SELECT name, id FROM event_origin")
        return compile_filter(
            where, Known(types={name: (number, count) for name, number, count in types}, origins=dict(origins))
        )
