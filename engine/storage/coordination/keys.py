"""Keys of the coordination file: writing them as works in a transaction, reading them from a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from engine.coordination.standing import ABSENT, Entry, Fence, Kind, Revision
from engine.errors import KeyChanged, LeaseLost
from engine.storage.coordination.turn import Turn

_FIND = """
    SELECT name, value, revision, deadline FROM key
    WHERE namespace = ? AND name = ? AND (deadline IS NULL OR deadline > ?)
"""
_FROM = """
    SELECT name, value, revision, deadline FROM key
    WHERE namespace = ? AND name >= ? AND name < ? AND (deadline IS NULL OR deadline > ?) ORDER BY name LIMIT ?
"""
_AFTER = _FROM.replace("name >= ?", "name > ?")
_PUT = """
    INSERT INTO key (namespace, name, value, revision, expires, deadline) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (namespace, name) DO UPDATE SET value = excluded.value, revision = excluded.revision,
        expires = excluded.expires, deadline = excluded.deadline
"""
_LAST_CHARACTER = "\U0010ffff"


def put(
    turn: Turn, key: str, value: bytes, expected: Revision | None, expires: timedelta | None, fence: Fence | None
) -> Revision:
    """Write a value under a new revision."""
    _check(turn, key, expected, fence)
    revision = Revision(turn.note(Kind.KEY, key))
    seconds = None if expires is None else expires.total_seconds()
    deadline = None if seconds is None else turn.now + seconds
    turn.execute(_PUT, (turn.namespace, key, value, revision, seconds, deadline))
    return revision


def delete(turn: Turn, key: str, expected: Revision | None, fence: Fence | None) -> bool:
    """Remove a key; return whether there was one."""
    revision = _check(turn, key, expected, fence)
    removed = turn.execute("DELETE FROM key WHERE namespace = ? AND name = ?", (turn.namespace, key))
    if removed.rowcount:
        turn.note(Kind.KEY, key)
    return revision != ABSENT


def _check(turn: Turn, key: str, expected: Revision | None, fence: Fence | None) -> Revision:
    """Return the revision a key has; raise when it is not the expected one, or the fence's grant is over."""
    if fence is not None:
        _check_fence(turn, fence)
    row = turn.execute(_FIND, (turn.namespace, key, turn.now)).fetchone()
    revision = Revision(row[2]) if row is not None else ABSENT
    if expected is not None and revision != expected:
        raise KeyChanged(
            f"{key} has revision {revision}, not {expected}: somebody changed it. Read it again.",
            key=key,
            revision=revision,
        )
    return revision


def _check_fence(turn: Turn, fence: Fence) -> None:
    held = turn.execute(
        """
        SELECT 1 FROM claim c JOIN session s ON s.id = c.session
        WHERE c.namespace = ? AND c.name = ? AND c.token = ? AND s.deadline > ?
        """,
        (turn.namespace, fence.name, fence.token, turn.now),
    ).fetchone()
    if held is None:
        raise LeaseLost(
            f"{fence.name} is no longer held under the token {fence.token}, so nothing was written. "
            "Take it again, and look first at what stands there.",
            name=fence.name,
            token=fence.token,
            reason="expired",
        )


def find(reading: sqlite3.Connection, namespace: int, key: str, now: float) -> Entry | None:
    """Return a living entry."""
    row = reading.execute(_FIND, (namespace, key, now)).fetchone()
    return None if row is None else _entry(row, now)


def page(
    reading: sqlite3.Connection, namespace: int, now: float, *, prefix: str, after: str, limit: int
) -> Sequence[Entry]:
    """Return the first living entries of a prefix after a key, by key."""
    first, end = bounds(prefix)
    statement = _AFTER if after >= prefix else _FROM
    rows = reading.execute(statement, (namespace, max(first, after), end, now, limit)).fetchall()
    return [_entry(row, now) for row in rows]


def bounds(prefix: str) -> tuple[str, str]:
    """Return the first text with a prefix, and one that is greater than every name with it (UTF-8 sorts as code points
    do, and a name has 256 bytes)."""
    return prefix, prefix + _LAST_CHARACTER * 65


def _entry(row: tuple[str, bytes, int, float | None], now: float) -> Entry:
    key, value, revision, deadline = row
    left = None if deadline is None else timedelta(seconds=deadline - now)
    return Entry(key=key, value=value, revision=Revision(revision), left=left)
