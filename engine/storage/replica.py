"""The event log in the state file, as other nodes see it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial

from engine.clock import Clock
from engine.errors import ReplicationRefused
from engine.events.event import Dot, NewEvent, Origin
from engine.events.own import REINCARNATED
from engine.events.replicating.admission import AdmissionLimits
from engine.events.replicating.messages import (
    Batch,
    Digest,
    DigestQuestion,
    GapQuestion,
    Gaps,
    Head,
    Identity,
    Limits,
    Receipt,
    Selection,
    Span,
)
from engine.events.replicating.ports import Replica
from engine.events.vector import Vector
from engine.storage.database import Database
from engine.storage.event_log import StoredEventLog
from engine.storage.incarnation import check_pace, move
from engine.storage.log_tip import give_back, take_tip
from engine.storage.lookout import Lookout
from engine.storage.processes import instance_of
from engine.storage.replica_receiving import Receiving
from engine.storage.replica_sending import known_origins, next_lacking, next_refill

_OWN_ORIGIN = "SELECT value FROM meta WHERE name = ?"

_CHAIN = """
    SELECT chain FROM event WHERE origin = ?1 AND seq = ?2
    UNION ALL SELECT chain FROM event_skip WHERE origin = ?1 AND last = ?2
"""

_GAPS = """
    SELECT o.name, s.first, s.last FROM event_skip s JOIN event_origin o ON o.id = s.origin
    WHERE s.why = 'filtered' AND (o.name, s.first) > (?, ?) ORDER BY o.name, s.first LIMIT ?
"""
"""What was compacted is no gap: it was taken away on purpose."""

_GAPS_DIGEST = """
    SELECT value FROM meta WHERE name = 'gaps' AND EXISTS (SELECT 1 FROM event_skip WHERE why = 'filtered')
"""

Digesting = Callable[[DigestQuestion], Awaitable[Digest]]


class StoredReplica(Replica):
    """Reads see one state of the file each; a batch is stored by the one writer, in one transaction."""

    def __init__(
        self,
        database: Database,
        log: StoredEventLog,
        clock: Clock,
        node: str,
        digesting: Digesting,
        limits: AdmissionLimits | None = None,
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._node = node
        self._digesting = digesting
        self._limits = limits or AdmissionLimits()

    async def identity(self) -> Identity:
        rows = await self._database.rows(_OWN_ORIGIN, (f"origin:{self._node}",))
        origin = Origin(rows[0][0]) if rows else await self._first_origin()
        return Identity(node=self._node, origin=origin, instance=instance_of(self._database.path))

    async def heads(self) -> Mapping[Origin, Head]:
        return await self._database.read(_heads)

    async def chains(self, dots: Sequence[Dot]) -> Sequence[bytes]:
        return await self._database.read(partial(_chains, dots=dots))

    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        items, known, more = await self._database.read(
            partial(next_lacking, vector=vector, limits=limits, wanted=wanted)
        )
        return Batch(items=items, vector=dict(known), more=more)

    async def gaps(self, question: GapQuestion) -> Gaps:
        return await self._database.read(partial(_gaps, question=question))

    async def refill(self, spans: Sequence[Span], limits: Limits, wanted: Selection) -> Batch:
        items, known, more = await self._database.read(partial(next_refill, spans=spans, limits=limits, wanted=wanted))
        return Batch(items=items, vector=dict(known), more=more)

    async def receive(self, batch: Batch) -> Receipt:
        now_ms = self._now_ms()

        def store(connection: sqlite3.Connection) -> Receipt | ReplicationRefused:
            tip = take_tip(self._database, connection)
            own = tip.own(connection, self._node).name
            try:
                return Receiving(connection, tip, own).receive(batch, now_ms, self._limits)
            except ReplicationRefused as refusal:
                return refusal  # nothing was written: raised here, it would cost the next writer his memory of the tip
            finally:
                give_back(self._database, tip)

        outcome = await self._database.write(store)
        if isinstance(outcome, ReplicationRefused):
            raise outcome
        return outcome

    async def begin_incarnation(self, reason: str, keep: Mapping[Origin, int]) -> Origin:
        now_ms = self._now_ms()

        def begin(connection: sqlite3.Connection) -> Origin:
            tip = take_tip(self._database, connection)
            own = tip.own(connection, self._node).name
            if own not in keep:  # two sessions may find out at once
                return own
            check_pace(connection, self._node, now_ms)
            moved = move(connection, self._node, own, keep[own])
            data = {"reason": reason, "before": moved.before, "after": moved.after, "moved": moved.events}
            event = NewEvent(type=REINCARNATED, aggregate_id=f"node:{self._node}", data=data)
            self._log.append_in(connection, [event])
            return moved.after

        return await self._database.write(begin)

    async def digest(self, question: DigestQuestion) -> Digest:
        return await self._digesting(question)

    async def advances(self) -> AsyncIterator[Vector]:
        """Yield how far each origin is known, at once and whenever that has grown, also by other processes. What grew
        several times in between is told once."""
        told: Vector | None = None
        lookout = Lookout(self._database)
        while True:
            lookout.begin()
            vector = await self._database.read(_vector)
            if vector != told:
                told = vector
                lookout.found()
                yield vector
            else:
                await lookout.wait()

    async def _first_origin(self) -> Origin:
        """Begin this node's first incarnation; a file that may only be read has none."""
        if self._database.read_only:
            return Origin("")

        def begin(connection: sqlite3.Connection) -> Origin:
            tip = take_tip(self._database, connection)
            name = tip.own(connection, self._node).name
            give_back(self._database, tip)
            return name

        return await self._database.write(begin)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _vector(connection: sqlite3.Connection) -> dict[Origin, int]:
    return {origin.name: origin.seq for origin in known_origins(connection).values()}


def _heads(connection: sqlite3.Connection) -> dict[Origin, Head]:
    known = known_origins(connection).values()
    return {
        origin.name: Head(origin.seq, connection.execute(_CHAIN, (origin.number, origin.seq)).fetchone()[0])
        for origin in known
    }


def _chains(connection: sqlite3.Connection, dots: Sequence[Dot]) -> list[bytes]:
    numbers: dict[str, int] = dict(connection.execute("SELECT name, id FROM event_origin"))
    found = [connection.execute(_CHAIN, (numbers.get(dot.origin), dot.seq)).fetchone() for dot in dots]
    return [row[0] if row else b"" for row in found]


def _gaps(connection: sqlite3.Connection, question: GapQuestion) -> Gaps:
    digest = connection.execute(_GAPS_DIGEST).fetchone()
    if digest is None:
        return Gaps()
    rows = connection.execute(_GAPS, (*question.after, question.limit))
    return Gaps(spans=tuple(Span(*row) for row in rows), digest=digest[0])
