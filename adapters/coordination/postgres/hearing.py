"""What a process listens to: nothing that nobody here needs.

Whoever tells anything wakes every connection in the database that listens to anything (PostgreSQL 18 and before), so
that many idle listeners make everybody slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from adapters.coordination.postgres.life_line import LifeLine, Told
from engine.clock import Clock
from engine.errors import CoordinationError

LINGER = 1.0
"""Seconds for which something is listened to though nobody needs it any more: somebody may again."""


class Hearing:
    """The channels that a line listens to, each as long as it is needed."""

    def __init__(self, line: LifeLine, needed: Callable[[str], bool], clock: Clock) -> None:
        self._line = line
        self._is_needed = needed
        self._clock = clock
        self._told: dict[str, Told] = {}
        self._needed: dict[str, float] = {}
        """When a channel was last needed, of those that are listened to by now."""
        self._following: tuple[str, int] | None = None
        """The channel of changes, and the number of the line that listens to it."""
        self._followed = 0.0
        self._changing = asyncio.Lock()

    async def listen(self, channel: str, told: Told) -> None:
        """Give whatever is told on a channel from now on, over this line and the next. Raises `CoordinationError`."""
        if channel not in self._needed:
            async with self._changing:
                self._told[channel] = told
                await self._line.listen(channel, told)
                self._needed[channel] = self._clock.monotonic()

    async def follow(self, channel: str, told: Told) -> None:
        """Have every change told to this line from now on. Raises `CoordinationUnavailable` if there is no line."""
        await self._line.back()
        async with self._changing:
            following = (channel, self._line.life)
            if self._following != following:
                await self._line.ask("SELECT @schema@.attend()")
                await self._line.listen(channel, told)
                self._following = following
            self._followed = self._clock.monotonic()
            await self._line.ask("SELECT 1")  # whatever was told before is heard before its answer is

    async def take_up(self) -> None:
        """Listen over a new line to what the one before listened to. Changes are not followed: who did was told."""
        for channel, told in tuple(self._told.items()):
            await self._line.listen(channel, told)

    async def forget(self, channel: str) -> None:
        """Listen to a channel no longer."""
        async with self._changing:
            await self._forget(channel)

    async def rest(self) -> None:
        """Listen no longer to what was not needed for a while. Raises `CoordinationUnavailable` if the line broke."""
        async with self._changing:
            now = self._clock.monotonic()
            for channel in tuple(self._needed):
                if self._is_needed(channel):
                    self._needed[channel] = now
                elif now - self._needed[channel] >= LINGER:
                    await self._forget(channel)
            if self._following is not None:
                await self._follow_no_longer(self._following[0], now)

    async def _follow_no_longer(self, channel: str, now: float) -> None:
        if self._is_needed(channel):
            self._followed = now
        elif now - self._followed >= LINGER:
            self._following = None
            await self._line.unlisten(channel)
            await self._line.ask("SELECT @schema@.leave()")

    async def _forget(self, channel: str) -> None:
        self._needed.pop(channel, None)
        if self._told.pop(channel, None) is not None:
            with suppress(CoordinationError):  # the next line does not listen to it
                await self._line.unlisten(channel)
