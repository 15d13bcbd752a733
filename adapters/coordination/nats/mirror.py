"""What this process was told of a bucket: its sessions and queues, and how far that goes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from adapters.coordination.nats.jetstream import Kept
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.queue import NOBODY, Now, Queue, Standing, read_queue
from adapters.coordination.nats.reading import Quiet, Told
from adapters.coordination.records import SessionRecord, read
from engine.coordination.standing import SessionId, Who
from engine.errors import CoordinationUnavailable

MOST_FREE = 1_000
"""Names whose last message, that nobody holds them, is remembered: to claim them again then takes one question."""

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

    def __init__(self, layout: Layout, changed: Callable[[str, Standing, Standing], None]) -> None:
        self.sessions: dict[SessionId, KeptSession] = {}
        self._layout = layout
        self._changed = changed
        self._queues: dict[str, Standing] = {}
        self._free: OrderedDict[str, Standing] = OrderedDict()
        self._names: dict[SessionId, set[str]] = {}
        self._over: OrderedDict[SessionId, Who] = OrderedDict()
        self._settled = 0
        self._marks: Marks | None = None
        self._waiting: dict[asyncio.Future[None], int] = {}

    def begin(self, found: Iterable[Kept], number: int) -> None:
        """Take in everything there is; it is as new as the message with that number."""
        for message in found:
            self.take_in(message)
        self._settle(number)

    def standing(self, name: str) -> Standing:
        return self._queues.get(name) or self._free.get(name) or NOBODY

    def queues(self) -> Iterable[tuple[str, Standing]]:
        """Return every name that is held or waited for, and some that were."""
        return [*self._queues.items(), *self._free.items()]

    def names(self, session: SessionId) -> Iterable[str]:
        """Return the names that a session holds or waits for."""
        return tuple(self._names.get(session, ()))

    def living(self, session: SessionId) -> bool:
        return session in self.sessions

    def over(self, session: SessionId) -> bool:
        """Whether it was told that a session is over."""
        return session in self._over

    def known(self, queue: Queue) -> bool:
        """Whether of all in a queue it was told if they live."""
        return all(session in self.sessions or session in self._over for session in queue.sessions)

    def now(self, at: datetime) -> Now:
        return Now(at, self.living, self.who)

    def who(self, session: SessionId) -> Who:
        found = self.sessions.get(session)
        return found.record.who if found is not None else self._over.get(session, NO_ONE)

    def take_in(self, message: Kept) -> SessionId | None:
        """Note what a message says of a session or a queue; return the session that came or went by it."""
        prefix, name = self._layout.told(message.subject)
        if prefix == self._layout.queues:
            self.stands(name, read_queue(message.number, message.data))
        elif prefix == self._layout.sessions:
            return self._note(SessionId(name), message)
        return None

    def stands(self, name: str, standing: Standing) -> None:
        """Note how a queue stands, unless it is known to stand otherwise since."""
        before = self.standing(name)
        if standing.number <= before.number:
            return
        self._queues.pop(name, None)
        self._free.pop(name, None)
        if standing.queue.free:
            self._free[name] = standing
            if len(self._free) > MOST_FREE:
                self._free.popitem(last=False)
        else:
            self._queues[name] = standing
        for session in before.queue.sessions - standing.queue.sessions:
            self._names[session].discard(name)
            if not self._names[session]:
                del self._names[session]
        for session in standing.queue.sessions:
            self._names.setdefault(session, set()).add(name)
        self._changed(name, before, standing)

    def ended(self, session: SessionId) -> None:
        """Note that a session is over."""
        self._over[session] = self.who(session)
        self.sessions.pop(session, None)
        if len(self._over) > MOST_FREE:
            self._over.popitem(last=False)

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

    def _note(self, session: SessionId, message: Kept) -> SessionId | None:
        if message.gone:
            known = session in self.sessions or session not in self._over
            self.ended(session)
            return session if known else None
        before = self.sessions.get(session)
        if session in self._over or (before is not None and before.number >= message.number):
            return None
        self.sessions[session] = KeptSession(message.number, read(message.data, SessionRecord), message.at)
        return session if before is None else None

    def _settle(self, number: int) -> None:
        self._settled = max(self._settled, number)
        for reached, wanted in list(self._waiting.items()):
            if wanted <= self._settled and not reached.done():
                reached.set_result(None)
