"""Give new events their numbers, times and chain, and write them: inside somebody's transaction."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import json
from msgspec.structs import replace

from engine.clock import Clock
from engine.events.chain import BEFORE_FIRST, canonical, hashed, header, link
from engine.events.event import Event, NewEvent, Origin, Position
from engine.events.hlc import tick
from engine.redaction import Redactor
from engine.storage.database import Database

_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_COUNT_TYPE = """
    INSERT INTO event_type (name, count) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET count = count + excluded.count RETURNING id
"""

_NEWEST_OF_AGGREGATE = """
    SELECT o.name, e.seq, e.context FROM event e JOIN event_origin o ON o.id = e.origin
    WHERE e.aggregate = ? ORDER BY e.position DESC LIMIT 1
"""

_NEWEST_OF_EACH_ORIGIN = """
    SELECT o.name, e.seq, e.hlc, e.chain FROM event_origin o
    JOIN event e ON e.origin = o.id AND e.seq = (SELECT max(seq) FROM event WHERE origin = o.id)
"""

REMEMBERED = 20_000
"""Aggregates, and metadata, of which something is kept in memory: a few megabytes."""


@dataclass(slots=True)
class _Head:
    """Where the log stands, seen by one origin: what the next event follows."""

    origin: Origin
    origin_id: int
    position: int
    seq: int
    stamp: int
    chain: bytes
    contexts: dict[str, dict[str, int]]
    """The context of the next event of each aggregate seen lately."""


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """An event without secrets, encoded: all that can be done before its place in the log is known."""

    event: NewEvent
    data: str
    metadata: str
    payload_hashes: bytes


class Appender:
    """Writes events under one node's origin.

    `prepare` may run in any thread; the others run in the writer's, inside a transaction that `Database.write` began.
    """

    def __init__(self, database: Database, clock: Clock, node: str, redactor: Redactor) -> None:
        self._database = database
        self._clock = clock
        self._node = node
        self._redactor = redactor
        self._generation = -1
        self._head: _Head | None = None
        self._metadata_hashes: dict[bytes, bytes] = {}

    def append_in(self, connection: sqlite3.Connection, events: Sequence[NewEvent]) -> list[Event]:
        """Append events, so that they are kept together with the rows of the same work or not at all."""
        return self.write_in(connection, self.prepare(events))

    def prepare(self, events: Sequence[NewEvent]) -> list[Prepared]:
        """Hide secrets and encode. Raises `TypeError` or `UnicodeError` for what JSON cannot hold."""
        prepared: list[Prepared] = []
        hashes = self._metadata_hashes  # events of one run have the same metadata
        if len(hashes) > REMEMBERED:
            hashes.clear()
        for given in events:
            event, data, metadata = given, canonical(given.data), canonical(given.metadata)
            if self._redactor.suspects((data + metadata).decode()):
                event = replace(
                    given, data=self._redactor.value(given.data), metadata=self._redactor.value(given.metadata)
                )
                data, metadata = canonical(event.data), canonical(event.metadata)
            if (metadata_hash := hashes.get(metadata)) is None:
                metadata_hash = hashes[metadata] = hashed(metadata)
            if not (event.type.isascii() and event.aggregate_id.isascii()):
                canonical((event.type, event.aggregate_id))  # fails here, at its caller's, not for a whole group
            prepared.append(Prepared(event, data.decode(), metadata.decode(), hashed(data) + metadata_hash))
        return prepared

    def write_in(self, connection: sqlite3.Connection, prepared: Sequence[Prepared]) -> list[Event]:
        """Number prepared events, link them to the chain and insert them."""
        if not prepared:
            return []
        head, self._head = self._current_head(connection), None  # known again only if all goes well
        types = _count_types(connection, prepared)
        now_ms = int(self._clock.now().timestamp() * 1000)
        origin, contexts = head.origin, head.contexts
        position, seq, stamp, chain = head.position, head.seq, head.stamp, head.chain
        written: list[Event] = []
        rows: list[tuple[object, ...]] = []
        for each, identity in zip(prepared, new_ids(now_ms, len(prepared)), strict=True):
            event, about = each.event, each.event.aggregate_id
            context = contexts.get(about)
            if context is None:
                context = _context_after_newest(connection, about)
            position, seq, stamp = position + 1, seq + 1, tick(stamp, now_ms)
            chain = link(chain, each.payload_hashes, header(identity, event.type, about, (origin, seq), context, stamp))
            contexts[about] = {**context, origin: seq}
            rows.append(
                (position, identity, types[event.type], about, each.data, each.metadata, head.origin_id,
                 seq, canonical(context).decode(), stamp, chain)
            )  # fmt: skip
            written.append(
                Event(
                    position=Position(position), id=identity, type=event.type, aggregate_id=about, data=event.data,
                    metadata=event.metadata, origin=origin, seq=seq, context=context, hlc=stamp, chain=chain.hex(),
                )
            )  # fmt: skip
        connection.executemany(_INSERT, rows)
        head.position, head.seq, head.stamp, head.chain = position, seq, stamp, chain
        self._head = head
        return written

    def _current_head(self, connection: sqlite3.Connection) -> _Head:
        """Return the head as last left, or read it from the file when others wrote or something was undone since."""
        known = self._generation == self._database.generation and self._database.last_appender is self
        if self._head is not None and known:
            if len(self._head.contexts) > REMEMBERED:
                self._head.contexts.clear()
            return self._head
        self._generation, self._database.last_appender = self._database.generation, self
        origin, origin_id = _own_origin(connection, self._node)
        head = _Head(origin, origin_id, position=0, seq=0, stamp=0, chain=BEFORE_FIRST, contexts={})
        (last,) = connection.execute("SELECT max(position) FROM event").fetchone()
        head.position = last or 0
        for name, seq, stamp, chain in connection.execute(_NEWEST_OF_EACH_ORIGIN):
            head.stamp = max(head.stamp, stamp)
            if name == origin:
                head.seq, head.chain = seq, chain
        return head


def _own_origin(connection: sqlite3.Connection, node: str) -> tuple[Origin, int]:
    """Return the origin that this node writes under; the first call for a node begins its first incarnation."""
    key = f"origin:{node}"
    connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, f"{node}~{os.urandom(4).hex()}"))
    (name,) = connection.execute("SELECT value FROM meta WHERE name = ?", (key,)).fetchone()
    connection.execute("INSERT OR IGNORE INTO event_origin (name) VALUES (?)", (name,))
    (number,) = connection.execute("SELECT id FROM event_origin WHERE name = ?", (name,)).fetchone()
    return Origin(name), int(number)


def _count_types(connection: sqlite3.Connection, prepared: Sequence[Prepared]) -> dict[str, int]:
    """Add to the counter of each type; return the types' numbers."""
    counts = Counter([each.event.type for each in prepared])
    return {name: connection.execute(_COUNT_TYPE, (name, count)).fetchone()[0] for name, count in counts.items()}


def _context_after_newest(connection: sqlite3.Connection, aggregate: str) -> dict[str, int]:
    """Return what is known of an aggregate: what its newest event knew, and that event."""
    newest = connection.execute(_NEWEST_OF_AGGREGATE, (aggregate,)).fetchone()
    if newest is None:
        return {}
    origin, seq, context = newest
    known: dict[str, int] = json.decode(context)
    return {**known, origin: seq}


def new_ids(now_ms: int, count: int) -> list[str]:
    """Return identities for events: UUIDs of version 7 that count on from chance (RFC 9562 §5.7, §6.2 method 2)."""
    time, chance = f"{now_ms:012x}", os.urandom(10).hex()
    variant = "89ab"[int(chance[0], 16) & 3]
    prefix = f"{time[:8]}-{time[8:]}-7{chance[1:4]}-{variant}{chance[4:7]}-"
    first = int(chance[8:], 16)
    return [f"{prefix}{number:012x}" for number in range(first, first + count)]
