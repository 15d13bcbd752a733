"""Sessions of the coordination file, and everything whose time is over, as works in a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec

from engine.coordination.standing import Kind, SessionId, SessionStanding, Token, Who
from engine.storage.coordination.claims import end_session, lost
from engine.storage.coordination.turn import Turn
from engine.storage.moments import to_moment


def who_as_text(who: Who) -> str:
    """Return who it is in one line."""
    return msgspec.json.encode((who.node, who.actor, who.pid, who.purpose)).decode()


def who_from_text(text: str) -> Who:
    """Read what `who_as_text` wrote."""
    node, actor, pid, purpose = msgspec.json.decode(text, type=tuple[str, str, int, str])
    return Who(node=node, actor=actor, pid=pid, purpose=purpose)


def begin(turn: Turn, session: SessionId, who: Who, ttl: timedelta, origin: tuple[str, str]) -> None:
    """Keep a new session; `origin` is its process's mark and the address of its wake-ups."""
    seconds = ttl.total_seconds()
    turn.execute(
        "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (session, turn.namespace, who_as_text(who), *origin, seconds, turn.now + seconds, turn.wall),
    )
    turn.note(Kind.SESSION, session)


def renew(turn: Turn, session: SessionId) -> frozenset[tuple[str, Token]] | None:
    """Prolong a session and return its grants; None when it is over."""
    prolonged = turn.execute(
        "UPDATE session SET deadline = ? + ttl WHERE id = ? AND namespace = ? AND deadline > ?",
        (turn.now, session, turn.namespace, turn.now),
    )
    if not prolonged.rowcount:
        end_session(turn, session)
        return None
    rows = turn.execute(
        "SELECT name, token FROM claim WHERE namespace = ? AND session = ?", (turn.namespace, session)
    ).fetchall()
    return frozenset((name, Token(token)) for name, token in rows)


def end_overdue(turn: Turn, dead: Iterable[str] = ()) -> None:
    """End every session whose time is over or whose process is one of the dead marks; drop keys that have expired."""
    overdue = turn.execute(
        "SELECT id FROM session WHERE namespace = ? AND deadline <= ?", (turn.namespace, turn.now)
    ).fetchall()
    for mark in dead:
        overdue += turn.execute(
            "SELECT id FROM session WHERE namespace = ? AND process = ?", (turn.namespace, mark)
        ).fetchall()
    for (session,) in overdue:
        end_session(turn, session)
    expired = turn.execute(
        "DELETE FROM key WHERE namespace = ? AND deadline <= ? RETURNING name", (turn.namespace, turn.now)
    ).fetchall()
    for (name,) in expired:
        turn.note(Kind.KEY, name)


def nearest_deadline(reading: sqlite3.Connection, namespace: int) -> float | None:
    """Return when the next session lapses or key expires; None: nothing ever does."""
    (nearest,) = reading.execute(
        """
        SELECT min(deadline) FROM (SELECT min(deadline) AS deadline FROM session WHERE namespace = ?1
            UNION ALL SELECT min(deadline) FROM key WHERE namespace = ?1 AND deadline IS NOT NULL)
        """,
        (namespace,),
    ).fetchone()
    return None if nearest is None else float(nearest)


def processes(reading: sqlite3.Connection, namespace: int) -> list[str]:
    """Return the marks of all processes that have a session."""
    rows = reading.execute("SELECT DISTINCT process FROM session WHERE namespace = ?", (namespace,)).fetchall()
    return [mark for (mark,) in rows]


def standings(reading: sqlite3.Connection, namespace: int, now: float) -> Sequence[SessionStanding]:
    """Return all living sessions, by id."""
    rows = reading.execute(
        "SELECT id, who, ttl, deadline, since FROM session WHERE namespace = ? AND deadline > ? ORDER BY id",
        (namespace, now),
    ).fetchall()
    return [
        SessionStanding(
            id=SessionId(identity),
            who=who_from_text(who),
            ttl=timedelta(seconds=ttl),
            since=to_moment(since),
            left=timedelta(seconds=min(ttl, deadline - now)),
        )
        for identity, who, ttl, deadline, since in rows
    ]


def require_renewed(session: SessionId, grants: frozenset[tuple[str, Token]] | None) -> frozenset[tuple[str, Token]]:
    """Return the grants, or raise `SessionLost`: after the transaction, which has to stay."""
    if grants is None:
        raise lost(session)
    return grants
