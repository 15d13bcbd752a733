"""What this process was told of a bucket: its sessions and queues, and how far that goes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from adapters.coordination.nats.jetstream import Kept
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.queue import Queue, read_part
from adapters.coordination.nats.queues import Queues, Turned
from adapters.coordination.nats.reading import Quiet, Told
from adapters.coordination.records import SessionRecord, read
from engine.coordination.standing import SessionId, Who
from engine.errors import CoordinationUnavailable

MOST_OVER = 1_000
"""Sessions of which it is remembered whose they were."""

NO_ONE = SessionRecord().who


class KeptSession(NamedTuple):
    """A session as its last message has it."""

    number: int
    record: SessionRecord
    renewed: datetime


class Marks(NamedTuple):
    """When this reader was at a message, so many others waited for it."""

    number: int
    due: int
    """Messages that this reader has to be given until all of those were."""


class Mirror:
    """Grows with every message. A message that another one replaced before it was sent is never told: what is here is
    as new as the bucket was at a moment only when everything that waited then has come, which `reach` waits for."""

    def __init__(self, layout: Layout, turned: Callable[[Turned], None]) -> None:
        self.sessions: dict[SessionId, KeptSession] = {}
        self.queues = Queues(self.living, turned)
        self._layout = layout
        self._over: OrderedDict[SessionId, Who] = OrderedDict()
        self._settled = 0
        self._marks: Marks | None = None
        self._waiting: dict[asyncio.Future[None], int] = {}

    def begin(self, found: Iterable[Kept], number: int) -> None:
        """Take in everything there is; it is as new as the message with that number."""
        for message in found:
            self.take_in(message)
        self._settle(number)

    def living(self, session: SessionId) -> bool:
        return session in self.sessions

    def dead(self, queue: Queue) -> frozenset[SessionId]:
        """Return whose places are in a queue although their session is over."""
        return frozenset(
            session
            for session, standing in queue.parts.items()
            if standing.part.places and self._is_over(session, standing.number)
        )

    def who(self, session: SessionId) -> Who:
        found = self.sessions.get(session)
        return found.record.who if found is not None else self._over.get(session, NO_ONE)

    def take_in(self, message: Kept) -> SessionId | None:
        """Note what a message says of a session or a queue; return the session that came or went by it."""
        prefix, name = self._layout.told(message.subject)
        if prefix == self._layout.queues:
            session, slash, queue = name.partition("/")
            if slash:
                self.queues.note(queue, SessionId(session), read_part(message.number, message.data))
        elif prefix == self._layout.sessions:
            return self._note(SessionId(name), message)
        return None

    def ended(self, session: SessionId) -> None:
        """Note that a session is over."""
        self._over[session] = self.who(session)
        self.sessions.pop(session, None)
        if len(self._over) > MOST_OVER:
            self._over.popitem(last=False)
        self.queues.look_after(session)

    def told(self, told: Told | Quiet) -> None:
        """Note how far the reader is."""
        if isinstance(told, Quiet):
            self._settle(told.number)
        elif told.pending == 0:
            self._marks = None
            self._settle(told.message.number)
        elif self._marks is None:
            self._marks = Marks(told.message.number, told.place + told.pending)
        elif told.place >= self._marks.due:
            self._settle(self._marks.number)
            self._marks = Marks(told.message.number, told.place + told.pending)

    async def reach(self, number: int) -> None:
        """Return once what is here is as new as the bucket was with the message of that number."""
        if number <= self._settled:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[reached] = number
        try:
            await reached
        finally:
            self._waiting.pop(reached, None)

    def broken(self, error: CoordinationUnavailable) -> None:
        """Nothing more will be told."""
        for reached in self._waiting:
            if not reached.done():
                reached.set_exception(error)

    def _is_over(self, session: SessionId, number: int) -> bool:
        """Whether a session that wrote the message with that number is over. One that was renewed since may not have
        been told yet."""
        return session in self._over or (session not in self.sessions and number <= self._settled)

    def _note(self, session: SessionId, message: Kept) -> SessionId | None:
        if message.gone:
            known = session in self.sessions or session not in self._over
            self.ended(session)
            return session if known else None
        before = self.sessions.get(session)
        if session in self._over or (before is not None and before.number >= message.number):
            return None
        self.sessions[session] = KeptSession(message.number, read(message.data, SessionRecord), message.at)
        if before is None:
            self.queues.look_after(session)
        return session if before is None else None

    def _settle(self, number: int) -> None:
        self._settled = max(self._settled, number)
        self.queues.settle(self._settled)
        for reached, wanted in list(self._waiting.items()):
            if wanted <= self._settled and not reached.done():
                reached.set_result(None)
