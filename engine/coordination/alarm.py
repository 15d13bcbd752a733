"""Waiting until somebody rings or time is up, whichever comes first."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from engine.clock import Clock


class Alarm:
    """Rung any number of times, it wakes the one who waits once; a ring before the wait counts."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung.set()

    async def wait(self, clock: Clock, pause: timedelta | None) -> None:
        """Wait for a ring, and no longer than the pause (None: for as long as it takes)."""
        if not self._rung.is_set() and (pause is None or pause > timedelta(0)):
            if pause is None:
                await self._rung.wait()
            else:
                await self._rung_within(clock, pause)
        self._rung.clear()

    async def _rung_within(self, clock: Clock, pause: timedelta) -> None:
        async with asyncio.TaskGroup() as group:
            sleeping = group.create_task(clock.sleep(pause))
            sleeping.add_done_callback(lambda _: self._rung.set())
            await self._rung.wait()
            sleeping.cancel()
