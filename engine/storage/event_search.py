"""Find the events of a span of the log that a filter wants, without reading more of it than has to be.

Three ways: an index that leaves few rows is read whole; otherwise the log is walked in ranges, from the end that is
read first; and where a text is looked for, only those blocks are walked that have all its grams (`event_grams.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from engine.events.chain import canonical
from engine.storage.database import Database, Row
from engine.storage.event_filter import TIME_SPAN, Condition
from engine.storage.event_grams import INDEXED, SEGMENT, Span, blocks_query, narrowed, segment_of
from engine.storage.event_rows import to_bounds

FIRST_RANGE = 4_096
LONGEST_RANGE = 65_536
"""Positions looked at in one statement: few at first, for the match that is near; then more, at some 50 ms each."""

TOGETHER = 2_048
"""Positions of small spans that are looked at in one statement."""

FIRST_SEGMENTS = 1
MOST_SEGMENTS = 256
"""Whose grams are asked for at once."""


class EventSearch:
    """Searches a state file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(
        self, select: str, condition: Condition, span: Span, limit: int, *, backwards: bool = False
    ) -> list[Row]:
        """Return the first `limit` rows of a span of positions that the condition is true for."""
        found: list[Row] = []
        if condition.impossible:
            return found
        times: Span | None = None
        async for parts in self._parts(condition, span, backwards=backwards):
            inside = list(_clipped(parts, times)) if times else parts
            if inside:
                sql, parameters = statement(select, condition, inside, backwards=backwards)
                found += await self._database.rows(sql, (*parameters, limit - len(found)))
            if len(found) >= limit:
                break
            if condition.stamps and times is None:
                (row,) = await self._database.rows(TIME_SPAN, condition.stamps)
                times = to_bounds(row)
        return found

    async def _parts(self, condition: Condition, span: Span, *, backwards: bool) -> AsyncIterator[list[Span]]:
        """Yield what to look at, statement by statement, in the order of reading."""
        if condition.indexed or condition.sql == "1":
            yield [span]
        elif not condition.grams:
            for part in ranges(*span, FIRST_RANGE, LONGEST_RANGE, backwards=backwards):
                yield [part]
        else:
            query = blocks_query(condition.grams)
            whole = segment_of(span[0]), segment_of(span[1])
            for segments in ranges(*whole, FIRST_SEGMENTS, MOST_SEGMENTS, backwards=backwards):
                indexed = {segment for (segment,) in await self._database.rows(INDEXED, segments)}
                blocks = await self._database.rows(query, segments) if indexed else ()
                part = max(span[0], segments[0] * SEGMENT), min(span[1], segments[1] * SEGMENT + SEGMENT - 1)
                for batch in batches(narrowed(part, indexed, blocks), backwards=backwards):
                    yield batch


def statement(
    select: str, condition: Condition, parts: Sequence[Span], *, backwards: bool = False
) -> tuple[str, tuple[object, ...]]:
    """Return the SELECT, without the value of its LIMIT, of the rows in some spans that the condition is true for."""
    position = "+e.position" if condition.indexed else "e.position"
    order = "DESC" if backwards else "ASC"
    which: tuple[object, ...] = parts[0]
    where = "BETWEEN ? AND ?"
    if len(parts) > 1:
        which = (canonical([place for low, high in parts for place in range(low, high + 1)]).decode(),)
        where = "IN (SELECT value FROM json_each(?))"
    sql = f"{select} WHERE {position} {where} AND {condition.sql} ORDER BY {position} {order} LIMIT ?"
    return sql, (*which, *condition.parameters)


def ranges(first: int, last: int, shortest: int, longest: int, *, backwards: bool) -> Iterator[Span]:
    """Cut a span into ranges, from the end that is read first; each twice as long as the one before."""
    length = shortest
    while first <= last:
        if backwards:
            yield max(first, last - length + 1), last
            last -= length
        else:
            yield first, min(last, first + length - 1)
            first += length
        length = min(length * 2, longest)


def batches(parts: Iterable[Span], *, backwards: bool = False) -> Iterator[list[Span]]:
    """Put ascending spans together into batches for one statement each, in the order of reading."""
    batch: list[Span] = []
    length = 0
    for part in reversed(list(parts)) if backwards else parts:
        size = part[1] - part[0] + 1
        if batch and length + size > TOGETHER:
            yield batch
            batch, length = [], 0
        batch.append(part)
        length += size
    if batch:
        yield batch


def _clipped(parts: Iterable[Span], to: Span) -> Iterator[Span]:
    for low, high in parts:
        if high >= to[0] and low <= to[1]:
            yield low, high
