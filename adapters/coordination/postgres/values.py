"""Rows of PostgreSQL as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby

import asyncpg
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
from engine.coordination.stream import Message, Offset

Row = asyncpg.Record

LAST_OF_ALL = "\U0010ffff" * 64
"""After every name that begins with what this is put behind: a name has at most 256 bytes."""

SESSIONS = "SELECT id, who, ttl, since FROM @schema@.session ORDER BY id"

SAMPLES = "SELECT id, heartbeat, ttl, @schema@.listens(life, life_too) AS listening FROM @schema@.session"

HELD = "SELECT name, nonce, token FROM @schema@.hold WHERE session = $1"

CLAIMS = """
SELECT h.name, 0 AS part, h.token AS place, h.session, s.who, h.token, h.since, h.value, s.ttl,
       NULL::timestamptz AS until, NULL AS ending
FROM @schema@.hold h LEFT JOIN @schema@.session s ON s.id = h.session WHERE h.name >= $1 AND h.name < $2
UNION ALL
SELECT w.name, 1, w.turn, w.session, s.who, NULL, w.since, NULL, NULL, NULL, NULL
FROM @schema@.waiter w LEFT JOIN @schema@.session s ON s.id = w.session WHERE w.name >= $1 AND w.name < $2
UNION ALL
SELECT p.name, 2, -p.token, NULL, p.who, p.token, p.since, NULL, NULL, p.until, p.ending
FROM @schema@.past p WHERE p.name >= $1 AND p.name < $2
ORDER BY name, part, place
"""
"""Holders, waiters and the past in one look; the part says which."""

ENTRY = """
SELECT key, value, revision, extract(epoch FROM expires - clock_timestamp())::float8 AS lasting FROM @schema@.entry
WHERE (expires IS NULL OR expires > clock_timestamp())
"""

NOBODY = Who(node="?", actor="?", pid=0)
"""Whose session is gone without a trace."""


def milliseconds(duration: timedelta) -> int:
    return max(1, round(duration.total_seconds() * 1000))


def session_of(row: Row, left: timedelta | None) -> SessionStanding:
    return SessionStanding(
        id=SessionId(row["id"]), who=_who(row), ttl=_milliseconds(row["ttl"]), since=row["since"], left=left
    )


def sample_of(row: Row) -> Sample:
    return Sample(
        session=SessionId(row["id"]),
        heartbeat=row["heartbeat"],
        ttl=_milliseconds(row["ttl"]),
        listening=row["listening"],
    )


def claims_of(rows: Iterable[Row]) -> list[ClaimStanding]:
    """Return the claims of an answer to `CLAIMS`, without what is left to them."""
    return [_claim(name, list(parts)) for name, parts in groupby(rows, key=lambda row: str(row["name"]))]


def entry_of(row: Row) -> Entry:
    return Entry(
        key=row["key"],
        value=row["value"],
        revision=Revision(row["revision"]),
        left=timedelta(seconds=row["lasting"]) if row["lasting"] is not None else None,
    )


def message_of(row: Row) -> Message:
    return Message(offset=Offset(row["place"]), data=row["data"], at=row["at"], name=row["name"])


def _claim(name: str, rows: list[Row]) -> ClaimStanding:
    holders = [row for row in rows if row["part"] == 0]
    ttl = holders[0]["ttl"] if holders else None
    return ClaimStanding(
        name=name,
        holder=_holder(holders[0]) if holders else None,
        ttl=_milliseconds(ttl) if ttl is not None else None,
        waiters=tuple(
            Waiter(session=SessionId(row["session"]), who=_who(row), since=row["since"])
            for row in rows
            if row["part"] == 1
        ),
        past=tuple(_past(row) for row in rows if row["part"] == 2),
    )


def _holder(row: Row) -> Holder:
    return Holder(
        session=SessionId(row["session"]),
        who=_who(row),
        token=Token(row["token"]),
        since=row["since"],
        value=row["value"],
    )


def _past(row: Row) -> PastHolder:
    return PastHolder(
        who=_who(row), token=Token(row["token"]), since=row["since"], until=row["until"], ending=Ending(row["ending"])
    )


def _who(row: Row) -> Who:
    try:
        return msgspec.json.decode(row["who"], type=Who) if row["who"] else NOBODY
    except UNREADABLE:
        return NOBODY


def _milliseconds(number: int) -> timedelta:
    return timedelta(milliseconds=number)
