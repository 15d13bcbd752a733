"""The queue of a name: the places that each session has in it, and who held it. Pure.

A session writes down its own places alone, so that nobody who asks is in the way of anybody who gives back. The number
of the message that first had a place is the place's number: whoever has the least one of those whose sessions live
holds, and that number is the token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.coordination.records import LONG_AGO
from engine.coordination.standing import UNREADABLE, Claim, Ending, PastHolder, SessionId, Token, Who

UNKNOWN = Token(0)
"""Of a place: the number of the very message that has it, which whoever wrote it could not know."""

REMEMBERED = 5
"""Past holds."""


class Place(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A claim in a queue."""

    nonce: str
    asked: datetime = LONG_AGO
    granted: datetime = LONG_AGO
    """Written down once the hold has lasted for a while."""
    value: bytes = b""
    token: Token = UNKNOWN


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one session has in a queue."""

    places: tuple[Place, ...] = ()
    """In their order."""
    past: tuple[PastHolder, ...] = ()
    """Of the name, newest first, as far as whoever wrote this knew."""

    def place(self, nonce: str) -> Place | None:
        return next((place for place in self.places if place.nonce == nonce), None)

    def asked(self, place: Place, past: tuple[PastHolder, ...] = ()) -> Part:
        """Stand in line, unless the claim does already."""
        return Part(places=(*self.places, place), past=past) if self.place(place.nonce) is None else self

    def left(self, nonce: str, past: tuple[PastHolder, ...] = ()) -> Part:
        """Give back the grant, or leave the line."""
        if self.place(nonce) is None:
            return self
        return Part(places=tuple(place for place in self.places if place.nonce != nonce), past=past)

    def revoked(self, token: Token, past: tuple[PastHolder, ...] = ()) -> Part:
        """Take the place with that token away."""
        found = next((place.nonce for place in self.places if place.token == token), None)
        return self.left(found, past) if found is not None else self

    def proclaimed(self, nonce: str, value: bytes) -> Part:
        return self._changed(nonce, value=value)

    def lasting(self, nonce: str, granted: datetime, past: tuple[PastHolder, ...]) -> Part:
        """Write down since when a hold lasts, and what was before: those who held before may be forgotten."""
        changed = self._changed(nonce, granted=granted)
        return replace(changed, past=past) if changed is not self else self

    def written(self, number: int) -> Part:
        """Return this as it stands once the message with that number has it."""
        if all(place.token != UNKNOWN for place in self.places):
            return self
        places = (replace(place, token=Token(number)) if place.token == UNKNOWN else place for place in self.places)
        return replace(self, places=tuple(places))

    def _changed(self, nonce: str, **fields: object) -> Part:
        if self.place(nonce) is None:
            return self
        places = (replace(place, **fields) if place.nonce == nonce else place for place in self.places)
        return replace(self, places=tuple(places))


NO_PART = Part()


class Standing(NamedTuple):
    """A part as a message of the bucket has it."""

    number: int
    """Of the message; 0: there is none."""
    part: Part


NOTHING = Standing(0, NO_PART)


def read_part(number: int, data: bytes) -> Standing:
    """Return what a message says; what nobody of ours wrote counts as a part without places."""
    try:
        part = msgspec.json.decode(data, type=Part) if data else NO_PART
    except UNREADABLE:
        part = NO_PART
    return Standing(number, part.written(number))


class Seat(NamedTuple):
    """A place, and whose it is."""

    token: Token
    session: SessionId
    place: Place

    def of(self, claim: Claim) -> bool:
        return (self.session, self.place.nonce) == (claim.session, claim.nonce)


class Queue(NamedTuple):
    """A name with everybody in line, also those whose session is over."""

    parts: Mapping[SessionId, Standing] = {}
    past: tuple[PastHolder, ...] = ()
    """Newest first."""

    @property
    def seats(self) -> list[Seat]:
        """Return all places in their order."""
        return sorted(
            (Seat(place.token, session, place) for session, found in self.parts.items() for place in found.part.places),
            key=lambda seat: seat.token,
        )

    @property
    def free(self) -> bool:
        return not any(found.part.places for found in self.parts.values())

    def standing(self, session: SessionId) -> Standing:
        return self.parts.get(session, NOTHING)

    def with_part(self, session: SessionId, standing: Standing, living: Callable[[SessionId], bool]) -> Queue:
        """Return this with what a session has now; parts without places are kept of those who live."""
        parts = {each: found for each, found in self.parts.items() if found.part.places or living(each)}
        if standing.part.places or living(session):
            parts[session] = standing
        else:
            parts.pop(session, None)
        past = standing.part.past
        return Queue(parts, latest_of((*self.past, *past)) if past else self.past)

    def since(self, seat: Seat) -> datetime:
        """Return when who holds came to hold: when he asked, or when the one before him was done."""
        if seat.place.granted != LONG_AGO:
            return seat.place.granted
        return max((seat.place.asked, *(hold.until for hold in self.past if hold.token < seat.token)))

    def after(self, seat: Seat, who: Who, ending: Ending, at: datetime) -> tuple[PastHolder, ...]:
        """Return the past as it is once a hold has ended."""
        since = self.since(seat)
        over = PastHolder(who=who, token=seat.token, since=since, until=max(at, since), ending=ending)
        return latest_of((*self.past, over))


EMPTY = Queue()


def latest_of(holds: Iterable[PastHolder]) -> tuple[PastHolder, ...]:
    """Return the last ones, newest first; of two that tell of the same hold, the first."""
    found: dict[Token, PastHolder] = {}
    for hold in holds:
        found.setdefault(hold.token, hold)
    return tuple(sorted(found.values(), key=lambda hold: -hold.token)[:REMEMBERED])
