"""The coordination file, open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from secrets import token_hex

from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.coordination.standing import (
    Change,
    Claim,
    ClaimStanding,
    Entry,
    Fence,
    Revision,
    SessionId,
    SessionStanding,
    Token,
    Who,
)
from engine.coordination.store import Revoked, Store
from engine.errors import CoordinationError
from engine.storage.coordination import claims, keys, sessions, standings
from engine.storage.coordination.expiry import Expiry
from engine.storage.coordination.feed import Feed
from engine.storage.coordination.reading import Reading
from engine.storage.coordination.stream import StoredStreams
from engine.storage.coordination.turn import News, Wake
from engine.storage.coordination.waiting import Waiting
from engine.storage.coordination.watch import Watch
from engine.storage.coordination.writing import Changing, Writing
from engine.storage.processes import this_process


class OpenedStore(Store):
    """Asks and answers; what is asked is done elsewhere."""

    def __init__(
        self,
        promises: Promises,
        clock: Clock,
        reading: Reading,
        writing: Writing,
        waiting: Waiting,
        expiry: Expiry,
        feed: Feed,
        streams: StoredStreams,
    ) -> None:
        self._promises = promises
        self._clock = clock
        self._reading = reading
        self._writing = writing
        self._waiting = waiting
        self._feed = feed
        self._streams = streams
        self._origin = (this_process(), "")
        self._revoked: dict[SessionId, Revoked] = {}
        self.expiry = expiry

    def take_part(self, changing: Changing, watch: Watch) -> None:
        """Become one of those who hold and wait."""
        self.expiry.take_part(changing, watch)
        self._origin = (this_process(), changing.open_mailbox(self._told, self._waiting.look_at_all))

    @property
    def promises(self) -> Promises:
        return self._promises

    @property
    def streams(self) -> StoredStreams:
        return self._streams

    def follow(self) -> AsyncIterator[Change]:
        return self._feed.follow()

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        self._promises.require_ttl(ttl)
        session = SessionId(token_hex(8))
        self._revoked[session] = revoked
        await self._writing.run(partial(sessions.begin, session=session, who=who, ttl=ttl, origin=self._origin))
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        grants = await self._writing.run(partial(sessions.renew, session=session))
        if grants is None:
            self._revoked.pop(session, None)
        return sessions.require_renewed(session, grants)

    async def end(self, session: SessionId) -> None:
        await self._writing.run(partial(claims.end_session, session=session))
        self._revoked.pop(session, None)

    async def sessions(self) -> Sequence[SessionStanding]:
        await self._end_overdue()
        return await self._reading.away(partial(sessions.standings, now=self._clock.monotonic()), ())

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        looks = self._waiting.looks
        got = await self._writing.run(lambda turn: claims.claim(turn, claim, value, wait))
        if not isinstance(got, claims.Queued):
            return got
        self.expiry.watch(got.before, got.lapses)
        return await self._waiting.wait(claim, looks)

    async def release(self, claim: Claim) -> bool:
        return await self._writing.run(lambda turn: claims.release(turn, claim))

    async def revoke(self, name: str, token: Token) -> bool:
        return await self._writing.run(partial(claims.revoke, name=name, token=token))

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        return await self._writing.run(partial(claims.proclaim, claim=claim, value=value))

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        await self._end_overdue()
        return await self._reading.away(partial(standings.claims, prefix=prefix, now=self._clock.monotonic()), ())

    async def get(self, key: str) -> Entry | None:
        return self._reading.now(partial(keys.find, key=key, now=self._clock.monotonic()), None)

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: Revision | None = None,
        expires: timedelta | None = None,
        fence: Fence | None = None,
    ) -> Revision:
        if expires is not None:
            self._promises.require_expiry(expires)
        return await self._writing.run_durably(
            partial(keys.put, key=key, value=value, expected=expected, expires=expires, fence=fence)
        )

    async def delete(self, key: str, *, expected: Revision | None = None, fence: Fence | None = None) -> bool:
        return await self._writing.run_durably(partial(keys.delete, key=key, expected=expected, fence=fence))

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        now = self._clock.monotonic()
        return await self._reading.away(partial(keys.page, now=now, prefix=prefix, after=after, limit=limit), ())

    async def _end_overdue(self) -> None:
        with suppress(CoordinationError):  # looking works also while nobody can write
            await self.expiry.end_overdue()

    def _told(self, wake: Wake) -> None:
        match wake.news:
            case News.GRANTED:
                self._waiting.look(Claim(wake.session, wake.name, wake.nonce))
            case News.REVOKED:
                if wake.session in self._revoked:
                    self._revoked[wake.session](wake.name, wake.token)
            case News.OVER:
                self._waiting.look_at_all()
