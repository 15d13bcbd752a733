"""The only reader of time. Decisions take `now` as an argument; acts take a `Clock`."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for people and records, monotonic time for deadlines, and the one way to wait."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the wall time, always in UTC."""

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""

    @abstractmethod
    async def sleep(self, pause: timedelta) -> None:
        """Wait; a manual clock returns when a test moves it on."""


class SystemClock(Clock):
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, pause: timedelta) -> None:
        await asyncio.sleep(pause.total_seconds())
