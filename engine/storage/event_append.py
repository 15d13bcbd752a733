"""Give new events their numbers, times and chain, and write them: inside somebody's transaction."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import json
from msgspec.structs import replace

from engine.clock import Clock
from engine.events.chain import BEFORE_FIRST, canonical, header, link
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

AGGREGATES_REMEMBERED = 20_000


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


class Appender:
    """Writes events under one node's origin. Used in the writer's thread, under the write lock."""

    def __init__(self, database: Database, clock: Clock, node: str, redactor: Redactor) -> None:
        self._database = database
        self._clock = clock
        self._node = node
        self._redactor = redactor
        self._generation = -1
        self._head: _Head | None = None

    def append_in(self, connection: sqlite3.Connection, events: Sequence[NewEvent]) -> list[Event]:
        """Append inside a transaction that `Database.write` began, so that rows and events are kept together or not at
        all. Data and metadata are redacted before anything else."""
        if not events:
            return []
        head, self._head = self._current_head(connection), None  # known again only if all goes well
        type_ids = _count_types(connection, events)
        now_ms = int(self._clock.now().timestamp() * 1000)
        origin, origin_id, contexts = head.origin, head.origin_id, head.contexts
        written: list[Event] = []
        rows: list[tuple[object, ...]] = []
        for given, identity in zip(events, new_ids(now_ms, len(events)), strict=True):
            event, data, metadata = self._encoded(given)
            context = contexts.get(event.aggregate_id)
            if context is None:
                context = _context_after_newest(connection, event.aggregate_id)
            head.position += 1
            head.seq += 1
            head.stamp = tick(head.stamp, now_ms)
            encoded_header = header(identity, event.type, event.aggregate_id, (origin, head.seq), context, head.stamp)
            head.chain = link(head.chain, encoded_header, data, metadata)
            contexts[event.aggregate_id] = {**context, origin: head.seq}
            rows.append(
                (head.position, identity, type_ids[event.type], event.aggregate_id, data.decode(),
                 metadata.decode(), origin_id, head.seq, canonical(context).decode(), head.stamp, head.chain)
            )  # fmt: skip
            written.append(
                Event(
                    position=Position(head.position), id=identity, type=event.type, aggregate_id=event.aggregate_id,
                    data=event.data, metadata=event.metadata, origin=origin, seq=head.seq, context=context,
                    hlc=head.stamp, chain=head.chain.hex(),
                )
            )  # fmt: skip
        connection.executemany(_INSERT, rows)
        self._head = head
        return written

    def _encoded(self, event: NewEvent) -> tuple[NewEvent, bytes, bytes]:
        """Return an event without secrets, and its canonical data and metadata."""
        data, metadata = canonical(event.data), canonical(event.metadata)
        if self._redactor.suspects((data + metadata).decode()):
            event = replace(event, data=self._redactor.value(event.data), metadata=self._redactor.value(event.metadata))
            data, metadata = canonical(event.data), canonical(event.metadata)
        return event, data, metadata

    def _current_head(self, connection: sqlite3.Connection) -> _Head:
        """Return the head as last left, or read it from the file when something else was written or undone since."""
        if self._head is not None and self._generation == self._database.generation:
            if len(self._head.contexts) > AGGREGATES_REMEMBERED:
                self._head.contexts.clear()
            return self._head
        self._generation = self._database.generation
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


def _count_types(connection: sqlite3.Connection, events: Sequence[NewEvent]) -> dict[str, int]:
    """Add to the counter of each type; return the types' numbers."""
    counts = Counter([event.type for event in events])
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
    """Return identities for events: UUIDs of version 7 (RFC 9562 §5.7), so that they sort roughly by time."""
    time = f"{now_ms:012x}"
    prefix = f"{time[:8]}-{time[8:]}-7"
    chance = os.urandom(10 * count).hex()
    return [
        f"{prefix}{r[:3]}-{'89ab'[int(r[3], 16) & 3]}{r[4:7]}-{r[7:19]}"
        for r in (chance[start : start + 20] for start in range(0, 20 * count, 20))
    ]
