"""A backend reached over a line that a test can trouble: cut, silent, frozen, with lost requests and lost answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar, cast

from engine.clock import Clock
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
from engine.coordination.stream import Streams
from engine.errors import CoordinationUnavailable
from engine.together import together

T = TypeVar("T")


class Trouble:
    """What happens on one process's line."""

    def __init__(self, seed: int = 0) -> None:
        self.away = False
        """Nothing gets through in either direction."""
        self.lost_requests = 0.0
        self.lost_answers = 0.0
        """How often, from 0 to 1."""
        self.lose_next_answer_of: str = ""
        """The name of a method: the next call of it is carried out, and nobody learns."""
        self.hold_back: dict[str, asyncio.Event] = {}
        """By the name of a method: its next call arrives once that is set, and may be overtaken until then."""
        self.after_reading: Callable[[str], Awaitable[None]] | None = None
        """What happens right after this process has read a key."""
        self.after_putting: Callable[[str], Awaitable[None]] | None = None
        """What happens right after it has written one, before it learns."""
        self._random = Random(seed)
        self._cut = asyncio.Event()
        self._runs = asyncio.Event()
        self._runs.set()

    def freeze(self) -> None:
        """Stop the process, as SIGSTOP does: it does not know."""
        self._runs.clear()

    def thaw(self) -> None:
        self._runs.set()

    async def gate(self) -> None:
        """Return when the process runs."""
        await self._runs.wait()

    def cut(self) -> None:
        """Break the line that is followed; it can be followed again at once."""
        self._cut.set()
        self._cut = asyncio.Event()

    async def carry(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Carry a request there, and its answer back; others get their turn meanwhile."""
        if name in self.hold_back:
            await self.hold_back.pop(name).wait()
        await self._travel()
        if self.away or self._random.random() < self.lost_requests:
            raise CoordinationUnavailable("The backend does not answer.", maybe_done=True)
        answer = await call()
        await self._travel()
        if self.away or self._loses(name):
            raise CoordinationUnavailable("The backend does not answer.", maybe_done=True)
        return answer

    async def listen(self, changes: AsyncGenerator[Change, None]) -> AsyncIterator[Change]:
        """Pass changes on until the line breaks."""
        async with aclosing(changes), together() as group:
            broken = group.create_task(self._cut.wait())
            try:
                while not self.away:
                    coming = group.create_task(anext(changes))
                    await asyncio.wait({coming, broken}, return_when=asyncio.FIRST_COMPLETED)
                    if broken.done():
                        coming.cancel()
                        await asyncio.wait({coming})
                        break
                    await self.gate()
                    yield coming.result()
            finally:
                broken.cancel()
        raise CoordinationUnavailable("The line broke.")

    async def _travel(self) -> None:
        for _ in range(self._random.randrange(1, 6)):
            await asyncio.sleep(0)
        await self.gate()

    def _loses(self, name: str) -> bool:
        if self.lose_next_answer_of == name:
            self.lose_next_answer_of = ""
            return True
        return self._random.random() < self.lost_answers


class TroubledClock(Clock):
    """A process's clock: it does not wake while the process is frozen."""

    def __init__(self, clock: Clock, trouble: Trouble) -> None:
        self._clock = clock
        self._trouble = trouble
        self.wrong_by = timedelta(0)
        """What the wall clock shows beside the time."""

    def now(self) -> datetime:
        return self._clock.now() + self.wrong_by

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, pause: timedelta) -> None:
        await self._clock.sleep(pause)
        await self._trouble.gate()


class TroubledBackend(Backend):
    """A backend as one process reaches it."""

    def __init__(self, backend: Backend, trouble: Trouble) -> None:
        self._backend = backend
        self._trouble = trouble

    @property
    def promises(self) -> Promises:
        return self._backend.promises

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        async with self._backend.open() as store:
            yield TroubledStore(store, self._trouble)


class TroubledStore(Store):
    """A store behind a troubled line. Streams are not troubled."""

    def __init__(self, store: Store, trouble: Trouble) -> None:
        self._store = store
        self._trouble = trouble

    @property
    def promises(self) -> Promises:
        return self._store.promises

    @property
    def streams(self) -> Streams | None:
        return self._store.streams

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        return await self._trouble.carry("begin", lambda: self._store.begin(who, ttl, revoked))

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        return await self._trouble.carry("renew", lambda: self._store.renew(session))

    async def end(self, session: SessionId) -> None:
        await self._trouble.carry("end", lambda: self._store.end(session))

    async def sessions(self) -> Sequence[SessionStanding]:
        return await self._trouble.carry("sessions", self._store.sessions)

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        return await self._trouble.carry("claim", lambda: self._store.claim(claim, value, wait=wait))

    async def release(self, claim: Claim) -> bool:
        return await self._trouble.carry("release", lambda: self._store.release(claim))

    async def revoke(self, name: str, token: Token) -> bool:
        return await self._trouble.carry("revoke", lambda: self._store.revoke(name, token))

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        return await self._trouble.carry("proclaim", lambda: self._store.proclaim(claim, value))

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        return await self._trouble.carry("claims", lambda: self._store.claims(prefix))

    async def get(self, key: str) -> Entry | None:
        entry = await self._trouble.carry("get", lambda: self._store.get(key))
        if self._trouble.after_reading is not None:
            await self._trouble.after_reading(key)
        return entry

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        async def put() -> Revision:
            revision = await self._store.put(key, value, expected=expected, expires=expires, fence=fence)
            if self._trouble.after_putting is not None:
                await self._trouble.after_putting(key)
            return revision

        return await self._trouble.carry("put", put)

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        return await self._trouble.carry("delete", lambda: self._store.delete(key, expected=expected, fence=fence))

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        return await self._trouble.carry("entries", lambda: self._store.entries(prefix, after=after, limit=limit))

    def follow(self) -> AsyncIterator[Change]:
        return self._trouble.listen(cast("AsyncGenerator[Change, None]", self._store.follow()))
