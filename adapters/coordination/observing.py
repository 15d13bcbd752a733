"""How a process watches over all sessions at a backend whose clock nobody trusts."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from engine.clock import Clock
from engine.coordination.observed import DEAF_PATIENCE, Gone, Sample, Sighting, gone, left, observe
from engine.coordination.standing import SessionId
from engine.errors import CoordinationError

LOOK_EVERY = timedelta(milliseconds=200)
LOOK_AGAIN = timedelta(milliseconds=50)
"""While somebody is deaf, so that his waiters are served soon after the patience with him has ended."""

JUDGEMENT = 2 * DEAF_PATIENCE
"""The longest that anybody waits to hear whether somebody crashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the backend answered to one look."""

    samples: Sequence[Sample]
    line: int
    """Another number for each connection: what was seen over one is no proof over the next, for the server may have
    lost heart-beats meanwhile."""
    next_expiry: timedelta | None = None
    """Until a key has to be removed."""


class Observed(Protocol):
    """A backend that is looked at."""

    @abstractmethod
    async def look(self) -> Look:
        """Sample all sessions, and remove the keys that have expired."""

    @abstractmethod
    async def end_of(self, gone: Gone) -> None:
        """End a session if it is still as it was seen."""


class Observer:
    """What one process has seen of all sessions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: Mapping[SessionId, Sighting] = {}
        self._line = 0
        self._looked = asyncio.Event()

    def left(self, session: SessionId) -> timedelta | None:
        """Return how long a session lives unless renewed, as far as was seen."""
        return left(self._seen.get(session), self._clock.monotonic())

    async def crashed(self, session: SessionId) -> bool:
        """Tell whether a session is over; one without its line is waited for until that is certain.

        Whoever asks once and goes away would otherwise never learn that a holder is dead; if all do so, nobody would.
        """
        try:
            async with asyncio.timeout(JUDGEMENT.total_seconds()):
                while not self._line or self._deaf(session):
                    await self._looked.wait()
        except TimeoutError:
            return False
        return session not in self._seen

    def _deaf(self, session: SessionId) -> bool:
        sighting = self._seen.get(session)
        return sighting is not None and sighting.deaf_since is not None

    async def look_after(self, backend: Observed) -> None:
        """Look again and again, and end the sessions that are over."""
        while True:
            pause = LOOK_EVERY
            with suppress(CoordinationError):  # whoever asks something hears it in words
                pause = await self._look_once(backend)
            await self._clock.sleep(pause)

    async def _look_once(self, backend: Observed) -> timedelta:
        """Return how long nothing new is expected."""
        asked = self._clock.monotonic()
        look = await backend.look()
        before = self._seen if look.line == self._line else {}
        self._line = look.line
        self._seen = observe(before, look.samples, self._clock.monotonic())
        self._looked.set()
        self._looked.clear()
        for one in gone(self._seen, asked):
            await backend.end_of(one)
        deaf = any(sighting.deaf_since is not None for sighting in self._seen.values())
        pause = LOOK_AGAIN if deaf else LOOK_EVERY
        return pause if look.next_expiry is None else min(pause, look.next_expiry)
