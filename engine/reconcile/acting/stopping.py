"""Stopping in good order: a wish to stop that everybody who waits hears at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import TypeVar

from engine.clock import Clock
from engine.together import together

T = TypeVar("T")


class Stop:
    """The wish that a run ends after the calls under way."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """Make the wish known; making it again changes nothing."""
        self._asked.set()

    async def rest(self, clock: Clock, pause: timedelta) -> None:
        """Wait, but no longer than until somebody asks to stop."""
        async with asyncio.TaskGroup() as group:
            sleeping = group.create_task(clock.sleep(pause))
            asked = group.create_task(self._asked.wait())
            await asyncio.wait({sleeping, asked}, return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            asked.cancel()


async def in_good_order(work: Coroutine[object, object, T], stop: Stop) -> T:
    """Run `work` to its end; when the caller is cancelled, ask it to stop, wait for it, then be cancelled.

    A second cancellation cancels the work itself: what was under way then is unknown and read back on resuming.
    """
    async with together() as group:
        task = group.create_task(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            stop.ask()
            await asyncio.shield(task)
            raise
    return task.result()
