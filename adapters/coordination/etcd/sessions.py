"""Sessions in etcd: each a lease, and a key on it that says whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from math import ceil

import msgspec

from adapters.coordination.etcd.layout import lease_of, session_of
from adapters.coordination.etcd.space import EtcdSpace
from adapters.coordination.etcd.wire import MOST_OPERATIONS, KeyValue, look, put, under
from adapters.coordination.records import SessionRecord, session_standing
from engine.coordination.standing import SessionId, SessionStanding, Token, Who
from engine.coordination.store import Revoked, Sessions


class EtcdSessions(Sessions):
    """What hangs on the lease of a session goes with it, in one step."""

    _space: EtcdSpace

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        space = self._space
        space.promises.require_ttl(ttl)
        lease = await space.calls.grant(ceil(ttl.total_seconds()))
        session = session_of(lease)
        record = SessionRecord(who=who, ttl=ttl, since=space.clock.now())
        try:
            await space.watch.up()
            await space.calls.transact([], [put(space.layout.session(session), msgspec.json.encode(record), lease)])
        except BaseException:
            await space.drop(lease)
            raise
        space.sessions.began(session, revoked)
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        space = self._space
        own = space.sessions.own(session)
        space.watch.start()
        if not await space.calls.keep_alive(lease_of(session)):
            raise space.sessions.over(session)
        grants = list(own.grants.items())
        for start in range(0, len(grants), MOST_OPERATIONS):
            part = grants[start : start + MOST_OPERATIONS]
            looks = [look({"key": grant.place, "keys_only": True}) for _, grant in part]
            outcome = await space.calls.transact([], looks, writes=False)
            for (claim, grant), done in zip(part, outcome.responses, strict=True):
                if [found.create_revision for found in done.response_range.kvs] != [grant.token]:
                    own.grants.pop(claim, None)
        return own.held

    async def end(self, session: SessionId) -> None:
        self._space.sessions.over(session)
        await self._space.calls.revoke(lease_of(session))

    async def sessions(self) -> Sequence[SessionStanding]:
        found = await self._space.calls.find(under(self._space.layout.sessions))
        return sorted((await self._standings(found.kvs)).values(), key=lambda standing: standing.id)

    async def _standings(self, found: Iterable[KeyValue]) -> Mapping[SessionId, SessionStanding]:
        left = await self._space.left({each.lease for each in found})
        standings = (
            session_standing(self._space.layout.session_of(each.key), each.value, left.get(each.lease))
            for each in found
        )
        return {standing.id: standing for standing in standings}
