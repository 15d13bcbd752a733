"""Sessions and claims in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from secrets import token_hex

import asyncpg
import msgspec
from msgspec.structs import replace

from adapters.coordination.hand_over import HandOver
from adapters.coordination.observing import Observer
from adapters.coordination.postgres.desk import Desk
from adapters.coordination.postgres.lines import Lines
from adapters.coordination.postgres.promises import PROMISES
from adapters.coordination.postgres.values import (
    CLAIMS,
    HELD,
    LAST_OF_ALL,
    SESSIONS,
    claims_of,
    milliseconds,
    session_of,
)
from adapters.coordination.standing_in_line import ClaimsInLine
from engine.clock import Clock
from engine.coordination.standing import Claim, ClaimStanding, SessionId, SessionStanding, Token, Who
from engine.coordination.store import Revoked, Sessions
from engine.errors import CoordinationError, SessionLost


class PostgresClaims(Sessions, ClaimsInLine):
    """The process's sessions and claims. A grant is told on the session's channel, to its waiter alone."""

    def __init__(self, desk: Desk, lines: Lines, clock: Clock, own: HandOver) -> None:
        self._desk = desk
        self._lines = lines
        self._clock = clock
        self.own = own
        self.observer = Observer(clock)
        self._loose: set[Claim] = set()
        """Released here, and perhaps not on the server's disk yet: a crash of the server may undo it."""

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        PROMISES.require_ttl(ttl)
        session = SessionId(token_hex(8))
        written = msgspec.json.encode(who).decode()
        self.own.grants.begun(session, revoked)
        try:
            await self._lines.endure(ttl)
            now = self._clock.now()
            await self._desk.call("begin_session", session, written, milliseconds(ttl), now, *self._lines.lives)
        except BaseException:
            self.own.grants.ended(session)
            raise
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        before = self.own.grants.held(session)
        loose = tuple(self._loose)
        rows = await self._desk.call("renew", session)
        if not rows:
            raise self.own.over(session)
        grants, undone = self._settle(session, [row for row in rows if row["name"] is not None])
        self.own.grants.confirmed(session, before, grants)
        self._loose.difference_update(loose)  # what is on the disk now is later than they are
        with suppress(CoordinationError):  # again with the next renewal
            await self._release_again(undone)
        return grants

    async def end(self, session: SessionId) -> None:
        self.own.grants.ended(session)
        await self._desk.call("end_session", session, self._clock.now(), None, False)
        self._loose = {claim for claim in self._loose if claim.session != session}
        self.own.over(session)
        await self._lines.unlisten(session)

    async def sessions(self) -> Sequence[SessionStanding]:
        rows = await self._desk.ask(SESSIONS)
        return [session_of(row, self.observer.left(SessionId(row["id"]))) for row in rows]

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        await self._lines.listen(claim.session)  # before it is sent: what is told of the grant must be heard
        return await super().claim(claim, value, wait=wait)

    async def release(self, claim: Claim) -> bool:
        self.own.grants.given_back(claim.session, claim.name)
        late = claim in self.own.unanswered
        rows = await self._desk.call("release", claim.name, claim.session, claim.nonce, late, self._clock.now())
        self.own.unanswered.discard(claim)
        released = bool(rows[0][0])
        if released:
            self._loose.add(claim)
        return released

    async def revoke(self, name: str, token: Token) -> bool:
        rows = await self._desk.call("revoke", name, token, self._clock.now())
        return bool(rows[0][0])

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        rows = await self._desk.call("proclaim", claim.name, claim.session, claim.nonce, value)
        return bool(rows[0][0])

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        found = claims_of(await self._desk.ask(CLAIMS, prefix, prefix + LAST_OF_ALL))
        return [
            replace(claim, left=self.observer.left(claim.holder.session)) if claim.holder is not None else claim
            for claim in found
        ]

    async def take_up(self) -> None:
        """Go on over a new line with what went on over the one before: giving up, waiting. Raises
        `CoordinationError`."""
        for grant in tuple(self.own.surrendered):
            await self.revoke(*grant)
            self.own.surrendered.pop(grant, None)
        for place in self.own.waiting.places():
            with suppress(SessionLost):  # who waits in that session has heard it
                token = await self._ask(place.claim, place.value, wait=True)
                if token is not None:
                    self.own.waiting.granted(place.claim, token)
        for session in self.own.grants.sessions:
            _, undone = self._settle(session, await self._desk.ask(HELD, session))
            await self._release_again(undone)

    def _settle(
        self, session: SessionId, rows: Sequence[asyncpg.Record]
    ) -> tuple[frozenset[tuple[str, Token]], frozenset[Claim]]:
        """Return the grants of a session as the server has them, without those that it forgot were released, which
        come second. Who still waits for a grant was told of it in vain."""
        found = {Claim(session, row["name"], row["nonce"]): Token(row["token"]) for row in rows}
        undone = found.keys() & self._loose
        for claim in found.keys() - undone:
            self.own.waiting.granted(claim, found[claim])
        return frozenset((claim.name, found[claim]) for claim in found.keys() - undone), frozenset(undone)

    async def _release_again(self, undone: frozenset[Claim]) -> None:
        self._loose |= undone
        for claim in undone:
            await self.release(claim)

    async def _ask(self, claim: Claim, value: bytes, *, wait: bool) -> Token | None:
        self._loose.discard(claim)
        (row,) = await self._desk.call("claim", claim.name, claim.session, claim.nonce, value, wait, self._clock.now())
        if row["outcome"] == "over":
            raise self.own.over(claim.session)
        return Token(row["its_token"]) if row["outcome"] == "granted" else None

    async def _tell(self, session: SessionId, message: str) -> None:
        await self._desk.call("tell_session", session, message)
