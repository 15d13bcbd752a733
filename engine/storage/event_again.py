"""Before writing: which events are there already, under which origin the others go, and what callers expect.

Reads and refuses; writes nothing but the number of an application's new origin.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from engine.errors import EventRefused, VersionConflict
from engine.events.chain import canonical
from engine.events.event import Dot, NewEvent
from engine.events.log import Version
from engine.events.vector import LARGEST_SEQ, LONGEST_ORIGIN, MOST_ORIGINS
from engine.storage.event_ids import positions_of
from engine.storage.event_preparing import Prepared
from engine.storage.event_redaction import payload_hashes
from engine.storage.event_rows import SELECT, read_vector
from engine.storage.log_tip import APPLICATION, OWN, OriginTip, Tip

Row = tuple[Any, ...]

_AT_POSITION = f"{SELECT} WHERE e.position = ?"
_AT_DOT = f"{SELECT} WHERE e.origin = ? AND e.seq = ?"
_COUNT = "SELECT count(*) FROM event WHERE aggregate = ?"


class Again:
    """Some events that are to be appended, by their places: which are there already, which come twice."""

    def __init__(self, events: Sequence[NewEvent], prepared: Sequence[Prepared]) -> None:
        self.there: dict[int, Row] = {}
        """Rows of `SELECT`."""
        self.same: dict[int, int] = {}
        """Events that stand twice among those asked, and where the first of them is."""
        self.new: list[tuple[int, str]] = []
        """The others, and the origin that the caller gave, or none."""
        self._events = events
        self._prepared = prepared
        self._asked: dict[str | Dot, int] = {}
        self._next: dict[str, int] = {}

    def look(self, connection: sqlite3.Connection, tip: Tip) -> None:
        """Look for events with an id or a dot. Raises `EventRefused` for another content under either."""
        positions = positions_of(connection, [event.id for event in self._events if event.id])
        for place, event in enumerate(self._events):
            dot, identity = event.dot, event.id
            row = _at_dot(connection, tip, dot) if dot else None
            if row is None and identity in positions:
                row = connection.execute(_AT_POSITION, (positions[identity],)).fetchone()
                if row is None:
                    raise EventRefused(f"The event {identity} was here and was compacted: it stays as it was.")
            first = self._asked.get(dot or identity, self._asked.get(identity)) if row is None else None
            if row is not None:
                self._refuse_other_than(row, place)
                self.there[place] = row
            elif first is not None:
                self._refuse_unlike(first, place)
                self.same[place] = first
            else:
                self._note_new(tip, place, event)

    def runs(self, connection: sqlite3.Connection, tip: Tip, node: str) -> Iterator[tuple[OriginTip, list[int]]]:
        """Yield what is to be written, in order, in runs of one origin."""
        for origin, run in groupby(self.new, key=lambda each: each[1]):
            if origin:
                written_as = tip.origins.get(origin) or tip.add_origin(connection, origin, APPLICATION)
            else:
                written_as = tip.own(connection, node)
            yield written_as, [place for place, _ in run]

    def _note_new(self, tip: Tip, place: int, event: NewEvent) -> None:
        if event.dot:
            self._check_next(tip, event.dot)
            self._asked[event.dot] = place
        if event.id:
            self._asked[event.id] = place
        self.new.append((place, event.dot.origin if event.dot else ""))

    def _check_next(self, tip: Tip, dot: Dot) -> None:
        """Raise `EventRefused` unless this is the next event of an application's own origin."""
        known = tip.origins.get(dot.origin)
        if known is None and dot.origin not in self._next:
            _check_origin(tip, dot)
        if known is not None and known.writer != APPLICATION:
            whose = "this node's own" if known.writer == OWN else "another node's, which sent events of it"
            raise EventRefused(
                f"{dot.origin} is {whose}: nobody else may write under it. Give {dot} an origin of your own."
            )
        follows = self._next.get(dot.origin, (known.seq if known else 0) + 1)
        if dot.seq != follows:
            way = "Send those before it first." if dot.seq > follows else "It was compacted, and stays as it was."
            raise EventRefused(f"{dot} cannot be appended: the next of {dot.origin} here is number {follows}. {way}")
        self._next[dot.origin] = follows + 1

    def _refuse_other_than(self, row: Row, place: int) -> None:
        _, identity, kind, about, data, metadata, origin, seq, _, _, _, hashes = row
        event, ready = self._events[place], self._prepared[place]
        if (
            (event.id and event.id != identity)
            or (event.dot and event.dot != (origin, seq))
            or (kind, about) != (ready.type, ready.aggregate)
            or (hashes or payload_hashes(data, metadata)) != ready.payload_hashes
        ):
            raise _refused(event, f"{kind} about {about}")

    def _refuse_unlike(self, first: int, place: int) -> None:
        event, ready, before = self._events[place], self._prepared[place], self._prepared[first]
        if ready != before or event.dot != self._events[first].dot:
            raise _refused(event, f"{before.type} about {before.aggregate}, in the same call")


def check_expected(connection: sqlite3.Connection, tip: Tip, expected: Mapping[str, Version]) -> None:
    """Raise `VersionConflict` unless the aggregates have these versions."""
    for aggregate, version in expected.items():
        known = read_vector(tip.aggregates.known(connection, aggregate))
        (count,) = connection.execute(_COUNT, (aggregate,)).fetchone()
        if isinstance(version, int):
            right = version == count
        else:
            right = {origin: seq for origin, seq in version.items() if seq} == known
        if not right:
            wanted = version if isinstance(version, int) else canonical(version).decode()
            raise VersionConflict(
                f"{aggregate} has version {count:,} ({canonical(known).decode()}) here, not {wanted}: somebody changed "
                "it in between. Nothing was appended; read it again and decide anew."
            )


def _at_dot(connection: sqlite3.Connection, tip: Tip, dot: Dot) -> Row | None:
    known = tip.origins.get(dot.origin)
    if known is None or not 0 < dot.seq <= known.seq:
        return None
    row: Row | None = connection.execute(_AT_DOT, (known.number, dot.seq)).fetchone()
    return row


def _check_origin(tip: Tip, dot: Dot) -> None:
    """Raise `EventRefused` for an origin's name that no node takes, or one too many."""
    if not 0 < len(dot.origin) <= LONGEST_ORIGIN or not dot.origin.isprintable() or not 0 < dot.seq <= LARGEST_SEQ:
        raise EventRefused(
            f"{dot.origin[:LONGEST_ORIGIN]!r} cannot be an origin: it takes 1 to {LONGEST_ORIGIN} printable characters "
            "that say who writes, as app-7, and numbers from 1."
        )
    if len(tip.origins) >= MOST_ORIGINS:
        raise EventRefused(
            f"This log has events of {len(tip.origins):,} origins, and no node takes more. Write under an origin that "
            "is known already, or without one."
        )


def _refused(event: NewEvent, there: str) -> EventRefused:
    under = f"dot {event.dot}" if event.dot else f"id {event.id}"
    return EventRefused(
        f"Another event has the {under} already ({there}). Nothing was appended: an event sent again must be the same "
        "in every field; give a new one an id of its own."
    )
