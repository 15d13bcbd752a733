"""Sessions and claims in Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from secrets import token_hex

from adapters.coordination import redis_scripts as scripts
from adapters.coordination.redis_line import Line, Link, run
from adapters.coordination.redis_values import bounds, claim_of, milliseconds, session_of, written
from adapters.coordination.waiting import Grants, Waiting
from engine.clock import Clock
from engine.coordination.observed import Sighting, left
from engine.coordination.standing import Claim, ClaimStanding, SessionId, SessionStanding, Token, Who
from engine.coordination.store import Claims, Revoked, Sessions
from engine.errors import CoordinationUnavailable, SessionLost

OVER = "The session of this process lapsed, or was ended, at Redis."


class RedisClaims(Sessions, Claims):
    """The process's sessions and claims. A grant is told on the session's channel, to its waiter alone."""

    def __init__(self, link: Link, clock: Clock, space: str) -> None:
        self._link = link
        self._clock = clock
        self._space = space
        self._waiting = Waiting()
        self._grants = Grants()
        self._surrendered: dict[tuple[str, Token], None] = {}
        self.seen: Mapping[SessionId, Sighting] = {}
        """What this process observed of all sessions."""

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        session = SessionId(token_hex(8))
        self._grants.begun(session, revoked)
        try:
            # Listening comes first: who sees the session without it takes it for crashed.
            await self._link.send("SUBSCRIBE", self._channel(session))
            await self._link.script(scripts.BEGIN, session, written(who), milliseconds(ttl), self._now())
        except BaseException:
            self._grants.ended(session)
            raise
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        answer = await self._link.script(scripts.RENEW, session)
        if answer is None:
            self._over(session)
            raise SessionLost(OVER)
        pairs = zip(answer[::2], answer[1::2], strict=True)
        grants = frozenset((name.decode(), Token(int(token))) for name, token in pairs)
        self._grants.confirmed(session, grants)
        return grants

    async def end(self, session: SessionId) -> None:
        self._grants.ended(session)
        await self._link.script(scripts.END, session, self._now(), "", "")
        self._waiting.over(session, SessionLost(OVER))
        await self._link.send("UNSUBSCRIBE", self._channel(session))

    async def sessions(self) -> Sequence[SessionStanding]:
        rows = await self._link.script(scripts.SESSIONS)
        now = self._clock.monotonic()
        found = [session_of(row, left(self.seen.get(SessionId(row[0].decode())), now)) for row in rows]
        return sorted(found, key=lambda session: session.id)

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        with self._waiting.place(claim, value) as granted:
            answer = await self._link.script(scripts.CLAIM, *self._asked(claim, value, wait=wait))
            token = self._token(claim, answer)
            if token is None and wait:
                token = await granted
        if token is not None:
            self._grants.granted(claim.session, claim.name, token)
        return token

    async def release(self, claim: Claim) -> bool:
        self._grants.given_back(claim.session, claim.name)
        return bool(await self._link.script(scripts.RELEASE, claim.name, claim.session, claim.nonce, self._now()))

    async def revoke(self, name: str, token: Token) -> bool:
        return bool(await self._link.script(scripts.REVOKE, name, token, self._now()))

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        return bool(await self._link.script(scripts.PROCLAIM, claim.name, claim.session, claim.nonce, value))

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        rows = await self._link.script(scripts.CLAIMS, *bounds(prefix))
        now = self._clock.monotonic()
        return [claim_of(row, left(self._sighting(row[1][0]), now)) for row in rows]

    async def prepare(self, line: Line) -> None:
        """Take up on a new line what went on over the one before: listening, giving up, waiting."""
        for session in self._grants.sessions:
            await line.send("SUBSCRIBE", self._channel(session))
        for grant in tuple(self._surrendered):
            await run(line, scripts.REVOKE, self._space, *grant, self._now())
            self._surrendered.pop(grant, None)
        for place in self._waiting.places():
            answer = await run(line, scripts.CLAIM, self._space, *self._asked(place.claim, place.value, wait=True))
            try:
                token = self._token(place.claim, answer)
            except SessionLost as error:
                self._waiting.over(place.claim.session, error)
                continue
            if token is not None:
                self._waiting.granted(place.claim, token)

    def cut_off(self, error: CoordinationUnavailable) -> None:
        """Give up what is held: others may have it. It is given back as soon as there is a line again."""
        self._surrendered.update(dict.fromkeys(self._grants.cut_off()))
        self._waiting.broken(error)

    def told(self, channel: bytes, message: bytes) -> None:
        """Take in what was published to one of this process's sessions."""
        session = SessionId(channel.decode().removeprefix(f"{self._space}to:"))
        match message.decode().split("\n", 3):
            case ["granted", token, name, nonce]:
                self._waiting.granted(Claim(session, name, nonce), Token(int(token)))
            case ["revoked", token, name]:
                self._grants.revoked(session, name, Token(int(token)))
            case _:
                self._over(session)

    def _over(self, session: SessionId) -> None:
        self._waiting.over(session, SessionLost(OVER))
        self._grants.over(session)

    def _token(self, claim: Claim, answer: Sequence[bytes]) -> Token | None:
        if answer[0] == b"over":
            self._grants.over(claim.session)
            raise SessionLost(OVER)
        return Token(int(answer[1])) if answer[0] == b"granted" else None

    def _asked(self, claim: Claim, value: bytes, *, wait: bool) -> tuple[str | bytes | int, ...]:
        return claim.name, claim.session, claim.nonce, value, int(wait), self._now()

    def _sighting(self, session: bytes | None) -> Sighting | None:
        return self.seen.get(SessionId(session.decode())) if session is not None else None

    def _channel(self, session: SessionId) -> str:
        return f"{self._space}to:{session}"

    def _now(self) -> str:
        return self._clock.now().isoformat()
