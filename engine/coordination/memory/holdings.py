"""Sessions and the queues they stand in, in dicts: the reference for all backends. Every method is one atomic step at
the moment `now` of a monotonic clock; `at` is the wall time that people read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from engine.coordination.standing import (
    Change,
    Claim,
    ClaimStanding,
    Ending,
    Fence,
    Holder,
    Kind,
    PastHolder,
    SessionId,
    SessionStanding,
    Token,
    Waiter,
    Who,
)
from engine.coordination.store import Revoked
from engine.errors import LeaseLost, SessionLost

PAST = 20
"""Holds of a name that are remembered."""

Tell = Callable[[Change], None]


@dataclass(slots=True, kw_only=True)
class Session:
    """A living session."""

    id: SessionId
    who: Who
    ttl: timedelta
    since: datetime
    deadline: float
    revoked: Revoked


@dataclass(slots=True, kw_only=True)
class Place:
    """A place in a queue; the one at the head has a token."""

    claim: Claim
    value: bytes
    since: datetime
    token: Token | None = None
    served: list[asyncio.Future[Token]] = field(default_factory=list)
    """Who waits here; more than one when a claim was repeated."""

    def serve(self, token: Token, at: datetime) -> None:
        self.token, self.since = token, at
        for waiting in self.served:
            if not waiting.done():
                waiting.set_result(token)

    def fail(self, error: SessionLost) -> None:
        for waiting in self.served:
            if not waiting.done():
                waiting.set_exception(error)


@dataclass(slots=True)
class Queue:
    """The queue of a name, and the last that held it."""

    places: list[Place] = field(default_factory=list)
    past: deque[PastHolder] = field(default_factory=lambda: deque(maxlen=PAST))


class Holdings:
    """Sessions and the queues they stand in."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._numbers = count(1)
        self._tokens = count(1)
        self._sessions: dict[SessionId, Session] = {}
        self._queues: dict[str, Queue] = {}

    def next_deadline(self) -> float | None:
        """Return when the next session lapses unless it is renewed."""
        return min((session.deadline for session in self._sessions.values()), default=None)

    def sweep(self, now: float, at: datetime) -> None:
        """Let lapse what was not renewed in time."""
        self._end({each.id for each in self._sessions.values() if each.deadline <= now}, at)

    def begin(self, who: Who, ttl: timedelta, revoked: Revoked, now: float, at: datetime) -> SessionId:
        session = SessionId(f"{who.node}-{who.pid}-{next(self._numbers)}")
        self._sessions[session] = Session(
            id=session, who=who, ttl=ttl, since=at, deadline=now + ttl.total_seconds(), revoked=revoked
        )
        self._tell(Change(kind=Kind.SESSION, name=session))
        return session

    def renew(self, session: SessionId, now: float) -> frozenset[tuple[str, Token]]:
        living = self._living(session)
        living.deadline = now + living.ttl.total_seconds()
        heads = [(name, queue.places[0]) for name, queue in self._queues.items() if queue.places]
        return frozenset(
            (name, head.token) for name, head in heads if head.token is not None and head.claim.session == session
        )

    def end(self, session: SessionId, at: datetime) -> None:
        """End a session, and serve whoever waited for what it held. Harmless when it is over."""
        self._end({session} & self._sessions.keys(), at)

    def sessions(self, now: float) -> list[SessionStanding]:
        return [
            SessionStanding(id=each.id, who=each.who, ttl=each.ttl, since=each.since, left=left_of(each.deadline, now))
            for _, each in sorted(self._sessions.items())
        ]

    def stand(self, claim: Claim, value: bytes, at: datetime, *, wait: bool) -> Place | None:
        """Return the claim's place: the one it has, or a new one at the end. None where it would have to wait and does
        not want to."""
        self._living(claim.session)
        queue = self._queues.setdefault(claim.name, Queue())
        place = next((place for place in queue.places if place.claim == claim), None)
        if place is None:
            if queue.places and not wait:
                return None
            place = Place(claim=claim, value=value, since=at)
            queue.places.append(place)
            self._serve(queue, at)
            self._tell(Change(kind=Kind.CLAIM, name=claim.name))
        return place

    def release(self, claim: Claim, at: datetime) -> bool:
        queue = self._queues.get(claim.name, Queue())
        place = next((place for place in queue.places if place.claim == claim), None)
        if place is None:
            return False
        self._leave(place, Ending.RELEASED, at)
        return place.token is not None

    def revoke(self, name: str, token: Token, at: datetime) -> bool:
        head = self._head(name)
        if head is None or head.token != token:
            return False
        self._leave(head, Ending.REVOKED, at)
        self._living(head.claim.session).revoked(name, token)
        return True

    def proclaim(self, claim: Claim, value: bytes) -> bool:
        head = self._head(claim.name)
        if head is None or head.claim != claim:
            return False
        head.value = value
        self._tell(Change(kind=Kind.CLAIM, name=claim.name))
        return True

    def claims(self, prefix: str, now: float) -> list[ClaimStanding]:
        return [
            self._standing(name, queue, now) for name, queue in sorted(self._queues.items()) if name.startswith(prefix)
        ]

    def check(self, fence: Fence | None) -> None:
        """Raise `LeaseLost` unless this is the newest grant, and stands."""
        if fence is None:
            return
        head = self._head(fence.name)
        if head is None or head.token != fence.token:
            raise LeaseLost(
                f"{fence.name} is no longer held under the token {fence.token}, so nothing was written. "
                "Take it again, and look first at what stands there.",
                name=fence.name,
                token=fence.token,
                reason="expired",
            )

    def _living(self, session: SessionId) -> Session:
        if session not in self._sessions:
            raise _lost(session)
        return self._sessions[session]

    def _head(self, name: str) -> Place | None:
        queue = self._queues.get(name)
        return queue.places[0] if queue is not None and queue.places else None

    def _end(self, sessions: AbstractSet[SessionId], at: datetime) -> None:
        """End sessions. First all their waiting places go, lest a grant goes from one that dies to another."""
        places = [place for queue in self._queues.values() for place in queue.places if place.claim.session in sessions]
        for place in sorted(places, key=lambda place: place.token is not None):
            self._leave(place, Ending.LAPSED, at)
            place.fail(_lost(place.claim.session))
        for session in sessions:
            del self._sessions[session]
            self._tell(Change(kind=Kind.SESSION, name=session))

    def _leave(self, place: Place, ending: Ending, at: datetime) -> None:
        name = place.claim.name
        queue = self._queues[name]
        queue.places.remove(place)
        if place.token is not None:
            who = self._sessions[place.claim.session].who
            queue.past.appendleft(PastHolder(who=who, token=place.token, since=place.since, until=at, ending=ending))
        self._serve(queue, at)
        self._tell(Change(kind=Kind.CLAIM, name=name))

    def _serve(self, queue: Queue, at: datetime) -> None:
        """Give a token to the first in line if it has none: nobody can come in between."""
        if queue.places and queue.places[0].token is None:
            queue.places[0].serve(Token(next(self._tokens)), at)

    def _standing(self, name: str, queue: Queue, now: float) -> ClaimStanding:
        waiters = tuple(
            Waiter(session=place.claim.session, who=self._sessions[place.claim.session].who, since=place.since)
            for place in queue.places[1:]
        )
        past = tuple(queue.past)
        if not queue.places or queue.places[0].token is None:
            return ClaimStanding(name=name, holder=None, past=past)
        head = queue.places[0]
        session = self._sessions[head.claim.session]
        holder = Holder(
            session=session.id, who=session.who, token=queue.places[0].token, since=head.since, value=head.value
        )
        left = left_of(session.deadline, now)
        return ClaimStanding(name=name, holder=holder, ttl=session.ttl, left=left, waiters=waiters, past=past)


def left_of(deadline: float, now: float) -> timedelta:
    return timedelta(seconds=max(0.0, deadline - now))


def _lost(session: SessionId) -> SessionLost:
    return SessionLost(f"The session {session} is over: it was not renewed in time, or was ended.")
