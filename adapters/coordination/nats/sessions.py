"""Sessions in NATS: each a message with a time to live, written again to renew it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from secrets import token_hex

import msgspec

from adapters.coordination.nats.jetstream import MARKER, Conflict, lives
from adapters.coordination.nats.mirror import KeptSession, Mirror
from adapters.coordination.nats.promises import PROMISES
from adapters.coordination.nats.space import Space
from adapters.coordination.nats.watch import REMEMBERED_FOR, Watch
from adapters.coordination.records import SessionRecord
from engine.clock import Clock
from engine.coordination.standing import SessionId, SessionStanding, Token, Who
from engine.coordination.store import Revoked, Sessions
from engine.together import together


class NatsSessions(Sessions):
    """A session whose message is gone never comes back: every renewal takes the place of the one before."""

    _space: Space

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        PROMISES.require_ttl(ttl)
        watch = await self._space.up()
        session = SessionId(token_hex(8))
        record = SessionRecord(who=who, ttl=ttl, since=self._space.clock.now())
        await self._write(watch, session, record, expected=0)
        self._space.own.began(session, revoked)
        watch.session(session)
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        self._space.own.own(session)
        watch = await self._space.up()
        number = 0
        while not number:
            kept = watch.mirror.sessions.get(session)
            if kept is None:
                raise self._space.over(session)
            try:
                number = await self._write(watch, session, kept.record, expected=kept.number)
            except Conflict:
                found = await watch.last(self._space.layout.session(session))
                if found is None or found.gone:
                    self._ended(watch, session)
                    raise self._space.over(session) from None
                watch.mirror.take_in(found)
        await watch.reach(number)
        self._space.own.own(session)
        self._space.write_down(watch.mirror.queues, session)
        return held(watch.mirror, session)

    async def end(self, session: SessionId) -> None:
        watch = await self._space.up()
        self._space.over(session)
        number = await self._erase(watch, session)
        await watch.reach(number)
        self._ended(watch, session)
        async with together() as group:
            for name in watch.mirror.queues.names(session):
                group.create_task(self._space.bury(name))

    async def sessions(self) -> Sequence[SessionStanding]:
        mirror = await (await self._space.up()).current()
        return [standing_of(session, kept, self._space.clock) for session, kept in sorted(mirror.sessions.items())]

    async def _write(self, watch: Watch, session: SessionId, record: SessionRecord, *, expected: int) -> int:
        subject = self._space.layout.session(session)
        number = await watch.put(subject, msgspec.json.encode(record), lives(record.ttl), expected=expected)
        if expected == 0 or session in watch.mirror.sessions:
            watch.mirror.sessions[session] = KeptSession(number, record, self._space.clock.now())
        return number

    async def _erase(self, watch: Watch, session: SessionId) -> int:
        """Return the number of the message after which a session is over."""
        subject = self._space.layout.session(session)
        kept = watch.mirror.sessions.get(session)
        expected = kept.number if kept is not None else 0
        while True:
            try:
                if expected:
                    return await watch.put(subject, b"", {**MARKER, **lives(REMEMBERED_FOR)}, expected=expected)
            except Conflict:
                pass
            found = await watch.last(subject)
            if found is None or found.gone:
                return found.number if found is not None else 0
            expected = found.number

    def _ended(self, watch: Watch, session: SessionId) -> None:
        if watch.mirror.living(session):
            watch.mirror.ended(session)
            watch.session(session)


def held(mirror: Mirror, session: SessionId) -> frozenset[tuple[str, Token]]:
    """Return what a session holds."""
    holders = ((name, mirror.queues.holder(name)) for name in mirror.queues.names(session))
    return frozenset((name, seat.token) for name, seat in holders if seat is not None and seat.session == session)


def standing_of(session: SessionId, kept: KeptSession, clock: Clock) -> SessionStanding:
    ttl = kept.record.ttl
    left = min(ttl, max(timedelta(0), kept.renewed + ttl - clock.now()))
    return SessionStanding(id=session, who=kept.record.who, ttl=ttl, since=kept.record.since, left=left)
