"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

from engine.clock import Clock

T = TypeVar("T")

TURNS = 60
"""How often the event loop goes round before a test's world counts as idle; in-memory doubles need a handful."""


class ManualClock(Clock):
    """Time moves by `advance`, or by `finish`, which moves it to the next sleeper whenever nothing else happens."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self.slept: list[timedelta] = []
        """Every pause anybody asked for, in that order."""

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, pause: timedelta) -> None:
        self.slept.append(pause)
        if pause <= timedelta(0):
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + pause.total_seconds(), next(self._order), woken))
        await woken

    async def advance(self, by: timedelta) -> None:
        """Move on, waking sleepers in order; each runs at its own moment."""
        end = self._monotonic + by.total_seconds()
        await self.settle()
        while (due := self._next_due()) is not None and due <= end:
            self._move_to(due)
            await self.settle()
        self._move_to(end)

    def jump(self, by: timedelta) -> None:
        """Move on at once, for code that does not wait."""
        self._move_to(self._monotonic + by.total_seconds())

    def set_wall(self, by: timedelta) -> None:
        """Set the wall clock forward or back, as an operator does; elapsed time knows nothing of it."""
        self._now += by

    async def finish(self, work: Coroutine[object, object, T]) -> T:
        """Run `work` to its end, moving time on to the next sleeper whenever everybody waits."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_captured(work))
            while not task.done():
                await self.settle()
                if not task.done() and (due := self._next_due()) is not None:
                    self._move_to(due)
        result = task.result()
        if isinstance(result, _Raised):
            raise result.error
        return result

    async def settle(self) -> None:
        """Let everything run that can run without time passing."""
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def _next_due(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _move_to(self, moment: float) -> None:
        self._now += timedelta(seconds=moment - self._monotonic)
        self._monotonic = moment
        while self._sleepers and self._sleepers[0][0] <= moment:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)


class _Raised:
    """An error on its way out of a task group, which would otherwise wrap it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


async def _captured(work: Coroutine[object, object, T]) -> T | _Raised:
    try:
        return await work
    except BaseException as error:  # noqa: BLE001 - raised again by `finish`, unwrapped
        return _Raised(error)
