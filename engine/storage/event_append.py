"""Give new events their numbers, times and chain, and write them: inside somebody's transaction."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec
from msgspec import Raw

from engine.clock import Clock
from engine.events.chain import BEFORE_FIRST, canonical, hashed, header, link
from engine.events.event import NewEvent, Origin
from engine.events.hlc import tick
from engine.redaction import Redactor
from engine.storage.appended import Appended
from engine.storage.database import Database
from engine.storage.event_rows import read_context

_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"

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
    alone: bool
    """No other origin has events in this file, so a context names this one or nobody."""
    contexts: dict[str, str]
    """The context of the next event of each aggregate seen lately, as canonical JSON."""


class _Harmless:
    """Metadata without secrets, as far as the redactor knew then, and its hash: events of one run have the same."""

    def __init__(self, knowledge: object) -> None:
        self.knowledge = knowledge
        self.hashes: dict[bytes, bytes] = {}


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """An event without secrets, encoded: all that can be done before its place in the log is known."""

    type: str
    aggregate: str
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
        self._harmless = _Harmless(redactor.knowledge)

    def append_in(self, connection: sqlite3.Connection, events: Sequence[NewEvent]) -> Appended:
        """Append events, so that they are kept together with the rows of the same work or not at all."""
        return self.write_in(connection, self.prepare(events))

    def prepare(self, events: Sequence[NewEvent]) -> list[Prepared]:
        """Hide secrets and encode. Raises `TypeError` or `UnicodeError` for what JSON cannot hold."""
        hashes = self._hashes_of_harmless()
        payloads = [canonical(event.data) for event in events]
        doubtful = self._redactor.suspects(b"\n".join(payloads).decode())  # one look at all: a third of the time
        prepared: list[Prepared] = []
        for event, payload in zip(events, payloads, strict=True):
            data, metadata = payload, canonical(event.metadata)
            metadata_hash = None if doubtful else hashes.get(metadata)
            if metadata_hash is None:
                if self._redactor.suspects((data + metadata).decode()):
                    data = canonical(self._redactor.value(event.data))
                    metadata = canonical(self._redactor.value(event.metadata))
                    metadata_hash = hashed(metadata)
                else:
                    metadata_hash = hashes[metadata] = hashed(metadata)
            if not (event.type.isascii() and event.aggregate_id.isascii()):
                canonical((event.type, event.aggregate_id))  # fails here, at its caller's, not for a whole group
            hashes_of_both = hashed(data) + metadata_hash
            prepared.append(Prepared(event.type, event.aggregate_id, data.decode(), metadata.decode(), hashes_of_both))
        return prepared

    def _hashes_of_harmless(self) -> dict[bytes, bytes]:
        """Return the metadata known to be harmless, none after a new secret. A prepare that began before the secret
        keeps the old ones to itself."""
        knowledge, harmless = self._redactor.knowledge, self._harmless
        if harmless.knowledge is not knowledge or len(harmless.hashes) > REMEMBERED:
            harmless = self._harmless = _Harmless(knowledge)
        return harmless.hashes

    def write_in(self, connection: sqlite3.Connection, prepared: Sequence[Prepared]) -> Appended:
        """Number prepared events, link them to the chain and insert them."""
        head, self._head = self._current_head(connection), None  # known again only if all goes well
        types = _count_types(connection, prepared)
        rows = self._rows(connection, head, prepared, types)
        connection.executemany(_INSERT, rows)
        self._head = head
        return Appended(rows, types, head.origin)

    def _rows(
        self, connection: sqlite3.Connection, head: _Head, prepared: Sequence[Prepared], types: Mapping[str, int]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of events that follow the head, and move it on."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        stamp, stamps = head.stamp, count(tick(head.stamp, now_ms))
        origin, origin_id, alone, contexts = head.origin, head.origin_id, head.alone, head.contexts
        quoted, chain = canonical(origin).decode(), head.chain
        rows: list[tuple[Any, ...]] = []
        numbered = zip(prepared, new_ids(now_ms, len(prepared)), count(head.seq + 1), stamps)
        for position, (each, identity, seq, stamp) in enumerate(numbered, start=head.position + 1):
            about = each.aggregate
            context = contexts.get(about) or _context_after_newest(connection, about)
            known = Raw(context.encode())
            chain = link(chain, each.payload_hashes, header(identity, each.type, about, (origin, seq), known, stamp))
            # Alone, it is written by hand: half a microsecond less for each event than reading and merging.
            contexts[about] = f"{{{quoted}:{seq}}}" if alone else _after(context, origin, seq)
            rows.append((position, identity, types[each.type], about, each.data, each.metadata, origin_id, seq,
                         context, stamp, chain))  # fmt: skip
        head.position, head.seq = head.position + len(rows), head.seq + len(rows)
        head.stamp, head.chain = stamp, chain
        return rows

    def _current_head(self, connection: sqlite3.Connection) -> _Head:
        """Return the head as last left, or read it from the file when others wrote or something was undone since."""
        known = self._generation == self._database.generation and self._database.last_appender is self
        if self._head is not None and known:
            if len(self._head.contexts) > REMEMBERED:
                self._head.contexts.clear()
            return self._head
        self._generation, self._database.last_appender = self._database.generation, self
        origin, origin_id = _own_origin(connection, self._node)
        head = _Head(origin, origin_id, position=0, seq=0, stamp=0, chain=BEFORE_FIRST, alone=True, contexts={})
        (last,) = connection.execute("SELECT max(position) FROM event").fetchone()
        head.position = last or 0
        for name, seq, stamp, chain in connection.execute(_NEWEST_OF_EACH_ORIGIN):
            head.stamp = max(head.stamp, stamp)
            if name == origin:
                head.seq, head.chain = seq, chain
            else:
                head.alone = False
        return head


def _own_origin(connection: sqlite3.Connection, node: str) -> tuple[Origin, int]:
    """Return the origin that this node writes under; the first call for a node begins its first incarnation."""
    key = f"origin:{node}"
    connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, f"{node}~{os.urandom(4).hex()}"))
    (name,) = connection.execute("SELECT value FROM meta WHERE name = ?", (key,)).fetchone()
    connection.execute("INSERT OR IGNORE INTO event_origin (name, writer) VALUES (?, 'own')", (name,))
    (number,) = connection.execute("SELECT id FROM event_origin WHERE name = ?", (name,)).fetchone()
    return Origin(name), int(number)


def _count_types(connection: sqlite3.Connection, prepared: Sequence[Prepared]) -> dict[str, int]:
    """Add to the counter of each type; return the types' numbers."""
    counts = Counter([each.type for each in prepared])
    return {name: connection.execute(_COUNT_TYPE, (name, count)).fetchone()[0] for name, count in counts.items()}


def _context_after_newest(connection: sqlite3.Connection, aggregate: str) -> str:
    """Return what is known of an aggregate: what its newest event knew, and that event."""
    newest = connection.execute(_NEWEST_OF_AGGREGATE, (aggregate,)).fetchone()
    if newest is None:
        return "{}"
    origin, seq, context = newest
    return _after(context, origin, seq)


def _after(context: str, origin: str, seq: int) -> str:
    """Return a context to which one more event became known."""
    return canonical({**read_context(context), origin: seq}).decode()


def new_ids(now_ms: int, count: int) -> list[str]:
    """Return identities for events: UUIDs of version 7 that count on from chance (RFC 9562 §5.7, §6.2 method 2)."""
    time, chance = f"{now_ms:012x}", os.urandom(10).hex()
    variant = "89ab"[int(chance[0], 16) & 3]
    prefix = f"{time[:8]}-{time[8:]}-7{chance[1:4]}-{variant}{chance[4:7]}-"
    first = int(chance[8:], 16)
    return [f"{prefix}{number:012x}" for number in range(first, first + count)]
