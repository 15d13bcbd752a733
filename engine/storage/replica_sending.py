"""What a peer lacks, read in bounded pieces: never the backlog, only the next of each origin and what goes out now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

from engine.events.event import Origin
from engine.events.replicating.messages import Item, Limits, Selection, Skip, Span
from engine.events.replicating.selecting import wanted_by
from engine.events.vector import Vector
from engine.storage.event_rows import read_vector

Part = Item | Skip

LOOKS_PER_ITEM = 20
"""A filter that leaves nearly everything out ends a batch after so many events looked at for each that may go out."""

LEAST_PAGE, LARGEST_PAGE = 4, 500
"""Events of one origin that are looked up at once, without payloads: fewer where many origins share a batch."""

ENVELOPE_BYTES = 160
"""Of an item beside its texts of any length: origin, id, chain and numbers."""

_HELD = """
    SELECT e.seq, e.hlc, e.position, t.name, e.aggregate, e.chain FROM event e JOIN event_type t ON t.id = e.type
    WHERE e.origin = ? AND e.seq BETWEEN ? AND ? ORDER BY e.seq LIMIT ?
"""

_PAYLOAD = "SELECT id, data, metadata, context, hashes FROM event WHERE position = ?"

_SKIPS = """
    SELECT first, last, chain FROM event_skip
    WHERE origin = ?1 AND first <= ?3 AND last >= ?2
        AND first >= coalesce((SELECT max(first) FROM event_skip WHERE origin = ?1 AND first <= ?2), ?2)
    ORDER BY first LIMIT ?4
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
    skips: bool
    """Some of its events are left out here."""


class Held(NamedTuple):
    """An event that is here, without its payload, which may be large."""

    origin: Origin
    seq: int
    hlc: int
    position: int
    type: str
    aggregate: str
    chain: bytes


Way = Iterator[Held | Skip]
"""What is known of an origin, one after the other."""


def known_origins(connection: sqlite3.Connection) -> dict[Origin, KnownOrigin]:
    """Return all origins of which anything is known."""
    return {
        name: KnownOrigin(name, number, max(held, skipped), skipped > 0)
        for name, number, held, skipped in connection.execute(_ORIGINS)
        if held or skipped
    }


class Parcel:
    """Items of one batch, within limits: what is not wanted becomes marks, joined to runs."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits, wanted: Selection) -> None:
        self._connection = connection
        self._parts: list[Part] = []
        self._limits = limits
        self._wants = wanted_by(wanted)
        self._bytes = 0
        self._looks = limits.items * LOOKS_PER_ITEM
        self._pending: dict[Origin, Skip] = {}
        """Runs of what is left out, not sent yet: they may become longer."""

    def add(self, part: Held | Skip) -> bool:
        """Put the next of its origin in; False: it is full, and this one has to wait."""
        if self._looks == 0:
            return False
        self._looks -= 1
        if isinstance(part, Skip):
            return self._leave_out(part)
        if self._wants is not None and not self._wants(part.type, part.aggregate):
            return self._leave_out(Skip(part.origin, part.seq, part.seq, part.chain))
        item = self._load(part)
        size = len(item.data) + len(item.metadata) + len(item.context) + len(item.aggregate) + ENVELOPE_BYTES
        full = len(self._parts) + len(self._pending) >= self._limits.items or self._bytes + size > self._limits.bytes
        if full and (self._parts or self._pending):
            return False
        if self._pending:
            self._send_before(item)
        self._parts.append(item)
        self._bytes += size
        return True

    def close(self) -> tuple[Part, ...]:
        """Return all that goes out."""
        return (*self._parts, *self._pending.values())

    def _load(self, held: Held) -> Item:
        row = self._connection.execute(_PAYLOAD, (held.position,)).fetchone()
        identity, data, metadata, context, hashes = row
        origin, seq, hlc, _, kind, aggregate, chain = held
        if hashes is None:
            return Item(origin, seq, identity, kind, aggregate, data, metadata, context, hlc, chain)
        return Item(origin, seq, identity, kind, aggregate, "", "", context, hlc, chain, hashes)

    def _leave_out(self, skip: Skip) -> bool:
        run = self._pending.get(skip.origin)
        if run is None and len(self._parts) + len(self._pending) >= self._limits.items:
            return False
        self._pending[skip.origin] = Skip(skip.origin, run.first if run else skip.first, skip.last, skip.chain)
        return True

    def _send_before(self, item: Item) -> None:
        """Send the runs that an event follows or builds on."""
        for origin in (item.origin, *read_vector(item.context)):
            run = self._pending.pop(origin, None)
            if run is not None:
                self._parts.append(run)


def next_lacking(
    connection: sqlite3.Connection, vector: Vector, limits: Limits, wanted: Selection
) -> tuple[tuple[Part, ...], Mapping[Origin, int], bool]:
    """Return the next items for whoever has this vector, all that is known here, and whether there is more.

    In the order of time: whoever writes gives a later time than any he knows, so causes come before effects.
    """
    origins = known_origins(connection)
    lacking = [origin for origin in origins.values() if origin.seq > vector.get(origin.name, 0)]
    parcel = Parcel(connection, limits, wanted)
    page = max(LEAST_PAGE, min(LARGEST_PAGE, 2 * limits.items // (len(lacking) or 1)))
    ways: list[tuple[int, Origin, Held | Skip, Way]] = []
    for origin in lacking:
        way = _way(connection, origin, (vector.get(origin.name, 0) + 1, origin.seq), page)
        part = next(way)
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
    parcel = Parcel(connection, limits, wanted)
    for span in spans:
        known = origins.get(span.origin)
        for part in _way(connection, known, (span.first, span.last), LARGEST_PAGE) if known else ():
            if isinstance(part, Skip) and part.last > span.last:
                break  # its chain is that of a later event
            if not parcel.add(part):
                return parcel.close(), vector, True
    return parcel.close(), vector, False


def _way(connection: sqlite3.Connection, origin: KnownOrigin, span: tuple[int, int], page: int) -> Way:
    """Yield what is known of an origin from a seq to another; what is left out, from where it was asked.

    Read in pages, none of which stays open: with thousands of statements open, SQLite takes a millisecond for each.
    """
    first, last = span
    skips = _skips(connection, origin, span, page) if origin.skips else ()
    for begin, end, chain in skips:
        yield from _held(connection, origin, (first, begin - 1), page)
        yield Skip(origin.name, max(begin, first), end, chain)
        first = end + 1
    yield from _held(connection, origin, (first, last), page)


def _skips(
    connection: sqlite3.Connection, origin: KnownOrigin, span: tuple[int, int], page: int
) -> Iterator[tuple[int, int, bytes]]:
    first, last = span
    rows = [(first, first, b"")]
    while rows:
        rows = connection.execute(_SKIPS, (origin.number, first, last, page)).fetchall()
        yield from rows
        first = rows[-1][1] + 1 if rows else first


def _held(connection: sqlite3.Connection, origin: KnownOrigin, span: tuple[int, int], page: int) -> Iterator[Held]:
    first, last = span
    while first <= last:
        rows = connection.execute(_HELD, (origin.number, first, last, page)).fetchall()
        for row in rows:
            yield Held(origin.name, *row)
        if len(rows) < page:
            return
        first = rows[-1][0] + 1


def _time(part: Held | Skip) -> int:
    return 0 if isinstance(part, Skip) else part.hlc
