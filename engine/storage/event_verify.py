"""Examine the log as it lies in the file: every origin's chain, gaps, marks and counters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Raw

from engine.events.chain import BEFORE_FIRST, hashed, header, link
from engine.events.verifying import Break, Link, Mark, Part, walk
from engine.storage.connection import connect, telling
from engine.storage.database import Row

CHUNK = 5_000
"""Rows of one statement: a longer one would keep the write-ahead log from beginning anew."""

MOST_BREAKS = 20
"""So many are told of each origin; where there are more, something larger is wrong."""

_ROWS = """
    SELECT position, id, type, aggregate, data, metadata, seq, context, hlc, chain, hashes FROM event
    INDEXED BY event_by_dot WHERE origin = ? AND seq > ? ORDER BY seq LIMIT ?
"""
_MARKS = "SELECT first, last, chain FROM event_skip WHERE origin = ? AND last >= ? ORDER BY first"

_CHAIN_AT = """
    SELECT chain FROM event WHERE origin = ?1 AND seq = ?2
    UNION ALL SELECT chain FROM event_skip WHERE origin = ?1 AND last = ?2
"""


_FIRST_AFTER = "SELECT min(seq) FROM event WHERE +origin = ? AND position > ?"


class OriginVerified(msgspec.Struct, frozen=True, kw_only=True):
    """What one origin's history is."""

    origin: str
    events: int = 0
    left_out: int = 0
    redacted: int = 0
    breaks: tuple[Break, ...] = ()


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What the examination found."""

    origins: tuple[OriginVerified, ...] = ()
    faults: tuple[str, ...] = ()
    """What is wrong with the log as a whole."""

    @property
    def whole(self) -> bool:
        return not self.faults and not any(origin.breaks for origin in self.origins)

    @property
    def events(self) -> int:
        return sum(origin.events for origin in self.origins)


def verify(path: Path, *, origin: str = "") -> Verified:
    """Compute the chain of every origin again, or of those whose name begins with `origin`. Streams; takes some 4 µs
    for each event. Raises `StorageError` only for a file in which nothing can be read at all."""
    with telling(path), closing(connect(path, read_only=True)) as connection, _texts_as_bytes(connection):
        faults = () if origin else tuple(_counting_faults(connection))
        found = [verify_origin(connection, number, name) for number, name in _origins(connection, origin)]
        if not origin:
            walked, held = sum(each.events for each in found), _held(connection)
            if walked != held and not any(each.breaks for each in found):
                faults += (f"The log holds {held:,} events, of which {walked:,} can be reached by their numbers.",)
        return Verified(origins=tuple(found), faults=faults)


def verify_newest(connection: sqlite3.Connection, newest: int | None) -> tuple[int, str]:
    """Compute the chains of the `newest` events (None: of all); return how many, and the first fault in words."""
    with _texts_as_bytes(connection):
        (last,) = connection.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()
        after = 0 if newest is None else max(0, last - newest)
        checked, fault = 0, next(_counting_faults(connection), "")
        for number, name in _origins(connection, ""):
            (start,) = connection.execute(_FIRST_AFTER, (number, after)).fetchone()
            if start is not None:
                found = verify_origin(connection, number, name, start=start)
                checked += found.events
                fault = fault or next((each.sentence for each in found.breaks), "")
        return checked, fault


def verify_origin(connection: sqlite3.Connection, number: int, name: str, *, start: int = 1) -> OriginVerified:
    """Walk one origin's history from an event on; `connection` gives texts as bytes."""
    before = BEFORE_FIRST if start == 1 else _chain_at(connection, number, start - 1)
    marks = [Mark(*row) for row in connection.execute(_MARKS, (number, start))]
    types = dict(connection.execute("SELECT id, name FROM event_type"))
    try:
        whole = None if before is None else _swiftly(connection, (number, name), types, marks, (start, before))
    except (sqlite3.DatabaseError, ValueError):
        whole = None
    return whole or _slowly(connection, (number, name), types, marks, (start, before))


def _swiftly(
    connection: sqlite3.Connection,
    origin: tuple[int, str],
    types: Mapping[int, bytes],
    marks: Sequence[Mark],
    begin: tuple[int, bytes],
) -> OriginVerified | None:
    """Return what a history is that holds from its beginning to its end; None if anything about it is not as it should
    be: then `_slowly` finds out what. Does for each event what has to be done, and no more."""
    (number, name), (expected, previous) = origin, begin
    kinds, jumps = {kind: text.decode() for kind, text in types.items()}, {mark.first: mark for mark in marks}
    events = redacted = 0
    for rows in _chunks(connection, number, expected - 1):
        for _, identity, kind, aggregate, data, metadata, seq, context, hlc, chain, hashes in rows:
            while seq != expected and (mark := jumps.pop(expected, None)):
                expected, previous = mark.last + 1, mark.chain
            payload = hashes or hashed(data) + hashed(metadata)
            head = header(identity.decode(), kinds[kind], aggregate.decode(), (name, seq), Raw(context), hlc)
            if seq != expected or link(previous, payload, head) != chain:
                return None
            previous, expected = chain, seq + 1
            redacted += hashes is not None
        events += len(rows)
    while mark := jumps.pop(expected, None):
        expected = mark.last + 1
    left_out = sum(mark.last - mark.first + 1 for mark in marks)
    return None if jumps else OriginVerified(origin=name, events=events, left_out=left_out, redacted=redacted)


def _slowly(
    connection: sqlite3.Connection,
    origin: tuple[int, str],
    types: Mapping[int, bytes],
    marks: Sequence[Mark],
    begin: tuple[int, bytes | None],
) -> OriginVerified:
    """Return what a history is, and where and how it does not hold."""
    (number, name), tally = origin, _Tally()
    parts = tally.counted(_merged(_links(connection, number, types, begin[0]), marks))
    breaks: list[Break] = []
    try:
        breaks += islice(walk(name, parts, *begin), MOST_BREAKS)
        for _ in parts:  # the rest is only counted
            pass
    except sqlite3.DatabaseError as error:
        told = f"Nothing of {name} after event {tally.newest} can be read: {error}."
        breaks.append(Break(origin=name, seq=tally.newest + 1, position=0, part=Part.FILE, sentence=told))
    return OriginVerified(
        origin=name, events=tally.events, left_out=tally.left_out, redacted=tally.redacted, breaks=tuple(breaks)
    )


class _Tally:
    """Counts what a walk passes."""

    def __init__(self) -> None:
        self.events = self.left_out = self.redacted = self.newest = 0

    def counted(self, parts: Iterable[Link | Mark]) -> Iterator[Link | Mark]:
        for part in parts:
            if isinstance(part, Mark):
                self.left_out += part.last - part.first + 1
            else:
                self.events += 1
                self.redacted += part.hashes is not None
                self.newest = part.seq
            yield part


@contextmanager
def _texts_as_bytes(connection: sqlite3.Connection) -> Iterator[None]:
    """Let damaged texts be read."""
    before, connection.text_factory = connection.text_factory, bytes
    try:
        yield
    finally:
        connection.text_factory = before


def _origins(connection: sqlite3.Connection, prefix: str) -> list[tuple[int, str]]:
    rows = connection.execute("SELECT id, name FROM event_origin ORDER BY name")
    named = [(number, name.decode(errors="replace")) for number, name in rows]
    return [(number, name) for number, name in named if name.startswith(prefix)]


def _chunks(connection: sqlite3.Connection, number: int, after: int) -> Iterator[list[Row]]:
    """Yield an origin's rows in the order of seq."""
    while rows := connection.execute(_ROWS, (number, after, CHUNK)).fetchall():
        yield rows
        after = rows[-1][6]


def _links(connection: sqlite3.Connection, number: int, types: Mapping[int, bytes], start: int) -> Iterator[Link]:
    for rows in _chunks(connection, number, start - 1):
        for position, identity, kind, *rest in rows:
            yield Link(position, identity, types.get(kind, b""), *rest)


def _merged(links: Iterator[Link], marks: Sequence[Mark]) -> Iterator[Link | Mark]:
    """Put marks between events, in the order of their numbers."""
    waiting = iter(marks)
    mark = next(waiting, None)
    for each in links:
        while mark is not None and mark.first <= each.seq:
            yield mark
            mark = next(waiting, None)
        yield each
    if mark is not None:
        yield mark
        yield from waiting


def _chain_at(connection: sqlite3.Connection, number: int, seq: int) -> bytes | None:
    found = connection.execute(_CHAIN_AT, (number, seq)).fetchone()
    return found[0] if found else None


def _held(connection: sqlite3.Connection) -> int:
    (held,) = connection.execute("SELECT count(*) FROM event NOT INDEXED").fetchone()
    return int(held)


def _counting_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what the writer's counters say against the rows: events that were cut off leave no other trace."""
    held = dict(connection.execute("SELECT type, count(*) FROM event GROUP BY type"))
    for number, name, count in connection.execute("SELECT id, name, count FROM event_type"):
        here = held.pop(number, 0)
        if here != count:
            yield f"{count:,} events of type {name.decode(errors='replace')} were counted, but {here:,} are here."
    if held:
        yield f"{sum(held.values()):,} events have a type that is not known."
