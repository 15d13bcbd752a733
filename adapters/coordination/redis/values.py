"""What Redis keeps, as values: texts are UTF-8, moments ISO 8601, who somebody is JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from engine.coordination.observed import Sample
from engine.coordination.standing import (
    UNREADABLE,
    ClaimStanding,
    Ending,
    Entry,
    Holder,
    PastHolder,
    Revision,
    SessionId,
    SessionStanding,
    Token,
    Waiter,
    Who,
)

NOBODY = Who(node="?", actor="?", pid=0)
"""Whose session is gone without a trace."""


def written(who: Who) -> bytes:
    """Return what stands for somebody."""
    return msgspec.json.encode(who)


def milliseconds(duration: timedelta) -> int:
    return max(1, round(duration.total_seconds() * 1000))


def bounds(prefix: str, after: str = "") -> tuple[bytes, bytes]:
    """Return the limits, as ZRANGEBYLEX takes them, of the names with a prefix that come after one of them."""
    start = prefix.encode()
    lower = b"(" + after.encode() if after and after.encode() >= start else b"[" + start
    return lower, b"(" + start + b"\xff"  # no UTF-8 text has this byte


def session_of(row: Sequence[bytes], left: timedelta | None) -> SessionStanding:
    """Return a session, given its row (id, who, ttl, since)."""
    ttl = timedelta(milliseconds=int(row[2]))
    return SessionStanding(id=SessionId(row[0].decode()), who=_who(row[1]), ttl=ttl, since=_moment(row[3]), left=left)


def sample_of(row: Sequence[Any]) -> Sample:
    """Return a sample, given its row (id, heart-beat, ttl, subscribers)."""
    return Sample(
        session=SessionId(row[0].decode()),
        heartbeat=int(row[1]),
        ttl=timedelta(milliseconds=int(row[2])),
        listening=int(row[3]) > 0,
    )


def claim_of(row: Sequence[Any], left: timedelta | None) -> ClaimStanding:
    """Return a claim, given its row (name, lock, holder's session, waiters, past)."""
    name, held, of, waiters, past = row
    holder, ttl = None, None
    if held[0] is not None:
        holder = Holder(
            session=SessionId(held[0].decode()),
            who=_who(of[0]),
            token=Token(int(held[1])),
            since=_moment(held[2]),
            value=held[3],
        )
        ttl = timedelta(milliseconds=int(of[1])) if of[1] is not None else None
    return ClaimStanding(
        name=name.decode(),
        holder=holder,
        ttl=ttl,
        left=left if holder is not None else None,
        waiters=tuple(
            Waiter(session=SessionId(session.decode()), who=_who(who), since=_moment(since))
            for session, since, who in waiters
        ),
        past=tuple(map(_past, past)),
    )


def entry_of(row: Sequence[bytes]) -> Entry:
    """Return a key with its value, given its row (key, value, revision, milliseconds left or nothing)."""
    return Entry(
        key=row[0].decode(),
        value=row[1],
        revision=Revision(int(row[2])),
        left=timedelta(milliseconds=int(row[3])) if row[3] else None,
    )


def _past(line: bytes) -> PastHolder:
    ending, token, since, until, who = line.split(b"\n", 4)
    return PastHolder(
        who=_who(who),
        token=Token(int(token)),
        since=_moment(since),
        until=_moment(until),
        ending=Ending(ending.decode()),
    )


def _who(text: bytes | None) -> Who:
    try:
        return msgspec.json.decode(text, type=Who) if text else NOBODY
    except UNREADABLE:
        return NOBODY


def _moment(text: bytes) -> datetime:
    return datetime.fromisoformat(text.decode())
