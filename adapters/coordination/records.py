"""What Syncdeck writes beside the keys of others: who a session is, how a claim stands. JSON, so that people can read
it with the backend's own tools; fields that a newer node adds are passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from engine.coordination.standing import (
    UNREADABLE,
    ClaimStanding,
    Holder,
    SessionId,
    SessionStanding,
    Token,
    Waiter,
    Who,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
R = TypeVar("R", bound=Struct)


class SessionRecord(Struct, frozen=True, kw_only=True):
    """Kept for as long as the session lives."""

    who: Who = Who(node="unknown", actor="unknown", pid=0)
    ttl: timedelta = timedelta(0)
    since: datetime = LONG_AGO


class ClaimRecord(Struct, frozen=True, kw_only=True):
    """Kept for as long as somebody waits or holds."""

    asked: datetime = LONG_AGO
    granted: datetime | None = None
    """Of the head of a queue; None: it waits, or was granted so lately that nobody wrote it down yet."""
    value: bytes = b""


def read(data: bytes, kind: type[R]) -> R:
    """Return a record; what nobody of ours wrote counts as an empty one, so that one odd key hides no other."""
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE:
        return kind()


class Place(NamedTuple):
    """One claim in a queue, as a backend keeps it."""

    order: int
    """Grows from each claim to the next; that of the head is its token."""
    session: SessionId
    record: ClaimRecord


def session_standing(session: SessionId, data: bytes, left: timedelta | None = None) -> SessionStanding:
    record = read(data, SessionRecord)
    left = min(left, record.ttl) if left is not None else None  # a backend counts in whole seconds
    return SessionStanding(id=session, who=record.who, ttl=record.ttl, since=record.since, left=left)


def claim_standing(
    name: str, places: Sequence[Place], sessions: Mapping[SessionId, SessionStanding], now: datetime
) -> ClaimStanding:
    """Return how a name stands, from all places of its queue, in any order."""
    head, *others = sorted(places, key=lambda place: place.order)
    nobody = session_standing(SessionId(""), b"")
    session = sessions.get(head.session, nobody)
    holder = Holder(
        session=head.session,
        who=session.who,
        token=Token(head.order),
        since=head.record.granted or now,
        value=head.record.value,
    )
    waiters = tuple(
        Waiter(session=place.session, who=sessions.get(place.session, nobody).who, since=place.record.asked)
        for place in others
    )
    return ClaimStanding(name=name, holder=holder, ttl=session.ttl, left=session.left, waiters=waiters)
