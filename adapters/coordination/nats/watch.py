"""The one line on which a process asks, and is told what happens in the bucket: it serves followers, waiters and
holders alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from adapters.coordination.mailboxes import Mailboxes
from adapters.coordination.nats.address import Address
from adapters.coordination.nats.jetstream import MARKER, Config, Conflict, Info, JetStream, Kept, lives
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.line import Line, NobodyThere
from adapters.coordination.nats.mirror import Mirror
from adapters.coordination.nats.queue import NOTHING, Part, Standing, read_part
from adapters.coordination.nats.queues import Turned
from adapters.coordination.nats.reading import Told, following, latest, reading
from engine.clock import Clock
from engine.coordination.standing import Change, Entry, Kind, Revision, SessionId
from engine.errors import CoordinationError, CoordinationUnavailable

REMEMBERED_FOR = timedelta(minutes=2)
"""That something is gone. Whoever follows hears it at once; a line that tells nothing for so long is broken before."""

Act = Callable[[Part], Part]


@dataclass(frozen=True, slots=True)
class Hearers:
    """Whom a watch tells, beside those who follow."""

    prepare: Callable[[JetStream], Awaitable[Info]]
    turned: Callable[[Turned], None]
    session: Callable[[SessionId], None]
    synced: Callable[[], None]
    broken: Callable[[CoordinationUnavailable], None]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a part."""

    before: Part
    after: Standing


class Watch:
    """Runs until its line breaks, and never again."""

    config = Config()
    """Of the bucket, once the watch is up."""

    def __init__(self, address: Address, layout: Layout, clock: Clock, hearers: Hearers) -> None:
        self.line = Line(address)
        self.jetstream = JetStream(self.line)
        self.mailboxes = Mailboxes()
        self.mirror = Mirror(layout, self._turned)
        self._layout = layout
        self._clock = clock
        self._hearers = hearers
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over = False

    @property
    def standing(self) -> bool:
        """Whether it is up or coming up."""
        return not self._over and self.line.open

    async def up(self) -> None:
        """Return once everything that happens from now on will be told. Raises `CoordinationError`."""
        if not self._up.done():
            await asyncio.shield(self._up)
        else:
            self._up.result()

    async def run(self) -> None:
        try:
            await self._listen()
        except CoordinationUnavailable as error:
            self._broke(error, error)
        except CoordinationError as error:
            self._broke(error, CoordinationUnavailable(str(error)))
        except asyncio.CancelledError:
            closed = CoordinationUnavailable(f"The connection to {self.line.address.title} was closed.")
            self._broke(closed, closed)
            raise
        finally:
            await self.line.end()

    async def put(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, expected: int | None = None
    ) -> int:
        """Return the number of a message of the bucket once it is kept. Raises `Conflict`, `CoordinationError`."""
        try:
            return await self.jetstream.put(subject, data, headers or {}, expected=expected)
        except NobodyThere:
            raise self.line.address.away() from None

    async def last(self, subject: str) -> Kept | None:
        return await self.jetstream.last(self._layout.stream, subject)

    async def reach(self, number: int) -> None:
        """Return once the mirror is as new as the message with that number."""
        try:
            async with asyncio.timeout(self.line.address.timeout):
                await self.mirror.reach(number)
        except TimeoutError:
            await self.line.end()
            raise self.line.address.silent() from None

    async def current(self) -> Mirror:
        """Return the mirror as new as the bucket is now."""
        info = await self.jetstream.info(self._layout.stream)
        if info is None:
            raise self.line.address.away()
        await self.reach(info.state.last_seq)
        return self.mirror

    async def change(self, name: str, session: SessionId, act: Act, *, firm: bool = False) -> Step:
        """Put what `act` makes of a session's part in its place. What it leaves as it is is written all the same if
        `firm`: then nothing that is still under way can take effect. Raises `CoordinationError`."""
        standing, sure = self.mirror.queues.queue(name).standing(session), False
        while True:
            changed = act(standing.part)
            if changed is standing.part and not firm:
                if sure:
                    return Step(changed, standing)
            else:
                try:
                    return Step(standing.part, await self._write(name, session, changed, standing.number))
                except Conflict as conflict:
                    told = self.mirror.queues.queue(name).standing(session)
                    if standing.number < told.number >= conflict.last > 0:
                        standing, sure = told, True
                        continue
            standing, sure = await self._read(name, session), True

    async def _read(self, name: str, session: SessionId) -> Standing:
        found = await self.last(self._layout.part(name, session))
        if found is None:
            return NOTHING
        standing = read_part(found.number, found.data)
        self.mirror.queues.note(name, session, standing)
        return standing

    async def _write(self, name: str, session: SessionId, part: Part, expected: int) -> Standing:
        headers = {} if part.places else {**MARKER, **lives(REMEMBERED_FOR)}
        subject = self._layout.part(name, session)
        number = await self.put(subject, msgspec.json.encode(part), headers, expected=expected)
        standing = Standing(number, part.written(number))
        self.mirror.queues.note(name, session, standing)
        return standing

    async def _listen(self) -> None:
        await self.line.dial()
        stream = self._layout.stream
        info = await self._hearers.prepare(self.jetstream)
        self.config, begin = info.config, info.state.last_seq
        async with reading(self.jetstream, stream, following(begin)) as consumer:
            filters = (f"{self._layout.sessions}.>", f"{self._layout.queues}.>")
            self.mirror.begin(await latest(self.jetstream, stream, *filters), begin)
            self._up.set_result(None)
            self._hearers.synced()
            async with aclosing(consumer.follow()) as told:
                async for each in told:
                    if isinstance(each, Told):
                        self._tell(each.message)
                    self.mirror.told(each)

    def _tell(self, message: Kept) -> None:
        prefix, name = self._layout.told(message.subject)
        if prefix == self._layout.keys:
            self.mailboxes.tell(Change(kind=Kind.KEY, name=name, entry=entry_of(name, message, self._clock)))
            return
        session = self.mirror.take_in(message)
        if session is not None:
            self.session(session)

    def session(self, session: SessionId) -> None:
        """Tell everybody that a session came or went."""
        self.mailboxes.tell(Change(kind=Kind.SESSION, name=session))
        if not self.mirror.living(session):
            for name in self.mirror.queues.names(session):
                self.mailboxes.tell(Change(kind=Kind.CLAIM, name=name))
            self._hearers.session(session)

    def _turned(self, turned: Turned) -> None:
        if turned.session:
            self.mailboxes.tell(Change(kind=Kind.CLAIM, name=turned.name))
        self._hearers.turned(turned)

    def _broke(self, error: CoordinationError, fault: CoordinationUnavailable) -> None:
        self._over = True
        if not self._up.done():
            self._up.set_exception(error)
            self._up.exception()  # whoever asked may have left
        self.mailboxes.fail(fault)
        self.mirror.broken(fault)
        self._hearers.broken(fault)


def entry_of(key: str, message: Kept | None, clock: Clock) -> Entry | None:
    """Return what a message says of a key."""
    if message is None or message.gone:
        return None
    left = message.left(clock.now())
    return Entry(key=key, value=message.data, revision=Revision(message.number), left=left)
