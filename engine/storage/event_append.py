"""Give new events their numbers, times and chain, and write them: inside somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from msgspec import Raw

from engine.clock import Clock
from engine.errors import EventError
from engine.events.chain import header, link
from engine.events.event import Event, NewEvent
from engine.events.hlc import tick
from engine.events.log import Version
from engine.events.own import REOPENED
from engine.redaction import Redactor
from engine.storage.aggregate_heads import Head, after
from engine.storage.appended import Appended
from engine.storage.database import Database
from engine.storage.event_again import Again, check_expected
from engine.storage.event_ids import KEEP_ID, new_ids
from engine.storage.event_preparing import Prepared, Preparing
from engine.storage.event_rows import to_events
from engine.storage.log_tip import OriginTip, Tip, count_types, give_back, take_tip

INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"


class Appender(Preparing):
    """Writes events under one node's origin.

    `prepare` may run in any thread; the others run in the writer's, inside a transaction that `Database.write` began.
    """

    def __init__(self, database: Database, clock: Clock, node: str, redactor: Redactor) -> None:
        super().__init__(redactor)
        self._database = database
        self._clock = clock
        self._node = node

    def append_in(
        self,
        connection: sqlite3.Connection,
        events: Sequence[NewEvent],
        expected: Mapping[str, Version] | None = None,
    ) -> Sequence[Event]:
        """Append events, so that they are kept together with the rows of the same work or not at all."""
        prepared = self.prepare(events)
        if is_plain(events, expected):
            return self.write_in(connection, prepared)
        return self.write_once_in(connection, events, prepared, expected)

    def write_in(self, connection: sqlite3.Connection, prepared: Sequence[Prepared]) -> Appended:
        """Number prepared events, link them to the chain and insert them."""
        tip = take_tip(self._database, connection)
        appended = self._write(connection, tip, tip.own(connection, self._node), prepared)
        give_back(self._database, tip)
        return appended

    def write_once_in(
        self,
        connection: sqlite3.Connection,
        events: Sequence[NewEvent],
        prepared: Sequence[Prepared],
        expected: Mapping[str, Version] | None,
    ) -> Sequence[Event]:
        """Write what is not there yet, if the aggregates have the versions expected; return all of it.

        Raises `EventRefused` and `VersionConflict`, before anything is written.
        """
        tip = take_tip(self._database, connection)
        again = Again(events, prepared)
        try:
            again.look(connection, tip)
            if again.new:
                check_expected(connection, tip, expected or {})
        except EventError:
            give_back(self._database, tip)  # nothing was written: whoever comes next need not read it again
            raise
        given = {event.id for event in events}
        answer = dict(zip(again.there, to_events(again.there.values()), strict=True))
        for origin, places in again.runs(connection, tip, self._node):
            appended = self._write(connection, tip, origin, [prepared[place] for place in places])
            connection.executemany(KEEP_ID, [(each.id, each.position) for each in appended if each.id in given])
            answer |= zip(places, appended, strict=True)
        give_back(self._database, tip)
        return [answer[again.same.get(place, place)] for place in range(len(events))]

    def _write(
        self, connection: sqlite3.Connection, tip: Tip, origin: OriginTip, prepared: Sequence[Prepared]
    ) -> Appended:
        types = count_types(connection, [each.type for each in prepared])
        rows = self._rows(connection, tip, origin, prepared, types)
        connection.executemany(INSERT, rows)
        if REOPENED in types:
            tip.aggregates.touch(connection, [each.aggregate for each in prepared if each.type == REOPENED])
        tip.aggregates.save(connection)
        return Appended(rows, types, origin.name)

    def _rows(
        self,
        connection: sqlite3.Connection,
        tip: Tip,
        origin: OriginTip,
        prepared: Sequence[Prepared],
        types: Mapping[str, int],
    ) -> list[tuple[Any, ...]]:
        """Return the rows of events that follow the tip, and move it on."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        first = stamp = tick(tip.stamp, now_ms)
        name, number, chain = origin.name, origin.number, origin.chain
        aggregates = tip.aggregates
        contexts, heads = aggregates.contexts, aggregates.heads
        rows: list[tuple[Any, ...]] = []
        numbered = zip(prepared, new_ids(first, len(prepared)), count(origin.seq + 1), count(first))
        for position, (each, made, seq, stamp) in enumerate(numbered, start=tip.position + 1):
            about = each.aggregate
            identity = each.id or made
            context = contexts.get(about) or aggregates.known(connection, about)
            known = Raw(context.encode())
            chain = link(chain, each.payload_hashes, header(identity, each.type, about, (name, seq), known, stamp))
            follows = after(context, name, seq)
            if heads and about in heads:
                aggregates.written(about, Head(position, name, seq), follows)
            else:
                contexts[about] = follows
            rows.append((position, identity, types[each.type], about, each.data, each.metadata, number, seq,
                         context, stamp, chain))  # fmt: skip
        tip.position, origin.seq = tip.position + len(rows), origin.seq + len(rows)
        tip.stamp = origin.stamp = stamp
        origin.chain = chain
        return rows


def is_plain(events: Sequence[NewEvent], expected: Mapping[str, Version] | None) -> bool:
    """Tell whether nothing has to be looked up before these events are written."""
    return not expected and not any(event.id or event.dot for event in events)
