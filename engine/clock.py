"""The only reader of time. Decisions take `now` as an argument; acts take a `Clock`."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Protocol

ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock of deadlines: where there is one that counts the time a machine slept (Linux), that one."""


class Clock(Protocol):
    """Wall time for people and records, monotonic time for deadlines, and the one way to wait."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the wall time, always in UTC."""

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds since an arbitrary start that all processes of the machine share; never goes back, and goes
        on while the machine sleeps."""

    @abstractmethod
    async def sleep(self, pause: timedelta) -> None:
        """Wait; a manual clock returns when a test moves it on."""


class SystemClock(Clock):
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.clock_gettime(ELAPSED)

    async def sleep(self, pause: timedelta) -> None:
        await asyncio.sleep(pause.total_seconds())
