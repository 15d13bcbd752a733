"""The two lines of a process to PostgreSQL: the first listens to what is told, the second asks what has to be asked
again and again. One that breaks is made anew, and costs nothing as long as the other is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from adapters.coordination.hand_over import HandOver
from adapters.coordination.mailboxes import Mailboxes
from adapters.coordination.postgres.desk import Desk
from adapters.coordination.postgres.hearing import Hearing
from adapters.coordination.postgres.life_line import LifeLine
from engine.clock import Clock
from engine.coordination.observed import CUT_OFF_PATIENCE
from engine.coordination.standing import Change, Kind, SessionId
from engine.errors import CoordinationError, CoordinationUnavailable

TOLD = frozenset({Kind.KEY, Kind.CLAIM, Kind.SESSION})


class Bell:
    """Rings for who follows a stream."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._fault: CoordinationError | None = None

    def ring(self, fault: CoordinationError | None = None) -> None:
        self._fault = fault or self._fault
        self._rung.set()

    def still(self) -> None:
        """Forget that it rang: all is read that there was before this."""
        self._rung.clear()

    async def rung(self) -> None:
        """Wait until there is something new. Raises `CoordinationUnavailable` once the line broke."""
        await self._rung.wait()
        if self._fault is not None:
            raise self._fault


class Lines:
    """Both lines, and everybody who hears something over them."""

    def __init__(self, desk: Desk, schema: str, clock: Clock, own: HandOver) -> None:
        self._desk = desk
        self.schema = schema
        self._own = own
        self.listener = LifeLine(desk.address, schema, clock)
        self.asker = LifeLine(desk.address, schema, clock)
        self.listener.taken_up, self.asker.taken_up = self._listener_is_new, self._show_life
        self.listener.changed, self.asker.changed = self._listener_changed, self._changed
        self._hearing = Hearing(self.listener, self._needs, clock)
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self.take_up: Callable[[], Awaitable[None]] = _nothing
        """Runs over every new listener, once it listens: what was told meanwhile was missed."""
        self._mailboxes = Mailboxes()
        self._bells: dict[str, set[Bell]] = {}

    @property
    def lives(self) -> tuple[int, int]:
        return self.listener.life, self.asker.life

    async def dial(self) -> None:
        """Make both. Raises `CoordinationError`."""
        await self.asker.dial()
        await self.listener.dial()

    async def endure(self, ttl: timedelta) -> None:
        for line in (self.listener, self.asker):
            await line.endure(ttl)

    async def listen(self, session: SessionId) -> None:
        """Hear what a session is told, for as long as it holds something or waits."""
        await self._hearing.listen(self._channel(session), lambda message: self._own.heard(session, message))

    async def unlisten(self, session: SessionId) -> None:
        await self._hearing.forget(self._channel(session))

    async def rest(self) -> None:
        """Listen to nothing that was not needed for a while. Raises `CoordinationUnavailable` if the line broke."""
        await self._hearing.rest()

    async def give_up_in_time(self) -> None:
        """Whenever both lines stay broken, give up what is held."""
        while True:
            await self._none.wait()
            try:
                async with asyncio.timeout(CUT_OFF_PATIENCE.total_seconds()):
                    await self._some.wait()
            except TimeoutError:
                self._own.cut_off(self._desk.address.away())
                await self._some.wait()

    async def changes(self) -> AsyncGenerator[Change, None]:
        """Follow what is told to everybody."""
        await self._hearing.follow(self.schema, self._heard)
        with self._mailboxes.opened() as box:
            yield Change(kind=Kind.SYNCED)
            async for change in box.changes():
                yield change

    @asynccontextmanager
    async def followed(self, stream: str) -> AsyncIterator[Bell]:
        """A bell that rings when something is appended, until the block ends. Raises `CoordinationUnavailable`."""
        await self._hearing.follow(self.schema, self._heard)
        bell = Bell()
        self._bells.setdefault(stream, set()).add(bell)
        try:
            yield bell
        finally:
            bells = self._bells.get(stream, set())
            bells.discard(bell)
            if not bells:
                self._bells.pop(stream, None)

    def silent(self, fault: CoordinationUnavailable) -> None:
        """Tell all who wait or follow that the server does not answer; the lines may come to life again."""
        self._own.waiting.broken(fault)
        self._fail_followers(fault)

    def close(self) -> None:
        self.listener.close()
        self.asker.close()

    def _channel(self, session: SessionId) -> str:
        return f"{self.schema}:{session}"

    def _needs(self, channel: str) -> bool:
        if channel == self.schema:
            return len(self._mailboxes) > 0 or len(self._bells) > 0
        session = SessionId(channel.removeprefix(f"{self.schema}:"))
        claims = (*self._own.unanswered, *(place.claim for place in self._own.waiting.places()))
        return bool(self._own.grants.held(session)) or any(claim.session == session for claim in claims)

    def _heard(self, payload: str) -> None:
        kind, _, name = payload.partition(" ")
        if kind == "stream":
            for bell in self._bells.get(name, ()):
                bell.ring()
        elif kind in TOLD:
            self._mailboxes.tell(Change(kind=Kind(kind), name=name))

    async def _listener_is_new(self) -> None:
        await self._hearing.take_up()
        await self._show_life()
        await self.take_up()

    async def _show_life(self) -> None:
        own = list(self._own.grants.sessions)
        if own:
            await self._desk.ask(
                "UPDATE @schema@.session SET life = $1, life_too = $2 WHERE id = ANY($3)", *self.lives, own
            )

    def _listener_changed(self) -> None:
        if not self.listener.up:
            self._fail_followers(self._desk.address.away())
        self._changed()

    def _changed(self) -> None:
        some = self.listener.up or self.asker.up
        for event, holds in ((self._some, some), (self._none, not some)):
            event.set() if holds else event.clear()

    def _fail_followers(self, fault: CoordinationUnavailable) -> None:
        self._mailboxes.fail(fault)
        for bells in self._bells.values():
            for bell in bells:
                bell.ring(fault)


async def _nothing() -> None:
    """Nobody has anything to take up."""
