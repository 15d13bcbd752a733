"""The backend as this process has it: connected when first needed, and whether it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from engine.coordination.means import Means
from engine.coordination.overview import BackendStanding
from engine.coordination.promises import Feature, Promises
from engine.coordination.standing import (
    Change,
    Claim,
    ClaimStanding,
    Entry,
    Fence,
    Kind,
    Revision,
    SessionId,
    SessionStanding,
    Token,
    Who,
)
from engine.coordination.store import Revoked, Store
from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import CoordinationError, CoordinationUnavailable, NotSupported, SyncdeckError

T = TypeVar("T")

Ask = Callable[[Store], Coroutine[Any, Any, T]]
"""A question to the store that is open."""


class Line(Store):
    """A store that connects when it is first asked something, and again if that failed.

    Whether it answers is told by the notices `coordination.up` and `coordination.down` (the fault in words).
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._group: asyncio.TaskGroup | None = None
        self._opened: asyncio.Future[Store] | None = None
        self._closing = asyncio.Event()
        self._store: Store | None = None
        self._up: bool | None = None
        self._since: datetime | None = None
        self._fault = ""

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run in this group from now on."""
        self._group = group

    async def close(self) -> None:
        """Disconnect; nothing can be asked any more."""
        self._group = None
        self._store = None
        self._closing.set()

    @property
    def promises(self) -> Promises:
        return self._store.promises if self._store is not None else self._means.backend.promises

    @property
    def streams(self) -> Streams | None:
        return None if Feature.STREAM in self.promises.refusals else StreamLine(self)

    async def standing(self) -> BackendStanding:
        """Ask for the sessions; whatever becomes of that is in the answer."""
        begun = self._means.clock.monotonic()
        sessions: Sequence[SessionStanding] = ()
        try:
            sessions = await self.sessions()
        except SyncdeckError as error:
            self.failed(error)
        return BackendStanding(
            promises=self.promises,
            reachable=bool(self._up),
            since=self._since or self._means.clock.now(),
            fault=self._fault,
            latency=timedelta(seconds=self._means.clock.monotonic() - begun) if self._up else None,
            sessions=tuple(sessions),
        )

    def answered(self) -> None:
        """Note that the backend is there."""
        if not self._up:
            self._up, self._since, self._fault = True, self._means.clock.now(), ""
            self._means.tell("coordination.up")

    def failed(self, error: SyncdeckError) -> None:
        """Note that it is not."""
        self._fault = str(error)
        if self._up is not False:
            self._up, self._since = False, self._means.clock.now()
            self._means.tell("coordination.down", detail=self._fault)

    async def opened(self) -> Store:
        """Return the store itself, connected."""
        if self._store is not None:
            return self._store
        if self._group is None:
            raise closed()
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._group.create_task(self._stay_open(self._opened))
        return await asyncio.shield(self._opened)

    async def _stay_open(self, opened: asyncio.Future[Store]) -> None:
        try:
            async with self._means.backend.open() as store:
                self._store = store
                opened.set_result(store)
                await self._closing.wait()
        except SyncdeckError as error:
            if opened.done():
                raise
            self._opened = None
            opened.set_exception(error)
            opened.exception()  # whoever asked may have left
        finally:
            self._store = None
            opened.cancel()

    async def ask(self, question: Ask[T]) -> T:
        """Ask the store something, and note whether it answers."""
        try:
            answer = await question(self._store or await self.opened())
        except CoordinationUnavailable as error:
            self.failed(error)
            raise
        if not self._up:
            self.answered()
        return answer

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        self.promises.require_ttl(ttl)
        return await self.ask(lambda store: store.begin(who, ttl, revoked))

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        return await self.ask(lambda store: store.renew(session))

    async def end(self, session: SessionId) -> None:
        await self.ask(lambda store: store.end(session))

    async def sessions(self) -> Sequence[SessionStanding]:
        return await self.ask(lambda store: store.sessions())

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        return await self.ask(lambda store: store.claim(claim, value, wait=wait))

    async def release(self, claim: Claim) -> bool:
        return await self.ask(lambda store: store.release(claim))

    async def revoke(self, name: str, token: Token) -> bool:
        return await self.ask(lambda store: store.revoke(name, token))

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        return await self.ask(lambda store: store.proclaim(claim, value))

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        return await self.ask(lambda store: store.claims(prefix))

    async def get(self, key: str) -> Entry | None:
        return await self.ask(lambda store: store.get(key))

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        return await self.ask(lambda store: store.put(key, value, expected=expected, expires=expires, fence=fence))

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        return await self.ask(lambda store: store.delete(key, expected=expected, fence=fence))

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        return await self.ask(lambda store: store.entries(prefix, after=after, limit=limit))

    async def follow(self) -> AsyncGenerator[Change, None]:
        try:
            async with aclosing(_generator((await self.opened()).follow())) as changes:
                async for change in changes:
                    if change.kind is Kind.SYNCED:
                        self.answered()
                    yield change
        except CoordinationUnavailable as error:
            self.failed(error)
            raise


class StreamLine(Streams):
    """The streams of a line's store."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        return await self._line.ask(lambda store: _streams(store).append(stream, data, name=name, expected=expected))

    async def read(self, stream: str, after: Offset = START, limit: int = 1_000) -> Sequence[Message]:
        return await self._line.ask(lambda store: _streams(store).read(stream, after, limit))

    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        streams = _streams(await self._line.opened())
        async with aclosing(_generator(streams.follow(stream, after))) as messages:
            async for message in messages:
                yield message

    async def last(self, stream: str) -> Offset:
        return await self._line.ask(lambda store: _streams(store).last(stream))

    async def trim(self, stream: str, until: Offset) -> int:
        return await self._line.ask(lambda store: _streams(store).trim(stream, until))

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        return await self._line.ask(lambda store: _streams(store).streams())


def closed() -> CoordinationError:
    """Return what is said to whoever asks too late."""
    return CoordinationError("Coordination is closed. Open the workspace again.")


def _streams(store: Store) -> Streams:
    store.promises.require(Feature.STREAM)
    if store.streams is None:
        raise NotSupported(f"{store.promises.backend} has no streams here. SQLite, Redis, PostgreSQL and NATS have.")
    return store.streams


def _generator(changes: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Return an iterator as what it is in every store: something that can be closed."""
    return cast("AsyncGenerator[T, None]", changes)
