"""One aggregate's events, and what is known of it: read by its index, whatever the log's length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.events.chain import canonical
from engine.events.event import END, Dot, Event, Origin, Position
from engine.events.merging.ports import Histories
from engine.events.upcast import AS_WRITTEN, Upcasts
from engine.events.vector import Vector, merge
from engine.storage.database import Database
from engine.storage.event_rows import SELECT, read_context, to_events

OF_AGGREGATE = f"{SELECT} WHERE e.aggregate = ? AND e.position <= ? ORDER BY e.position"
AT_DOT = f"{SELECT} WHERE o.name = ? AND e.seq = ?"

"""A position after every event."""

_VERSION = """
    SELECT o.name, e.seq, e.context, (SELECT count(*) FROM event WHERE aggregate = ?1)
    FROM event e JOIN event_origin o ON o.id = e.origin
    WHERE e.position IN (SELECT value FROM json_each(coalesce(
        (SELECT heads FROM contested WHERE aggregate = ?1),
        (SELECT json_array(max(position)) FROM event WHERE aggregate = ?1))))
"""
"""The heads: noted if there may be several, else the newest event."""

_AMONG = "IN (SELECT value FROM json_each(?))"
_OF_AGGREGATES = f"{SELECT} WHERE e.aggregate {_AMONG} ORDER BY e.position"

NEWEST_OF_EACH_ORIGIN = """
    SELECT name, max(coalesce((SELECT max(seq) FROM event WHERE origin = o.id), 0),
                     coalesce((SELECT last FROM event_skip WHERE origin = o.id ORDER BY first DESC LIMIT 1), 0))
    FROM event_origin o
"""


class EventHistory:
    """Reads histories and versions from a state file."""

    def __init__(self, database: Database, upcasts: Upcasts) -> None:
        self._database = database
        self._upcasts = upcasts

    async def events(self, aggregate: str, until: Position | None) -> Sequence[Event]:
        """Return an aggregate's events in the order of the log, up to and including a position."""
        last = END if until is None else until
        rows = await self._database.rows(OF_AGGREGATE, (aggregate, last))
        return self._upcasts.read_all(to_events(rows))

    async def version(self, aggregate: str) -> tuple[int, Vector]:
        """Return how many events of an aggregate are here, and the vector of all known of it."""
        heads = await self._database.rows(_VERSION, (aggregate,))
        known = ({**read_context(context), origin: seq} for origin, seq, context, _ in heads)
        return heads[0][3] if heads else 0, merge(*known)

    async def vector(self) -> Vector:
        """Return the newest seq known of each origin, skipped events included."""
        rows = await self._database.rows(NEWEST_OF_EACH_ORIGIN)
        return {Origin(origin): seq for origin, seq in rows if seq}

    async def at_dot(self, dot: Dot) -> Event | None:
        """Return the event at a dot, if it is here."""
        found = self._upcasts.read_all(to_events(await self._database.rows(AT_DOT, dot)))
        return found[0] if found else None


class StoredHistories(Histories):
    """Histories of many aggregates at once."""

    def __init__(self, database: Database, upcasts: Upcasts = AS_WRITTEN) -> None:
        self._database = database
        self._upcasts = upcasts

    async def contested(self) -> Sequence[str]:
        rows = await self._database.rows("SELECT aggregate FROM contested WHERE NOT quiet")
        return [aggregate for (aggregate,) in rows]

    async def histories(self, aggregates: Iterable[str]) -> Mapping[str, Sequence[Event]]:
        wanted = canonical(list(aggregates)).decode()
        grouped: dict[str, list[Event]] = {}
        for event in self._upcasts.read_all(to_events(await self._database.rows(_OF_AGGREGATES, (wanted,)))):
            grouped.setdefault(event.aggregate_id, []).append(event)
        return grouped
