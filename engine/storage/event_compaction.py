"""Find what of the log says nothing any more and everybody knows, and take it out; marks stay in its place.

What goes: events of aggregates that everybody knows in full and nobody disagrees about, whose writes were all written
again later; and Syncdeck's own journal. Both only before a time. What stays whatever its age: the newest event of each
origin and of each aggregate, contested aggregates, what an operator settled, redactions and new incarnations.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from engine.events.chain import canonical
from engine.events.event import Event, Origin
from engine.events.merging.superseded import superseded
from engine.events.own import OWN_KINDS
from engine.events.vector import Vector, merge
from engine.storage.event_digest import STATE_EVENTS, foreign_names, state_event

WHY = "compacted"
KEPT_JOURNAL = frozenset({"event", "node"})
"""Kinds of our own journal that every later peer has to hear of."""

AT_ONCE = 2_000
"""Events that are taken out in one transaction: some 20 ms, in which others wait."""

_IN_RANGE = f"{STATE_EVENTS} WHERE e.aggregate >= ? AND e.aggregate < ? ORDER BY e.aggregate, e.position"

_JOURNAL = """
    SELECT e.position, e.aggregate, o.name, e.seq FROM event e JOIN event_origin o ON o.id = e.origin
    WHERE e.aggregate >= ? AND e.aggregate < ? AND e.hlc < ?
    AND e.seq < (SELECT max(seq) FROM event WHERE origin = e.origin) ORDER BY e.aggregate, e.position
"""

_NEWEST_OF_ORIGINS = """
    SELECT e.position FROM event_origin o
    JOIN event e ON e.origin = o.id AND e.seq = (SELECT max(seq) FROM event WHERE origin = o.id)
"""

_SIZES = """
    SELECT t.name, length(e.data) + length(e.metadata) + length(e.context) + length(e.aggregate)
    FROM event e JOIN event_type t ON t.id = e.type WHERE e.position IN (SELECT value FROM json_each(?))
"""

ROW_BYTES = 170
"""What an event takes beside its texts: numbers, id, chain, and its places in the indexes."""

_aggregate = attrgetter("aggregate_id")


class Group(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is to go of one aggregate."""

    aggregate: str
    newest: int
    """Position of its newest event when it was looked at; 0 for our own journal: later events change nothing."""
    positions: array[int]


class Compaction(msgspec.Struct, frozen=True, kw_only=True):
    """What would go."""

    groups: tuple[Group, ...]
    by_type: dict[str, int]
    bytes: int
    contested: int
    """Aggregates that stay whole because they are contested."""

    @property
    def events(self) -> int:
        return sum(len(group.positions) for group in self.groups)

    def positions(self) -> Iterator[list[int]]:
        """Yield all positions, some thousand at a time."""
        some: list[int] = []
        for group in self.groups:
            some += group.positions
            if len(some) >= AT_ONCE:
                yield some
                some = []
        if some:
            yield some


def find(connection: sqlite3.Connection, known: Vector, before: int) -> Compaction:
    """Return what may go of events stamped `before` a time, given what everybody knows; in one reading transaction."""
    contested: dict[str, bool] = dict(connection.execute("SELECT aggregate, NOT quiet FROM contested"))
    last = {position for (position,) in connection.execute(_NEWEST_OF_ORIGINS)}
    groups = [*_superseded(connection, contested, known, before, last), *_journal(connection, known, before)]
    found = Compaction(groups=tuple(groups), by_type={}, bytes=0, contested=sum(contested.values()))
    by_type: Counter[str] = Counter()
    size = 0
    for positions in found.positions():
        for type_name, length in connection.execute(_SIZES, (canonical(positions).decode(),)):
            by_type[type_name] += 1
            size += length + ROW_BYTES
    return msgspec.structs.replace(found, by_type=dict(by_type.most_common()), bytes=size)


def _superseded(
    connection: sqlite3.Connection, contested: Collection[str], known: Vector, before: int, last: set[int]
) -> Iterator[Group]:
    for span in foreign_names():
        rows = connection.execute(_IN_RANGE, span)
        for aggregate, some in groupby(map(state_event, rows), _aggregate):
            events = list(some)
            if len(events) == 1 or events[0].hlc >= before or aggregate in contested or not _knows(known, events[-1]):
                continue
            gone = [event.position for event in superseded(events, before) if event.position not in last]
            if gone:
                yield Group(aggregate=aggregate, newest=events[-1].position, positions=array("q", gone))


def _knows(known: Vector, newest: Event) -> bool:
    """Tell whether everybody knows an aggregate in full: its newest event, and all that this one knew."""
    all_of_it = merge({Origin(origin): seq for origin, seq in newest.context.items()}, {newest.origin: newest.seq})
    return all(known.get(origin, 0) >= seq for origin, seq in all_of_it.items())


def _journal(connection: sqlite3.Connection, known: Vector, before: int) -> Iterator[Group]:
    for kind in sorted(OWN_KINDS - KEPT_JOURNAL):
        rows = connection.execute(_JOURNAL, (f"{kind}:", f"{kind};", before))
        for aggregate, some in groupby(rows, lambda row: row[1]):
            gone = [position for position, _, origin, seq in some if known.get(origin, 0) >= seq]
            if gone:
                yield Group(aggregate=aggregate, newest=0, positions=array("q", gone))


def batches(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Put groups together for one transaction each; a very large one is divided."""
    batch: list[Group] = []
    size = 0
    for group in groups:
        for start in range(0, len(group.positions), AT_ONCE):
            part = msgspec.structs.replace(group, positions=group.positions[start : start + AT_ONCE])
            batch.append(part)
            size += len(part.positions)
            if size >= AT_ONCE:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
