"""How the states of all aggregates add up: equal on two nodes that hold the same events, whatever their rules.

The sums are taken over hashes (`state_hash`), which needs no order, so aggregates are streamed; one that differs shows
in one of 256 buckets. Syncdeck's own journal is left out: it is about one workspace, and has no state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from msgspec import json

from engine.events.chain import DIGEST_BYTES, canonical
from engine.events.event import Event, Origin, Position
from engine.events.merging.evaluate import state_hash
from engine.events.own import OWN_KINDS, OWN_TYPES
from engine.events.replicating.messages import Digest, DigestQuestion
from engine.storage.database import Database, Row
from engine.storage.event_history import NEWEST_OF_EACH_ORIGIN
from engine.storage.event_rows import read_context

BUCKETS = 256
SUM_BITS = 128
AT_ONCE = 500
"""Aggregates whose events are read with one statement, when only some are asked for."""

STATE_EVENTS = """
    SELECT e.position, t.name, e.aggregate, e.data, e.metadata, o.name, e.seq, e.context, e.hlc, e.hashes
    FROM event e JOIN event_type t ON t.id = e.type JOIN event_origin o ON o.id = e.origin
"""
_IN_RANGE = f"{STATE_EVENTS} WHERE e.aggregate >= ? AND e.aggregate < ? ORDER BY e.aggregate, e.position"
_AMONG = "IN (SELECT value FROM json_each(?))"
_NAMED = f"{STATE_EVENTS} WHERE e.aggregate {_AMONG} ORDER BY e.aggregate, e.position"
_NAMES = "SELECT DISTINCT aggregate FROM event WHERE aggregate >= ? AND aggregate < ?"
_AFTER_ALL_NAMES = b""
"""To SQLite every text is less than any blob."""

_aggregate = attrgetter("aggregate_id")


class EventDigest:
    """Answers `DigestQuestion`: what a `StoredReplica` is given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, question: DigestQuestion) -> Digest:
        """Return the sums, or the hashes in some buckets, of one state of the file. Takes some 20 µs an aggregate."""
        return await self._database.read(lambda connection: digest(connection, question))


def digest(connection: sqlite3.Connection, question: DigestQuestion) -> Digest:
    """Return the answer, within a transaction that reads."""
    vector = {Origin(name): seq for name, seq in connection.execute(NEWEST_OF_EACH_ORIGIN) if seq}
    if question.buckets:
        wanted = frozenset(question.buckets)
        hashes = {name: state.hex() for name, state in _states(_events_of(connection, _names(connection, wanted)))}
        return Digest(vector=vector, aggregates=hashes)
    sums = [0] * BUCKETS
    for name, state in _states(_all_events(connection)):
        sums[bucket_of(name)] += int.from_bytes(state)
    return Digest(vector=vector, sums=tuple(f"{each % 2**SUM_BITS:032x}" for each in sums))


def bucket_of(aggregate: str) -> int:
    """Return the bucket that an aggregate is summed in."""
    return blake2b(aggregate.encode(), digest_size=DIGEST_BYTES).digest()[0]


def _states(events: Iterable[Event]) -> Iterator[tuple[str, bytes]]:
    for aggregate, some in groupby(events, _aggregate):
        yield aggregate, state_hash(aggregate, list(some))


def _all_events(connection: sqlite3.Connection) -> Iterator[Event]:
    for span in foreign_names():
        yield from map(state_event, connection.execute(_IN_RANGE, span))


def _names(connection: sqlite3.Connection, buckets: Collection[int]) -> Iterator[str]:
    """Yield the aggregates in some buckets, from the index alone."""
    for span in foreign_names():
        for (aggregate,) in connection.execute(_NAMES, span):
            if bucket_of(aggregate) in buckets:
                yield aggregate


def _events_of(connection: sqlite3.Connection, aggregates: Iterator[str]) -> Iterator[Event]:
    while some := list(islice(aggregates, AT_ONCE)):
        yield from map(state_event, connection.execute(_NAMED, (canonical(some).decode(),)))


def foreign_names() -> Iterator[tuple[str, str | bytes]]:
    """Yield the ranges of names between those of our own journal: all `run:…` stand from `run:` to before `run;`."""
    kinds = sorted(OWN_KINDS)
    firsts = ["", *(f"{kind};" for kind in kinds)]
    ends = [*(f"{kind}:" for kind in kinds), _AFTER_ALL_NAMES]
    yield from zip(firsts, ends, strict=True)


def state_event(row: Row) -> Event:
    """Return an event with all that makes state, and no more: a third of the time."""
    position, type_name, aggregate, data, metadata, origin, seq, context, hlc, hashes = row
    links: dict[str, Any] = json.decode(metadata) if type_name in OWN_TYPES else {}
    return Event(
        position=Position(position),
        id="",
        type=type_name,
        aggregate_id=aggregate,
        data=json.decode(data),
        metadata=links,
        origin=Origin(origin),
        seq=seq,
        context=read_context(context),
        hlc=hlc,
        chain="",
        redacted=hashes is not None,
    )
