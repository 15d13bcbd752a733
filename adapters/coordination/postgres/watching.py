"""What goes on beside the calls to PostgreSQL: sessions are observed, and the crash of a holder is waited for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial

from adapters.coordination.hand_over import HandOver
from adapters.coordination.observing import Look, Observed
from adapters.coordination.postgres.desk import Desk
from adapters.coordination.postgres.life_line import watch
from adapters.coordination.postgres.lines import Lines
from adapters.coordination.postgres.values import SAMPLES, sample_of
from engine.clock import Clock
from engine.coordination.observed import Gone
from engine.coordination.standing import SessionId
from engine.errors import CoordinationError, CoordinationUnavailable

MOST_WATCHES = 8
"""Connections that wait for the crash of a holder, each of another one; the others are seen to crash a second later."""

PING_EVERY = 5.0
"""Seconds after which a silent line is asked whether it is still there."""

HOLDERS = """
SELECT DISTINCT s.id, s.life, s.life_too
FROM @schema@.waiter w JOIN @schema@.hold h ON h.name = w.name JOIN @schema@.session s ON s.id = h.session
WHERE w.session = ANY($1)
  AND NOT EXISTS (SELECT FROM @schema@.waiter v WHERE v.name = w.name AND v.turn < w.turn)
"""
"""Who holds something that one of our sessions is next in line for."""

Life = tuple[SessionId, int, int]
"""A session, with the numbers of its lines."""


class PostgresSessions(Observed):
    """The sessions in a namespace, to be looked at."""

    def __init__(self, desk: Desk, lines: Lines, own: HandOver, clock: Clock) -> None:
        self._desk = desk
        self._lines = lines
        self._own = own
        self._clock = clock
        self._watched: dict[Life, asyncio.Task[None]] = {}
        self._pinged = 0.0
        self._group: asyncio.TaskGroup | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Watch in this group from now on."""
        self._group = group

    def stop(self) -> None:
        self._group = None
        for watching in self._watched.values():
            watching.cancel()

    async def look(self) -> Look:
        try:
            rows = await self._lines.asker.ask(SAMPLES)
            ((next_expiry,),) = await self._lines.asker.ask("SELECT @schema@.sweep()")
            await self._watch_holders()
            await self._ping()
            await self._lines.rest()
        except CoordinationUnavailable as error:
            if isinstance(error.__cause__, TimeoutError):  # what broke instead was told when it did
                self._lines.silent(error)
            raise
        return Look(
            samples=[sample_of(row) for row in rows],
            line=self._lines.asker.life,
            next_expiry=timedelta(milliseconds=max(next_expiry, 0) + 1) if next_expiry is not None else None,
        )

    async def end_of(self, gone: Gone) -> None:
        await self._desk.call("end_session", gone.session, self._clock.now(), gone.heartbeat, gone.crashed)

    async def _watch_holders(self) -> None:
        """Watch whoever we are next after, and nobody else."""
        wanted: list[Life] = []
        if len(self._own.waiting):
            rows = await self._lines.asker.ask(HOLDERS, list(self._own.grants.sessions))
            wanted = [(SessionId(row["id"]), row["life"], row["life_too"]) for row in rows][:MOST_WATCHES]
        for life in self._watched.keys() - set(wanted):
            self._watched[life].cancel()
        for life in wanted:
            if life not in self._watched and self._group is not None:
                watching = self._watched[life] = self._group.create_task(self._watch(life))
                watching.add_done_callback(partial(self._ended, life))

    async def _watch(self, life: Life) -> None:
        session, *numbers = life
        with suppress(CoordinationError):  # it is seen by the samples then
            if await watch(self._desk.address, self._lines.schema, *numbers):
                await self._desk.call("end_session", session, self._clock.now(), None, True)

    def _ended(self, life: Life, _watching: asyncio.Task[None]) -> None:
        del self._watched[life]

    async def _ping(self) -> None:
        """Make the first line anew that died without a word, now that the server is known to answer."""
        now = self._clock.monotonic()
        if now - self._pinged >= PING_EVERY:
            self._pinged = now
            await self._lines.listener.ask("SELECT 1")
