"""Sessions and claims in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from secrets import token_hex

from adapters.coordination.hand_over import HandOver
from adapters.coordination.observing import Observer
from adapters.coordination.redis import scripts
from adapters.coordination.redis.line import Line
from adapters.coordination.redis.link import Link
from adapters.coordination.redis.promises import PROMISES
from adapters.coordination.redis.values import bounds, claim_of, milliseconds, session_of, written
from adapters.coordination.standing_in_line import ClaimsInLine
from engine.clock import Clock
from engine.coordination.standing import Claim, ClaimStanding, SessionId, SessionStanding, Token, Who
from engine.coordination.store import Revoked, Sessions
from engine.errors import SessionLost


class RedisClaims(Sessions, ClaimsInLine):
    """The process's sessions and claims. A grant is told on the session's channel, to its waiter alone."""

    def __init__(self, link: Link, clock: Clock, space: str) -> None:
        self._link = link
        self._clock = clock
        self._space = space
        self.own = HandOver("Redis")
        self.observer = Observer(clock)

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        PROMISES.require_ttl(ttl)
        session = SessionId(token_hex(8))
        self.own.grants.begun(session, revoked)
        try:
            # Listening comes first: who sees the session without it takes it for crashed.
            await self._link.call("SUBSCRIBE", self._channel(session))
            await self._link.script(scripts.BEGIN, session, written(who), milliseconds(ttl), self._now())
        except BaseException:
            self.own.grants.ended(session)
            raise
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        before = self.own.grants.held(session)
        answer = await self._link.script(scripts.RENEW, session)
        if answer is None:
            raise self.own.over(session)
        pairs = zip(answer[::2], answer[1::2], strict=True)
        grants = frozenset((name.decode(), Token(int(token))) for name, token in pairs)
        self.own.grants.confirmed(session, before, grants)
        return grants

    async def end(self, session: SessionId) -> None:
        self.own.grants.ended(session)
        await self._link.script(scripts.END, session, self._now(), "", "")
        self.own.over(session)
        await self._link.call("UNSUBSCRIBE", self._channel(session))

    async def sessions(self) -> Sequence[SessionStanding]:
        rows = await self._link.script(scripts.SESSIONS)
        found = [session_of(row, self.observer.left(SessionId(row[0].decode()))) for row in rows]
        return sorted(found, key=lambda session: session.id)

    async def release(self, claim: Claim) -> bool:
        self.own.grants.given_back(claim.session, claim.name)
        place = claim.name, claim.session, claim.nonce
        held = await self._link.script(scripts.RELEASE, *place, int(claim in self.own.unanswered), self._now())
        self.own.unanswered.discard(claim)
        return bool(held)

    async def revoke(self, name: str, token: Token) -> bool:
        return bool(await self._link.script(scripts.REVOKE, name, token, self._now()))

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        return bool(await self._link.script(scripts.PROCLAIM, claim.name, claim.session, claim.nonce, value))

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        rows = await self._link.script(scripts.CLAIMS, *bounds(prefix), scripts.PAST_LENGTH)
        return [claim_of(row, self.observer.left(SessionId((row[1][0] or b"").decode()))) for row in rows]

    async def prepare(self, line: Line) -> None:
        """Take up on a new line what went on over the one before: listening, giving up, waiting."""
        for session in self.own.grants.sessions:
            await line.call("SUBSCRIBE", self._channel(session))
        for grant in tuple(self.own.surrendered):
            await line.run(scripts.REVOKE, self._space, *grant, self._now())
            self.own.surrendered.pop(grant, None)
        for place in self.own.waiting.places():
            answer = await line.run(scripts.CLAIM, self._space, *self._asked(place.claim, place.value, wait=True))
            with suppress(SessionLost):  # who waits in that session has heard it
                token = self._token(place.claim, answer)
                if token is not None:
                    self.own.waiting.granted(place.claim, token)

    def told(self, channel: bytes, message: bytes) -> None:
        """Take in what was published to one of this process's sessions."""
        self.own.heard(SessionId(channel.decode().removeprefix(f"{self._space}to:")), message.decode(errors="replace"))

    async def _ask(self, claim: Claim, value: bytes, *, wait: bool) -> Token | None:
        return self._token(claim, await self._link.script(scripts.CLAIM, *self._asked(claim, value, wait=wait)))

    async def _tell(self, session: SessionId, message: str) -> None:
        await self._link.call("PUBLISH", self._channel(session), message)

    def _token(self, claim: Claim, answer: Sequence[bytes]) -> Token | None:
        if answer[0] == b"over":
            raise self.own.over(claim.session)
        return Token(int(answer[1])) if answer[0] == b"granted" else None

    def _asked(self, claim: Claim, value: bytes, *, wait: bool) -> tuple[str | bytes | int, ...]:
        return claim.name, claim.session, claim.nonce, value, int(wait), self._now()

    def _channel(self, session: SessionId) -> str:
        return f"{self._space}to:{session}"

    def _now(self) -> str:
        return self._clock.now().isoformat()
