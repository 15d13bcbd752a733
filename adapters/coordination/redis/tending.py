"""What goes on beside the calls: the line is kept up, and what all sessions do is seen."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from adapters.coordination.hand_over import HandOver
from adapters.coordination.observing import Look, Observed
from adapters.coordination.redis import key_scripts, scripts
from adapters.coordination.redis.line import Line
from adapters.coordination.redis.link import Link
from adapters.coordination.redis.values import sample_of
from engine.clock import Clock
from engine.coordination.observed import CUT_OFF_PATIENCE, Gone
from engine.errors import CoordinationError

DIAL_AGAIN = timedelta(milliseconds=50)
LONGEST_DIAL_PAUSE = timedelta(seconds=1)


async def keep_up(link: Link, own: HandOver, clock: Clock) -> None:
    """Dial again whenever the line broke. What is held is given up before others may take it from one cut off.

    A line that is silent stays until there is another: the server goes on to count it as a sign of life.
    """
    while True:
        line = await _dialled(link, clock)
        await line.trouble.wait()
        if line.open:
            line.trouble.clear()
            own.waiting.broken(link.address.silent())
            with suppress(CoordinationError):
                await link.renew()
            continue
        try:
            async with asyncio.timeout(CUT_OFF_PATIENCE.total_seconds()):
                await _dialled(link, clock)
        except TimeoutError:
            own.cut_off(link.address.away())


class RedisSessions(Observed):
    """The sessions at a server, to be looked at."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock

    async def look(self) -> Look:
        rows, next_expiry = await self._link.script(key_scripts.SAMPLE)
        return Look(
            samples=[sample_of(row) for row in rows],
            line=self._link.dialled,
            next_expiry=timedelta(milliseconds=int(next_expiry) + 1) if next_expiry else None,
        )

    async def end_of(self, gone: Gone) -> None:
        now = self._clock.now().isoformat()
        await self._link.script(scripts.END, gone.session, now, gone.heartbeat, int(gone.crashed))


async def _dialled(link: Link, clock: Clock) -> Line:
    pause = DIAL_AGAIN
    while True:
        try:
            return await link.line()
        except CoordinationError:
            await clock.sleep(pause)
            pause = min(pause * 2, LONGEST_DIAL_PAUSE)
