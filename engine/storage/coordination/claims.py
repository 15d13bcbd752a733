"""Names and their queues, as works in a transaction: whoever holds is handed over from, in the same step, to the first
living waiter. See `engine.coordination.store.Claims` for what each promises."""

from __future__ import annotations

from dataclasses import dataclass

from engine.coordination.standing import Claim, Ending, Kind, SessionId, Token
from engine.errors import SessionLost
from engine.storage.coordination.turn import News, Turn, Wake

PAST_CHARACTERS = 1_300
"""About ten holds; a name stays well within a page."""

_TAKE_FREE = """
    UPDATE claim SET session = ?1, nonce = ?2, since = ?3, value = ?4,
        token = (SELECT max(seq) FROM change) + 1, who = (SELECT who FROM session WHERE id = ?1)
    WHERE namespace = ?5 AND name = ?6 AND session IS NULL
        AND EXISTS (SELECT 1 FROM session WHERE id = ?1 AND deadline > ?7 AND namespace = ?5)
"""
_STANDING = """
    SELECT own.deadline, own.who, c.session, c.nonce, c.token, s.deadline, s.process
    FROM session own LEFT JOIN claim c ON c.namespace = own.namespace AND c.name = ?
    LEFT JOIN session s ON s.id = c.session WHERE own.id = ? AND own.namespace = ?
"""
_TAKE = """
    INSERT INTO claim (namespace, name, session, nonce, token, since, who, value)
    VALUES (?1, ?2, ?3, ?4, (SELECT max(seq) FROM change) + 1, ?5, ?6, ?7)
    ON CONFLICT DO UPDATE SET session = ?3, nonce = ?4, token = excluded.token, since = ?5, who = ?6, value = ?7
"""
_PAST = """
    UPDATE claim SET
        past = substr(
            claim.token || ' ' || claim.since || ' ' || ? || ' ' || ? || ' ' || claim.who || char(10) || past, 1, ?
        )
"""
_FREE = f"{_PAST}, session = NULL, nonce = NULL, value = NULL"
_GRANT = "session = ?, nonce = ?, token = (SELECT max(seq) FROM change) + 1, since = ?, who = ?, value = ?"
_LIVES = "EXISTS (SELECT 1 FROM session s WHERE s.id = claim.session AND s.deadline > ?)"
_HOLDER = """
    SELECT c.session, c.nonce, c.token, s.deadline, s.process, s.address
    FROM claim c LEFT JOIN session s ON s.id = c.session WHERE c.namespace = ? AND c.name = ?
"""
_NEXT = """
    SELECT w.place, w.session, w.nonce, w.value, s.who, s.deadline, s.process, s.address
    FROM waiter w LEFT JOIN session s ON s.id = w.session WHERE w.namespace = ? AND w.name = ? ORDER BY w.place LIMIT 1
"""
_QUEUE = """
    INSERT INTO waiter (namespace, name, place, session, nonce, since, value)
    SELECT ?1, ?2, (SELECT max(seq) FROM change) + 1, ?3, ?4, ?5, ?6 WHERE NOT EXISTS
        (SELECT 1 FROM waiter WHERE namespace = ?1 AND name = ?2 AND session = ?3 AND nonce = ?4)
"""
_LEAVE = "DELETE FROM waiter WHERE namespace = ? AND name = ? AND place = ?"
_BEFORE = """
    SELECT s.process, s.deadline FROM claim c JOIN session s ON s.id = c.session WHERE c.namespace = ?1 AND c.name = ?2
    UNION ALL
    SELECT s.process, s.deadline FROM waiter w JOIN session s ON s.id = w.session
    WHERE w.namespace = ?1 AND w.name = ?2
"""


@dataclass(frozen=True, slots=True)
class _Ended:
    """The statements that end a hold, if it is that of whom `whose` tells: with nobody waiting, or somebody."""

    free: str
    hand_over: str

    @classmethod
    def of(cls, whose: str) -> _Ended:
        return cls(f"{_FREE} {whose}", f"{_PAST}, {_GRANT} {whose}")


_OF_ANYBODY = _Ended.of("WHERE namespace = ? AND name = ?")
_OF_A_LIVING_HOLDER = _Ended.of(f"WHERE namespace = ? AND name = ? AND session = ? AND nonce = ? AND {_LIVES}")


@dataclass(frozen=True, slots=True)
class Queued:
    """The place in a queue that a claim got: who stands before it, and when the first of them lapses."""

    before: tuple[str, ...]
    """Marks of their processes."""
    lapses: float


Hold = tuple[SessionId | None, str, Token, float | None, str, str]
_NOBODY: Hold = (None, "", Token(0), None, "", "")


def claim(turn: Turn, claim: Claim, value: bytes, wait: bool) -> Token | Queued | None:
    """Grant a free name, or queue; None: neither was possible."""
    free = (claim.session, claim.nonce, turn.wall, value, turn.namespace, claim.name, turn.now)
    if turn.execute(_TAKE_FREE, free).rowcount:  # the most frequent case takes one statement
        return Token(turn.note(Kind.CLAIM, claim.name))
    while True:
        standing = turn.execute(_STANDING, (claim.name, claim.session, turn.namespace)).fetchone()
        if standing is None or standing[0] <= turn.now:
            raise lost(claim.session)
        _, who, session, nonce, token, deadline, process = standing
        if session is None:
            grant = (claim.session, claim.nonce, turn.wall, who, value)
            turn.execute(_TAKE, (turn.namespace, claim.name, *grant))
            return Token(turn.note(Kind.CLAIM, claim.name))
        if session == claim.session and nonce == claim.nonce:
            return Token(token)
        if is_living(turn, deadline, process):
            return _queue(turn, claim, value, wait)
        end_session(turn, session)


def _queue(turn: Turn, claim: Claim, value: bytes, wait: bool) -> Queued | None:
    if not wait:
        return None
    values = (turn.namespace, claim.name, claim.session, claim.nonce, turn.wall, value)
    if turn.execute(_QUEUE, values).rowcount:
        turn.note(Kind.CLAIM, claim.name)
    rows = turn.execute(_BEFORE, (turn.namespace, claim.name)).fetchall()
    return Queued(tuple({process for process, _ in rows}), min(deadline for _, deadline in rows))


def release(turn: Turn, claim: Claim) -> bool:
    """Give a name back, or leave its queue."""
    place = (turn.namespace, claim.name)
    if _go_on(turn, claim.name, Ending.RELEASED, _OF_A_LIVING_HOLDER, (*place, claim.session, claim.nonce, turn.now)):
        return True
    holder = _holder(turn, claim.name)
    if holder is not None and (holder[0], holder[1]) == (claim.session, claim.nonce):
        end_session(turn, claim.session)
        return False
    left = turn.execute(
        "DELETE FROM waiter WHERE namespace = ? AND name = ? AND session = ? AND nonce = ?",
        (*place, claim.session, claim.nonce),
    )
    if left.rowcount:
        turn.note(Kind.CLAIM, claim.name)
    return False


def revoke(turn: Turn, name: str, token: Token) -> bool:
    """Take a grant away from a living session."""
    session, _, newest, deadline, process, address = _holder(turn, name) or _NOBODY
    if session is None or newest != token:
        return False
    if not is_living(turn, deadline, process):
        end_session(turn, session)
        return False
    hand_over(turn, name, Ending.REVOKED)
    turn.wake(address, Wake(News.REVOKED, session, name, token=token))
    return True


def proclaim(turn: Turn, claim: Claim, value: bytes) -> bool:
    """Replace the value of a grant."""
    changed = turn.execute(
        """
        UPDATE claim SET value = ? WHERE namespace = ? AND name = ? AND session = ? AND nonce = ?
            AND EXISTS (SELECT 1 FROM session s WHERE s.id = claim.session AND s.deadline > ?)
        """,
        (value, turn.namespace, claim.name, claim.session, claim.nonce, turn.now),
    )
    if changed.rowcount:
        turn.note(Kind.CLAIM, claim.name)
    return bool(changed.rowcount)


def _holder(turn: Turn, name: str) -> Hold | None:
    holder: Hold | None = turn.execute(_HOLDER, (turn.namespace, name)).fetchone()
    return holder


def hand_over(turn: Turn, name: str, ending: Ending) -> None:
    """End the hold of a name and give it to the first living waiter; those found dead before him are ended."""
    _go_on(turn, name, ending, _OF_ANYBODY, (turn.namespace, name))


def _go_on(turn: Turn, name: str, ending: Ending, hold: _Ended, holder: tuple[object, ...]) -> bool:
    """Hand over if the name is held by `holder`; tell whether it was. Looking for the next one comes first,
    so that a hold ends and the next begins in one statement."""
    past = (turn.wall, ending, PAST_CHARACTERS)
    dead: list[SessionId] = []
    while (first := turn.execute(_NEXT, (turn.namespace, name)).fetchone()) is not None:
        place, session, nonce, value, who, deadline, process, address = first
        if is_living(turn, deadline, process):
            grant = (session, nonce, turn.wall, who, value)
            done = turn.execute(hold.hand_over, (*past, *grant, *holder)).rowcount
            if done:
                turn.execute(_LEAVE, (turn.namespace, name, place))
                turn.wake(address, Wake(News.GRANTED, session, name, nonce, Token(turn.note(Kind.CLAIM, name))))
            break
        turn.execute(_LEAVE, (turn.namespace, name, place))
        dead.append(session)
    else:
        done = turn.execute(hold.free, (*past, *holder)).rowcount
        if done:
            turn.note(Kind.CLAIM, name)
    for session in dead:
        end_session(turn, session)
    return bool(done)


def is_living(turn: Turn, deadline: float | None, process: str) -> bool:
    """Tell whether a session with this deadline and process is alive."""
    return deadline is not None and deadline > turn.now and not turn.gone(process)


def lost(session: SessionId) -> SessionLost:
    """Return the error for a session that is over."""
    return SessionLost(
        f"The session {session} at the coordination file is over: it was not renewed in time, or somebody ended it. "
        "Whatever it held is gone; begin anew."
    )


def end_session(turn: Turn, session: SessionId, ending: Ending = Ending.LAPSED) -> bool:
    """End a session: it leaves every queue, and what it held goes on; return whether there was one."""
    row = turn.execute("SELECT process, address FROM session WHERE id = ?", (session,)).fetchone()
    turn.execute("DELETE FROM session WHERE id = ?", (session,))
    if row is not None:
        turn.note(Kind.SESSION, session)
        turn.wake(row[1], Wake(News.OVER, session))
        if turn.gone(row[0]):
            turn.abandoned.append(row[1])
    waited = turn.execute("DELETE FROM waiter WHERE session = ? RETURNING name", (session,)).fetchall()
    for (name,) in waited:
        turn.note(Kind.CLAIM, name)
    held = turn.execute(
        "SELECT name FROM claim WHERE namespace = ? AND session = ?", (turn.namespace, session)
    ).fetchall()
    for (name,) in held:
        hand_over(turn, name, ending)
    return row is not None
