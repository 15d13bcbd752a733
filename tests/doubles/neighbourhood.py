"""Processes around one backend in memory and virtual time, each on a line of its own that can be troubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from engine.coordination.memory.backend import MemoryBackend
from tests.doubles.coordinated import Habits, Process, process
from tests.doubles.line_trouble import Trouble, TroubledBackend
from tests.doubles.virtual_time import DriftingClock, VirtualLoop

TTL = timedelta(seconds=10)


class SleepingMachine(DriftingClock):
    """A clock of elapsed time that counts what no timer notices: the machine was suspended."""

    def suspend(self, pause: timedelta) -> None:
        self._ran += pause.total_seconds()


class Neighbourhood:
    """What a story is told with."""

    def __init__(self) -> None:
        self.clock = SleepingMachine(asyncio.get_running_loop())
        self.backend = MemoryBackend(self.clock)

    @asynccontextmanager
    async def process(self, name: str, ttl: timedelta = TTL) -> AsyncIterator[tuple[Process, Trouble]]:
        """Open a process; its trouble's `freeze` silences the backend for it, while it goes on itself."""
        trouble = Trouble()
        backend = TroubledBackend(self.backend, trouble)
        async with process(backend, self.clock, name, Habits(ttl=ttl)) as opened:
            try:
                yield opened, trouble
            finally:
                trouble.away = False
                trouble.thaw()

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def at(self) -> float:
        return self.clock.monotonic()


def play(story: Callable[[Neighbourhood], Awaitable[None]]) -> None:
    """Tell a story to its end, and look that nobody's error was left unseen and nothing goes on."""
    loop = VirtualLoop()

    async def tell() -> None:
        await story(Neighbourhood())
        assert asyncio.all_tasks(loop) == {asyncio.current_task()}, "something goes on after everybody left"

    try:
        loop.play(tell())
        assert loop.faults == []
    finally:
        loop.close()
