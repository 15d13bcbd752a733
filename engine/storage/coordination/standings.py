"""What stands at the coordination file, for people to look at: names with their queues and their last holders."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from engine.coordination.standing import ClaimStanding, Ending, Holder, PastHolder, SessionId, Token, Waiter
from engine.storage.coordination.keys import bounds
from engine.storage.coordination.sessions import who_from_text
from engine.storage.moments import to_moment

FREE_NAMES_SHOWN = 100
"""Of names that nobody holds, those that were held last."""

_CLAIMS = """
    SELECT c.name, c.session, c.token, c.since, c.who, c.value, c.past, s.ttl, s.deadline
    FROM claim c LEFT JOIN session s ON s.id = c.session AND s.deadline > ?1
    WHERE c.namespace = ?2 AND c.name >= ?3 AND c.name < ?4 AND (c.session IS NOT NULL OR c.id IN (
        SELECT id FROM claim WHERE namespace = ?2 AND session IS NULL AND name >= ?3 AND name < ?4
        ORDER BY token DESC LIMIT ?5))
    ORDER BY c.name
"""
_WAITERS = """
    SELECT w.name, w.session, s.who, w.since FROM waiter w JOIN session s ON s.id = w.session
    WHERE w.namespace = ? AND w.name >= ? AND w.name < ? AND s.deadline > ? ORDER BY w.place
"""


def claims(reading: sqlite3.Connection, namespace: int, *, prefix: str, now: float) -> Sequence[ClaimStanding]:
    """Return every name with a prefix that is held or waited for, and some that were, by name."""
    with _snapshot(reading):
        rows = reading.execute(_CLAIMS, (now, namespace, *bounds(prefix), FREE_NAMES_SHOWN)).fetchall()
        waiting = reading.execute(_WAITERS, (namespace, *bounds(prefix), now)).fetchall()
    waiters: dict[str, list[Waiter]] = defaultdict(list)
    for name, session, who, since in waiting:
        waiter = Waiter(session=SessionId(session), who=who_from_text(who), since=to_moment(since))
        waiters[name].append(waiter)
    return [_standing(row, tuple(waiters[row[0]]), now) for row in rows]


def _standing(row: tuple[Any, ...], waiters: tuple[Waiter, ...], now: float) -> ClaimStanding:
    name, session, token, since, who, value, past, ttl, deadline = row
    ended = tuple(_past(line) for line in past.splitlines() if line.endswith("]"))
    if deadline is None:
        return ClaimStanding(name=name, holder=None, waiters=waiters, past=ended)
    holder = Holder(
        session=SessionId(session), who=who_from_text(who), token=Token(token), since=to_moment(since), value=value
    )
    left = timedelta(seconds=min(ttl, deadline - now))
    return ClaimStanding(name=name, holder=holder, ttl=timedelta(seconds=ttl), left=left, waiters=waiters, past=ended)


def _past(line: str) -> PastHolder:
    token, since, until, ending, who = line.split(" ", 4)
    return PastHolder(
        who=who_from_text(who),
        token=Token(int(token)),
        since=to_moment(int(since)),
        until=to_moment(int(until)),
        ending=Ending(ending),
    )


@contextmanager
def _snapshot(reading: sqlite3.Connection) -> Iterator[None]:
    """Let all statements see the same state."""
    reading.execute("BEGIN")
    try:
        yield
    finally:
        reading.execute("COMMIT")
