"""The queue of a name as one value: who holds it, who waits, who held it. Pure.

All that happens to a name is a new value in place of the one that was seen, so that holder, order and hand-over change
in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.coordination.records import LONG_AGO
from engine.coordination.standing import UNREADABLE, Claim, Ending, PastHolder, SessionId, Token, Who

UNKNOWN = Token(0)
"""Of a grant: the number of the very message that grants it, which whoever wrote it could not know."""

REMEMBERED = 5
"""Past holds."""


class Place(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A claim in a queue."""

    session: SessionId
    nonce: str
    asked: datetime = LONG_AGO
    granted: datetime = LONG_AGO
    value: bytes = b""
    token: Token = UNKNOWN

    def of(self, claim: Claim) -> bool:
        return (self.session, self.nonce) == (claim.session, claim.nonce)


class Now(NamedTuple):
    """What a change of a queue goes by."""

    at: datetime
    living: Callable[[SessionId], bool]
    who: Callable[[SessionId], Who]


class Queue(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A name with everybody in line."""

    holder: Place | None = None
    waiters: tuple[Place, ...] = ()
    past: tuple[PastHolder, ...] = ()
    """Newest first."""

    @property
    def free(self) -> bool:
        return self.holder is None and not self.waiters

    @property
    def sessions(self) -> frozenset[SessionId]:
        holding = (self.holder.session,) if self.holder is not None else ()
        return frozenset((*holding, *(place.session for place in self.waiters)))

    def holds(self, claim: Claim) -> bool:
        return self.holder is not None and self.holder.of(claim)

    def waits(self, claim: Claim) -> bool:
        return any(place.of(claim) for place in self.waiters)

    def written(self, number: int) -> Queue:
        """Return this as it stands once the message with that number holds it."""
        if self.holder is None or self.holder.token != UNKNOWN:
            return self
        return replace(self, holder=replace(self.holder, token=Token(number)))

    def pruned(self, now: Now) -> Queue:
        """Leave out whose session is over, and serve the next if that was the holder."""
        waiters = tuple(place for place in self.waiters if now.living(place.session))
        queue = self if len(waiters) == len(self.waiters) else replace(self, waiters=waiters)
        if queue.holder is None:
            return queue.handed_on(now) if waiters else queue
        return queue if now.living(queue.holder.session) else queue.handed_over(Ending.LAPSED, now)

    def asked(self, place: Place, now: Now, *, wait: bool) -> Queue:
        """Stand in line, unless the claim does already; without `wait` only where nobody else is."""
        claim = Claim(place.session, "", place.nonce)
        if self.holds(claim) or self.waits(claim):
            return self
        if self.holder is None:
            return replace(self, holder=replace(place, granted=now.at))
        return replace(self, waiters=(*self.waiters, place)) if wait else self

    def left(self, claim: Claim, now: Now) -> Queue:
        """Give back the grant, or leave the line."""
        if self.holds(claim):
            return self.handed_over(Ending.RELEASED, now)
        if not self.waits(claim):
            return self
        return replace(self, waiters=tuple(place for place in self.waiters if not place.of(claim)))

    def revoked(self, token: Token, now: Now) -> Queue:
        """Take the grant with that token away."""
        if self.holder is None or self.holder.token != token:
            return self
        return self.handed_over(Ending.REVOKED, now)

    def proclaimed(self, claim: Claim, value: bytes) -> Queue:
        if self.holder is None or not self.holder.of(claim):
            return self
        return replace(self, holder=replace(self.holder, value=value))

    def handed_over(self, ending: Ending, now: Now) -> Queue:
        """End the hold that there is, and serve the next in line."""
        if self.holder is None or self.holder.token == UNKNOWN:  # a grant that is written nowhere is no hold
            return replace(self, holder=None).handed_on(now)
        until = max(now.at, self.holder.granted)
        over = PastHolder(
            who=now.who(self.holder.session),
            token=self.holder.token,
            since=self.holder.granted,
            until=until,
            ending=ending,
        )
        return replace(self, holder=None, past=(over, *self.past)[:REMEMBERED]).handed_on(now)

    def handed_on(self, now: Now) -> Queue:
        """Serve the next in line of those who live."""
        living = [place for place in self.waiters if now.living(place.session)]
        if not living:
            return replace(self, waiters=())
        return replace(self, holder=replace(living[0], granted=now.at), waiters=tuple(living[1:]))


class Standing(NamedTuple):
    """A queue as a message of the bucket has it."""

    number: int
    """Of the message; 0: there is none."""
    queue: Queue


NOBODY = Standing(0, Queue())


def read_queue(number: int, data: bytes) -> Standing:
    """Return what a message says; what nobody of ours wrote counts as an empty queue."""
    try:
        queue = msgspec.json.decode(data, type=Queue) if data else Queue()
    except UNREADABLE:
        queue = Queue()
    return Standing(number, queue.written(number))
