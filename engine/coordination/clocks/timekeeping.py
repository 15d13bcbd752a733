"""How right this host's clock is: compared with the servers that the settings name, and by what the kernel knows of it.

Nothing is decided by it (leases and deadlines know elapsed time alone): it is shown, and whoever plans by wall time
hears when the clock was set.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from engine.clock import Clock
from engine.coordination.clocks.agreement import aged
from engine.coordination.clocks.reckoning import reckon
from engine.coordination.clocks.timing import ClockStanding, Reading, Step
from engine.together import together

LEAST_STEP = 0.1
"""Seconds that the wall clock moves against elapsed time when it is set. Slewing moves both alike; NTP sets a clock
from 128 ms on (RFC 5905, STEPT)."""

LOOK = timedelta(seconds=1)
"""Between two looks at whether the clock was set."""

EVERY = timedelta(minutes=5)
QUICK, TRIES = 0.005, 5
"""Two clocks are compared when both were read within so many seconds, or in the last of so many tries."""


class TimeSource(Protocol):
    """Something that knows the time."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return what it is called in readings."""

    @abstractmethod
    async def read(self) -> Reading:
        """Ask it. One that does not answer, or talks nonsense, raises nothing: the reading says so in `fault`."""


class Timekeeping:
    """One for each process, in one event loop. `host` is the kernel's own opinion, `servers` what it is compared with;
    `tell` hears `clock.measured` and `clock.stepped`."""

    def __init__(
        self,
        clock: Clock,
        host: TimeSource,
        servers: Sequence[TimeSource] = (),
        *,
        tell: Callable[[str], None],
        every: timedelta = EVERY,
    ) -> None:
        self._clock = clock
        self._host = host
        self._servers = servers
        self._every = every
        self._tell = tell
        self._said: tuple[Reading, Sequence[Reading]] | None = None
        self._measured = clock.monotonic()
        self._turn = asyncio.Lock()
        self._gap = self._wall_against_elapsed()
        self._step: Step | None = None
        self._stepped = asyncio.Event()

    def standing(self) -> ClockStanding:
        """Return what is known; asks nobody. What was said before the clock was set counts no more, and what was said
        some time ago counts less: its error bounds grow."""
        self._look()
        age = timedelta(seconds=self._clock.monotonic() - self._measured)
        if self._said is None:
            return reckon(None, (), self._step)
        host, servers = self._said
        return reckon(aged(host, age), [aged(reading, age) for reading in servers], self._step)

    async def measure(self) -> ClockStanding:
        """Ask all sources and return what stands then. Whoever calls while somebody else's measurement goes on shares
        it."""
        asked = self._clock.monotonic()
        async with self._turn:
            if self._said is None or self._measured < asked:
                await self._ask_all()
        return self.standing()

    async def run(self) -> None:
        """Measure again and again, and at once when the clock was set, until cancelled."""
        while True:
            await self.measure()
            due, step = self._measured + self._every.total_seconds(), self._step
            while (left := due - self._clock.monotonic()) > 0 and self._step is step:
                await self._clock.sleep(min(LOOK, timedelta(seconds=left)))
                self._look()

    async def next_step(self) -> Step:
        """Return when the clock is next seen to have been set; somebody has to look (`run`, `standing`)."""
        await self._stepped.wait()
        if self._step is None:
            raise AssertionError("no step was seen")
        return self._step

    async def _ask_all(self) -> None:
        step: Step | None
        while True:
            self._look()
            step = self._step
            async with together() as group:
                host = group.create_task(self._host.read())
                servers = [group.create_task(server.read()) for server in self._servers]
            self._look()
            if self._step is step:  # otherwise some of them were compared with another clock than this one
                break
        self._said = host.result(), [task.result() for task in servers]
        self._measured = self._clock.monotonic()
        self._tell("clock.measured")

    def _look(self) -> None:
        """Notice whether the clock was set since the last look, and forget what was said of the clock it was before."""
        gap = self._wall_against_elapsed()
        moved, self._gap = gap - self._gap, gap
        if abs(moved) < LEAST_STEP:
            return
        self._step = Step(at=self._clock.now(), by=timedelta(seconds=moved))
        self._said = None
        waiting, self._stepped = self._stepped, asyncio.Event()
        waiting.set()
        self._tell("clock.stepped")

    def _wall_against_elapsed(self) -> float:
        """Return the wall time at the start of elapsed time. A process that was interrupted in between reads again."""
        for _ in range(TRIES):
            before = self._clock.monotonic()
            wall = self._clock.now().timestamp()
            after = self._clock.monotonic()
            if after - before < QUICK:
                break
        return wall - (before + after) / 2


class Unasked(TimeSource):
    """Stands where nobody can be asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def name(self) -> str:
        return "host"

    async def read(self) -> Reading:
        return Reading(source=self.name, offset=None, at=self._clock.now(), fault="nobody is asked about the time here")
