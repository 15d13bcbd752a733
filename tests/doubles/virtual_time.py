"""An event loop whose time is a number: nothing waits, nothing is read, and the same calls come in the same order."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar, TypeVarTuple, Unpack

from engine.clock import Clock

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Stuck(AssertionError):
    """Everybody waits for something that will never come."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is ready in the order in which it became ready; when nothing is, time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._moment = 0.0
        self._waiting: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = count()
        self.faults: list[dict[str, Any]] = []
        """What nobody caught: a task's error that was never looked at."""
        self.set_exception_handler(lambda _, context: self.faults.append(context))

    def time(self) -> float:
        return self._moment

    def call_soon(
        self,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._waiting.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._moment + max(0.0, delay), callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to count: a cancelled timer is passed over when its time comes."""

    def play(self, work: Coroutine[object, object, T]) -> T:
        """Run to the end of `work`, however long that takes in virtual time."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(work)
            while not task.done():
                self._step()
            return task.result()
        finally:
            asyncio._set_running_loop(before)

    def _step(self) -> None:
        while not self._waiting:
            if not self._timers:
                raise Stuck("everybody waits, and no timer is set")
            when, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._moment = max(self._moment, when)
                self._waiting.append(timer)
        handle = self._waiting.popleft()
        if not handle.cancelled():
            handle._run()


class DriftingClock(Clock):
    """A machine's clocks over a loop's virtual time: set wrong by `skew`, running `rate` times as fast."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, rate: float = 1.0, skew: timedelta = timedelta()) -> None:
        self._loop = loop
        self._begun = loop.time()
        self._ran = 0.0
        self.rate = rate
        self.skew = skew

    def now(self) -> datetime:
        return BEGIN + self.skew + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._ran + (self._loop.time() - self._begun) * self.rate

    async def sleep(self, pause: timedelta) -> None:
        await asyncio.sleep(pause.total_seconds() / self.rate)

    def set_right(self) -> None:
        """From now on it tells the true time, and runs as fast as time does."""
        self._ran, self._begun, self.rate = self.monotonic(), self._loop.time(), 1.0
        self.skew = timedelta(seconds=self._loop.time() - self._ran)
