"""A coordination backend in this process's memory: the reference that all others are measured by, and for trying things
out. Several stores opened from one backend are as several processes are to a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TypeVar

from engine.clock import Clock
from engine.coordination.feed import SYNCED, Listener
from engine.coordination.memory.holdings import Holdings
from engine.coordination.memory.streams import MemoryStreams
from engine.coordination.memory.values import Values
from engine.coordination.promises import Promises
from engine.coordination.standing import (
    Change,
    Claim,
    ClaimStanding,
    Entry,
    Fence,
    Revision,
    SessionId,
    SessionStanding,
    Token,
    Who,
)
from engine.coordination.store import Backend, Revoked, Store
from engine.together import together

T = TypeVar("T")

PROMISES = Promises(
    backend="Memory",
    reach="this process alone",
    shortest_ttl=timedelta(milliseconds=200),
    crash_seen="never: all is gone with the process",
    hang_seen="after the ttl",
    shortest_expiry=timedelta(milliseconds=1),
    cautions=("Everything is forgotten when the process ends.",),
)


class MemoryBackend(Backend):
    """What all stores opened from it share."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.holdings = Holdings(self._tell)
        self.values = Values(self._tell)
        self.streams = MemoryStreams(clock)
        self.listeners: list[Listener] = []
        self.timers: list[Timer] = []

    @property
    def promises(self) -> Promises:
        return PROMISES

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MemoryStore]:
        async with together() as group:
            timer = Timer(self.clock, self.sweep)
            self.timers.append(timer)
            ringing = group.create_task(timer.run())
            try:
                yield MemoryStore(self)
            finally:
                self.timers.remove(timer)
                ringing.cancel()

    def sweep(self) -> float | None:
        """Let lapse and expire what has to by now; return when that is to be looked at next."""
        self.holdings.sweep(self.clock.monotonic(), self.clock.now())
        self.values.sweep(self.clock.monotonic())
        deadlines = (self.holdings.next_deadline(), self.values.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def set_timers(self, moment: float) -> None:
        """Let somebody look at that moment, whichever stores are still open then."""
        for timer in self.timers:
            timer.set(moment)

    def _tell(self, change: Change) -> None:
        for listener in self.listeners:
            listener.offer(change)


class Timer:
    """Calls `ring` when it is time; what that returns is the next time."""

    def __init__(self, clock: Clock, ring: Callable[[], float | None]) -> None:
        self._clock = clock
        self._ring = ring
        self._moment: float | None = None
        self._earlier = asyncio.Event()

    def set(self, moment: float) -> None:
        """Ring at this moment too."""
        if self._moment is None or moment < self._moment:
            self._moment = moment
            self._earlier.set()

    async def run(self) -> None:
        """Ring for ever."""
        async with together() as group:
            while True:
                self._moment = self._ring()
                self._earlier.clear()
                sleeping = group.create_task(self._sleep()) if self._moment is not None else None
                await self._earlier.wait()
                if sleeping is not None:
                    sleeping.cancel()

    async def _sleep(self) -> None:
        while self._moment is not None and (left := self._moment - self._clock.monotonic()) > 0:
            await self._clock.sleep(timedelta(seconds=left) + timedelta.resolution)
        self._earlier.set()


class MemoryStore(Store):
    """A memory backend, open."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self._clock = backend.clock
        self._holdings = backend.holdings
        self._values = backend.values

    @property
    def promises(self) -> Promises:
        return self._backend.promises

    @property
    def streams(self) -> MemoryStreams:
        return self._backend.streams

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        self.promises.require_ttl(ttl)
        now = self._now()
        session = self._holdings.begin(who, ttl, revoked, now, self._clock.now())
        self._backend.set_timers(now + ttl.total_seconds())
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        return self._holdings.renew(session, self._now())

    async def end(self, session: SessionId) -> None:
        self._now()
        self._holdings.end(session, self._clock.now())

    async def sessions(self) -> Sequence[SessionStanding]:
        return self._holdings.sessions(self._now())

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        self._now()
        place = self._holdings.stand(claim, value, self._clock.now(), wait=wait)
        if place is None:
            return None
        if place.token is not None or not wait:
            return place.token
        served: asyncio.Future[Token] = asyncio.get_running_loop().create_future()
        place.served.append(served)
        try:
            return await served
        finally:
            with suppress(ValueError):
                place.served.remove(served)

    async def release(self, claim: Claim) -> bool:
        self._now()
        return self._holdings.release(claim, self._clock.now())

    async def revoke(self, name: str, token: Token) -> bool:
        self._now()
        return self._holdings.revoke(name, token, self._clock.now())

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        self._now()
        return self._holdings.proclaim(claim, value)

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        return self._holdings.claims(prefix, self._now())

    async def get(self, key: str) -> Entry | None:
        return self._values.get(key, self._now())

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        if expires is not None:
            self.promises.require_expiry(expires)
        now = self._now()
        self._holdings.check(fence)
        self._values.expect(key, expected)
        deadline = None if expires is None else now + expires.total_seconds()
        if deadline is not None:
            self._backend.set_timers(deadline)
        return self._values.put(key, value, deadline)

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        self._now()
        self._holdings.check(fence)
        self._values.expect(key, expected)
        return self._values.remove(key)

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        return self._values.entries(prefix, after, limit, self._now())

    async def follow(self) -> AsyncGenerator[Change, None]:
        listener = Listener(("",), sessions=True)
        self._backend.listeners.append(listener)
        try:
            listener.offer(SYNCED)
            while True:
                yield await listener.take()
        finally:
            self._backend.listeners.remove(listener)

    def _now(self) -> float:
        """Return the moment, after what has to have happened until then."""
        self._backend.sweep()
        return self._clock.monotonic()
