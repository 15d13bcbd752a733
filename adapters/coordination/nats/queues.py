"""All queues of a bucket, as far as this process was told of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from adapters.coordination.nats.queue import EMPTY, Queue, Seat, Standing
from engine.coordination.standing import SessionId

MOST_FREE = 1_000
"""Names whose past is remembered while nobody holds them; to claim one of them again takes one question."""


NO_SESSION = SessionId("")


class Turned(NamedTuple):
    """Something happened to a queue."""

    name: str
    before: Seat | None
    """Who held it."""
    after: Seat | None
    session: SessionId = NO_SESSION
    """Whose part was written; empty: it was not that."""
    left: tuple[str, ...] = ()
    """The nonces of that session's places that are gone."""


class Queues:
    """Grows with every part that is told. A place that is new may have others before it that are not told yet: nobody
    holds with one that is newer than all that has settled."""

    def __init__(self, living: Callable[[SessionId], bool], turned: Callable[[Turned], None]) -> None:
        self._living = living
        self._turned = turned
        self._queues: dict[str, Queue] = {}
        self._free: OrderedDict[str, Queue] = OrderedDict()
        self._holders: dict[str, Seat] = {}
        self._names: dict[SessionId, set[str]] = {}
        self._settled = 0
        self._unsettled: set[str] = set()

    def all(self) -> Iterable[tuple[str, Queue]]:
        """Return every name that somebody has a place at, and some where somebody had."""
        return [*self._queues.items(), *self._free.items()]

    def queue(self, name: str) -> Queue:
        return self._queues.get(name) or self._free.get(name) or EMPTY

    def line(self, name: str) -> list[Seat]:
        """Return the places of those who live, in their order."""
        return [seat for seat in self.queue(name).seats if self._living(seat.session)]

    def holder(self, name: str) -> Seat | None:
        """Return who holds, as far as that is certain."""
        first = self._first(name)
        return first if first is not None and first.token <= self._settled else None

    def names(self, session: SessionId) -> Iterable[str]:
        """Return the names at which a session has places."""
        return tuple(self._names.get(session, ()))

    def note(self, name: str, session: SessionId, standing: Standing) -> None:
        """Note what a session has at a name, unless it is known to have something else since."""
        queue = self.queue(name)
        before = queue.standing(session)
        if standing.number <= before.number:
            return
        places, remaining = before.part.places, {place.nonce for place in standing.part.places}
        self._keep(name, queue.with_part(session, standing, self._living))
        if remaining:
            self._names.setdefault(session, set()).add(name)
        elif places:
            self._forget(session, name)
        left = tuple(place.nonce for place in places if place.nonce not in remaining)
        self._look(name, session, left)

    def settle(self, number: int) -> None:
        """Learn that everything up to a number was told, or what has come in its place."""
        self._settled = max(self._settled, number)
        waiting, self._unsettled = self._unsettled, set()
        for name in waiting:
            self._look(name)

    def look_after(self, session: SessionId) -> None:
        """Learn that a session came or went; the places of one that is over stay until somebody takes them away."""
        for name in self.names(session):
            self._look(name)

    def _keep(self, name: str, queue: Queue) -> None:
        self._queues.pop(name, None)
        self._free.pop(name, None)
        if not queue.free:
            self._queues[name] = queue
            return
        self._free[name] = queue
        if len(self._free) > MOST_FREE:
            self._free.popitem(last=False)

    def _forget(self, session: SessionId, name: str) -> None:
        names = self._names[session]
        names.discard(name)
        if not names:
            del self._names[session]

    def _look(self, name: str, session: SessionId = NO_SESSION, left: tuple[str, ...] = ()) -> None:
        """See who holds now, and tell if that or anything else has changed."""
        before, first = self._holders.pop(name, None), self._first(name)
        after = first if first is not None and first.token <= self._settled else None
        if after is not None:
            self._holders[name] = after
        elif first is not None:
            self._unsettled.add(name)
        if session or before != after:
            self._turned(Turned(name, before, after, session, left))

    def _first(self, name: str) -> Seat | None:
        """Return whose place is before those of all others who live."""
        parts = self.queue(name).parts.items()
        firsts = (
            Seat(found.part.places[0].token, session, found.part.places[0])
            for session, found in parts
            if found.part.places and self._living(session)
        )
        return min(firsts, default=None, key=lambda seat: seat.token)
