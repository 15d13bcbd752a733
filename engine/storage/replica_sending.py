"""What a peer lacks, read in bounded pieces: never the backlog, only the next of each origin and what goes out now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heapreplace
from typing import Any, NamedTuple

from engine.events.event import Origin
from engine.events.replicating.messages import Item, Limits, Selection, Skip, Span
from engine.events.replicating.selecting import wanted_by
from engine.events.vector import Vector
from engine.storage.event_rows import read_vector

Part = Item | Skip

LOOKS_PER_ITEM = 20
"""A filter that leaves nearly everything out ends a batch after so many events looked at for each that may go out."""

ENVELOPE_BYTES = 160
"""Of an item beside its texts of any length: origin, id, chain and numbers."""

_EVENTS = """
    SELECT e.seq, e.id, t.name, e.aggregate, e.data, e.metadata, e.context, e.hlc, e.chain, e.hashes
    FROM event e JOIN event_type t ON t.id = e.type
    WHERE e.origin = ? AND e.seq BETWEEN ? AND ? ORDER BY e.seq
"""

_SKIPS = """
    SELECT first, last, chain FROM event_skip
    WHERE origin = ?1 AND first <= ?3 AND last >= ?2
        AND first >= coalesce((SELECT max(first) FROM event_skip WHERE origin = ?1 AND first <= ?2), ?2)
    ORDER BY first
"""

_ORIGINS = """
    SELECT o.name, o.id, coalesce((SELECT max(seq) FROM event WHERE origin = o.id), 0),
        coalesce((SELECT last FROM event_skip WHERE origin = o.id ORDER BY first DESC LIMIT 1), 0)
    FROM event_origin o
"""


class KnownOrigin(NamedTuple):
    """An origin and its newest seq here, left out or not."""

    name: Origin
    number: int
    seq: int


def known_origins(connection: sqlite3.Connection) -> dict[Origin, KnownOrigin]:
    """Return all origins of which anything is known."""
    rows = connection.execute(_ORIGINS)
    return {
        name: KnownOrigin(name, number, max(held, skipped)) for name, number, held, skipped in rows if held or skipped
    }


class Parcel:
    """Items of one batch, within limits: what is not wanted becomes marks, joined to runs."""

    def __init__(self, limits: Limits, wanted: Selection) -> None:
        self.parts: list[Part] = []
        self._limits = limits
        self._wants = wanted_by(wanted)
        self._bytes = 0
        self._looks = limits.items * LOOKS_PER_ITEM
        self._pending: dict[Origin, Skip] = {}
        """Runs of what is left out, not sent yet: they may become longer."""

    def add(self, part: Part) -> bool:
        """Put the next of its origin in; False: it is full, and this one has to wait."""
        if self._looks == 0:
            return False
        self._looks -= 1
        if isinstance(part, Skip):
            return self._leave_out(part)
        if self._wants is not None and not self._wants(part.type, part.aggregate):
            return self._leave_out(Skip(part.origin, part.seq, part.seq, part.chain))
        size = len(part.data) + len(part.metadata) + len(part.context) + len(part.aggregate) + ENVELOPE_BYTES
        full = len(self.parts) + len(self._pending) >= self._limits.items or self._bytes + size > self._limits.bytes
        if full and (self.parts or self._pending):
            return False
        if self._pending:
            self._send_before(part)
        self.parts.append(part)
        self._bytes += size
        return True

    def close(self) -> tuple[Part, ...]:
        """Return all that goes out."""
        self.parts += self._pending.values()
        self._pending.clear()
        return tuple(self.parts)

    def _leave_out(self, skip: Skip) -> bool:
        run = self._pending.get(skip.origin)
        if run is None and len(self.parts) + len(self._pending) >= self._limits.items:
            return False
        self._pending[skip.origin] = Skip(skip.origin, run.first if run else skip.first, skip.last, skip.chain)
        return True

    def _send_before(self, item: Item) -> None:
        """Send the runs that an event follows or builds on."""
        for origin in (item.origin, *read_vector(item.context)):
            run = self._pending.pop(origin, None)
            if run is not None:
                self.parts.append(run)


def next_lacking(
    connection: sqlite3.Connection, vector: Vector, limits: Limits, wanted: Selection
) -> tuple[tuple[Part, ...], Mapping[Origin, int], bool]:
    """Return the next items for whoever has this vector, all that is known here, and whether there is more.

    In the order of time: whoever writes gives a later time than any he knows, so causes come before effects.
    """
    origins = known_origins(connection)
    parcel = Parcel(limits, wanted)
    ways: list[tuple[int, Origin, Part, Iterator[Part]]] = []
    for origin in origins.values():
        if origin.seq > vector.get(origin.name, 0):
            way = _parts(connection, origin, vector.get(origin.name, 0) + 1, origin.seq)
            if (part := next(way, None)) is not None:
                ways.append((_time(part), origin.name, part, way))
    heapify(ways)
    while ways:
        _, name, part, way = ways[0]
        if not parcel.add(part):
            break
        following = next(way, None)
        if following is None:
            heappop(ways)
        else:
            heapreplace(ways, (_time(following), name, following, way))
    return parcel.close(), {origin.name: origin.seq for origin in origins.values()}, bool(ways)


def next_refill(
    connection: sqlite3.Connection, spans: Iterable[Span], limits: Limits, wanted: Selection
) -> tuple[tuple[Part, ...], Mapping[Origin, int], bool]:
    """Return what is held of some spans, likewise."""
    origins = known_origins(connection)
    vector = {origin.name: origin.seq for origin in origins.values()}
    parcel = Parcel(limits, wanted)
    for span in spans:
        known = origins.get(span.origin)
        for part in _parts(connection, known, span.first, span.last) if known else ():
            if _last(part) > span.last:
                break  # its chain is that of a later event
            if not parcel.add(part):
                return parcel.close(), vector, True
    return parcel.close(), vector, False


def _parts(connection: sqlite3.Connection, origin: KnownOrigin, first: int, last: int) -> Iterator[Part]:
    """Yield what is known of an origin from a seq to another; what is left out, from where it was asked."""
    name = origin.name
    for begin, end, chain in connection.execute(_SKIPS, (origin.number, first, last)):
        if begin > first:
            yield from _items(connection, origin, first, begin - 1)
        yield Skip(name, max(begin, first), end, chain)
        first = end + 1
    yield from _items(connection, origin, first, last)


def _items(connection: sqlite3.Connection, origin: KnownOrigin, first: int, last: int) -> Iterator[Item]:
    rows: Iterable[tuple[Any, ...]] = connection.execute(_EVENTS, (origin.number, first, last))
    name = origin.name
    for seq, identity, kind, aggregate, data, metadata, context, hlc, chain, hashes in rows:
        if hashes is None:
            yield Item(name, seq, identity, kind, aggregate, data, metadata, context, hlc, chain)
        else:
            yield Item(name, seq, identity, kind, aggregate, "", "", context, hlc, chain, hashes)


def _time(part: Part) -> int:
    return part.hlc if isinstance(part, Item) else 0


def _last(part: Part) -> int:
    return part.seq if isinstance(part, Item) else part.last
