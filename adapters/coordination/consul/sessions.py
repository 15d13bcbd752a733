"""Sessions in Consul: its own, each with a key that says whose it is.

That key is also the bell: a blocking query on it tells this process at once that its session is over, or that somebody
took a grant away (and wrote the key again to say so).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from adapters.coordination.consul.calls import Conflict
from adapters.coordination.consul.space import ConsulSpace
from adapters.coordination.consul.wire import MOST_OPERATIONS, Pair, get, lock, tree
from adapters.coordination.own_sessions import OwnSession
from adapters.coordination.records import SessionRecord, session_standing
from engine.coordination.standing import SessionId, SessionStanding, Token, Who
from engine.coordination.store import Revoked, Sessions
from engine.errors import CoordinationError


class ConsulSessions(Sessions):
    """What a session has locked is deleted with it, in one step."""

    _space: ConsulSpace
    _bells: dict[SessionId, asyncio.Task[None]]

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        space = self._space
        space.promises.require_ttl(ttl)
        session = SessionId(await space.calls.begin(f"syncdeck {who.node} {who.pid}", ttl))
        record = SessionRecord(who=who, ttl=ttl, since=space.clock.now())
        try:
            written = await space.calls.transact(
                lock(space.layout.session(session), msgspec.json.encode(record), session)
            )
        except BaseException:
            await space.drop(session)
            raise
        space.sessions.began(session, revoked)
        self._listen(session, written[0].modify_index)
        return session

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        space = self._space
        own = space.sessions.own(session)
        if not await space.calls.renew(session):
            raise space.sessions.over(session)
        if session not in self._bells:
            self._listen(session, 0)
        for place in await self._missing(own):
            for claim in [claim for claim, grant in own.grants.items() if grant.place == place]:
                del own.grants[claim]
        return own.held

    async def end(self, session: SessionId) -> None:
        self._space.sessions.over(session)
        bell = self._bells.pop(session, None)
        if bell is not None:
            bell.cancel()
        await self._space.calls.destroy(session)

    async def sessions(self) -> Sequence[SessionStanding]:
        return list(standings(self._space, await self._space.calls.find(tree(self._space.layout.sessions))).values())

    def _listen(self, session: SessionId, index: int) -> None:
        self._bells[session] = self._space.chores.begin(self._attend(session, index))

    async def _attend(self, session: SessionId, index: int) -> None:
        """Hear what happens to an own session, until that is over or the line breaks; the next renewal listens anew."""
        space, rung = self._space, index
        try:
            while True:
                seen = await space.calls.watch(space.layout.session(session), index)
                if not seen.pairs:
                    space.sessions.over(session)
                    return
                index = seen.newest if seen.newest >= index else 0
                if seen.pairs[0].modify_index != rung:
                    rung = seen.pairs[0].modify_index
                    space.sessions.vanished(await self._missing(space.sessions.own(session)))
        except CoordinationError:
            return
        finally:
            if self._bells.get(session) is asyncio.current_task():
                del self._bells[session]

    async def _missing(self, own: OwnSession[str]) -> Sequence[str]:
        """Return the places of grants that are gone."""
        places = [grant.place for grant in own.grants.values()]
        missing: list[str] = []
        for start in range(0, len(places), MOST_OPERATIONS):
            part = places[start : start + MOST_OPERATIONS]
            try:
                await self._space.calls.find(*(get(place) for place in part))
            except Conflict as conflict:
                missing += [part[index] for index in conflict.faults]
        return missing


def standings(space: ConsulSpace, found: Iterable[Pair]) -> Mapping[SessionId, SessionStanding]:
    """Return sessions from their keys, which Consul gives by id."""
    all_of_them = (session_standing(space.layout.session_of(pair.key), pair.content) for pair in found)
    return {standing.id: standing for standing in all_of_them}
