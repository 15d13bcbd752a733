"""Ordered claims in Consul.

A claim is a key of its own that goes with its session; the oldest in a queue holds, and the index that created it is
the token: Consul counts every write of the whole cluster, so that tokens rise in the order in which they are granted.
(What Consul calls LockIndex begins again at 1 whenever a key was deleted.) A key that disappears, by release, force or
the end of its session, hands over in that very step. Each waiter has a blocking query on the place before its own, so
that one release wakes one waiter; it then confirms in one transaction that its own key is there and is the oldest.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from adapters.coordination.consul.calls import Conflict
from adapters.coordination.consul.sessions import standings
from adapters.coordination.consul.space import ConsulSpace
from adapters.coordination.consul.wire import Pair, delete, get, held_by, lock, tree, written_at
from adapters.coordination.own_sessions import Grant, OwnSession
from adapters.coordination.records import ClaimRecord, Place, claim_standing, read
from engine.coordination.standing import Claim, ClaimStanding, SessionId, Token
from engine.coordination.store import Claims
from engine.errors import CoordinationUnavailable, SessionLost
from engine.together import together

ATTEMPTS = 5
"""At what only fails when somebody else wrote in between."""


class _Queue(NamedTuple):
    """How a claim stands in its queue."""

    created: int
    """Index that created its place."""
    before: Pair | None
    """The place before its own; None: it holds."""

    @classmethod
    def of(cls, own: Pair, places: Sequence[Pair]) -> _Queue:
        older = [pair for pair in places if pair.create_index < own.create_index]
        return cls(own.create_index, max(older, key=_age, default=None))


class ConsulClaims(Claims):
    """Each a key that is as old as its place in the queue is good."""

    _space: ConsulSpace

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        own = self._space.sessions.own(claim.session)
        now = self._space.clock.now()
        record = ClaimRecord(asked=now, granted=now, value=value)
        standing = await self._ask(claim, record)
        if standing.before is not None and not wait:
            await self._leave(claim)
            return None
        while standing.before is not None:
            await self._gone(own, standing.before)
            record = msgspec.structs.replace(record, granted=self._space.clock.now())
            standing = await self._confirm(claim, record)
        grant = Grant(self._space.layout.place(claim), Token(standing.created), record)
        return self._space.sessions.granted(claim, grant)

    async def release(self, claim: Claim) -> bool:
        space = self._space
        space.sessions.given_back(claim)
        place, queue = space.layout.place(claim), tree(space.layout.queue(claim.name))
        if await space.sessions.doubtful(claim):
            await self._forbid(claim)
        with suppress(Conflict):
            own, *places = await space.calls.transact(get(place), queue, delete(place))
            return min(places, key=_age).key == own.key
        return False

    async def revoke(self, name: str, token: Token) -> bool:
        layout = self._space.layout
        for _ in range(ATTEMPTS):
            found = await self._space.calls.find(tree(layout.queue(name)), tree(layout.sessions))
            places = [pair for pair in found if pair.key.startswith(layout.claims)]
            head = min(places, key=_age, default=None)
            if head is None or head.create_index != token:
                return False
            bell = next((pair for pair in found if pair.key == layout.session(SessionId(head.session))), None)
            ring = [lock(bell.key, bell.content, head.session, flags=bell.flags + 1)] if bell else []
            with suppress(Conflict):
                await self._space.calls.transact(written_at(head.key, head.modify_index), delete(head.key), *ring)
                return True
        raise CoordinationUnavailable(f"{name} changes faster in Consul than it can be taken away. Try again.")

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        grant = self._space.sessions.grant_of(claim)
        if grant is None:
            return False
        record = msgspec.structs.replace(grant.record, value=value)
        self._space.sessions.granted(claim, replace(grant, record=record))
        with suppress(Conflict):
            await self._space.calls.transact(
                held_by(grant.place, claim.session), lock(grant.place, msgspec.json.encode(record), claim.session)
            )
            return True
        return False

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        layout = self._space.layout
        found = await self._space.calls.find(tree(layout.names(prefix)), tree(layout.sessions))
        queues: defaultdict[str, list[Place]] = defaultdict(list)
        sessions = []
        for pair in found:
            if pair.key.startswith(layout.claims):
                place = Place(pair.create_index, SessionId(pair.session), read(pair.content, ClaimRecord))
                queues[layout.name_of(pair.key)].append(place)
            else:
                sessions.append(pair)
        known = standings(self._space, sessions)
        return [claim_standing(name, queues[name], known, self._space.clock.now()) for name in sorted(queues)]

    async def _ask(self, claim: Claim, record: ClaimRecord) -> _Queue:
        """Do `_stand`, to its end even if the waiting is given up."""
        return await self._space.sessions.ask(claim, self._space.chores.ask(self._stand(claim, record)))

    async def _stand(self, claim: Claim, record: ClaimRecord) -> _Queue:
        """Take a place in the queue, unless the claim has one."""
        place, queue = self._space.layout.place(claim), self._space.layout.queue(claim.name)
        try:
            own, *places = await self._space.calls.transact(
                written_at(self._space.layout.withdrawn(claim), 0),
                lock(place, msgspec.json.encode(record), claim.session),
                tree(queue),
            )
        except Conflict as conflict:
            if conflict.session_is_over:
                raise self._space.sessions.over(claim.session) from conflict
            raise
        return _Queue.of(own, places)

    async def _confirm(self, claim: Claim, record: ClaimRecord) -> _Queue:
        """See whether it is this claim's turn, and write down since when (of one that waits on, nobody reads that). A
        place that is gone although the session lives was granted and taken away before anybody knew: the claim stands
        at the end again."""
        place, queue = self._space.layout.place(claim), self._space.layout.queue(claim.name)
        try:
            _, own, *places = await self._space.calls.transact(
                held_by(place, claim.session), lock(place, msgspec.json.encode(record), claim.session), tree(queue)
            )
        except Conflict:
            return await self._ask(claim, record)
        return _Queue.of(own, places)

    async def _forbid(self, claim: Claim) -> None:
        """Let nothing that was asked for a claim take effect any more. A session that is over sees to that itself."""
        with suppress(Conflict):
            await self._space.calls.transact(lock(self._space.layout.withdrawn(claim), b"", claim.session))
        self._space.sessions.settled(claim)

    async def _leave(self, claim: Claim) -> None:
        await self._space.calls.transact(delete(self._space.layout.place(claim)))

    async def _gone(self, own: OwnSession[str], before: Pair) -> None:
        """Return once a place is gone. Raises `SessionLost` as soon as the own session is known to be over."""
        struck: asyncio.Future[SessionLost] = asyncio.get_running_loop().create_future()

        def strike(error: SessionLost) -> None:
            if not struck.done():
                struck.set_result(error)

        own.struck.add(strike)
        try:
            async with together() as group:
                watching = group.create_task(self._watched(before))
                either: set[asyncio.Future[Any]] = {watching, struck}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                watching.cancel()
        finally:
            own.struck.discard(strike)
        if struck.done():
            raise struck.result()

    async def _watched(self, before: Pair) -> None:
        index = before.modify_index
        while True:
            seen = await self._space.calls.watch(before.key, index)
            if not seen.pairs or seen.pairs[0].create_index != before.create_index:
                return
            index = seen.newest if seen.newest >= index else 0


async def holding_place(space: ConsulSpace, name: str, token: Token) -> tuple[str, str] | None:
    """Return the key whose disappearance ends a grant, and its session; None when the grant is over."""
    known = space.sessions.holding(name, token)
    if known is not None:
        claim, grant = known
        return grant.place, claim.session
    head = min(await space.calls.find(tree(space.layout.queue(name))), key=_age, default=None)
    return (head.key, head.session) if head is not None and head.create_index == token else None


def _age(pair: Pair) -> int:
    return pair.create_index
