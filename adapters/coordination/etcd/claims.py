"""Ordered claims in etcd.

A claim is a key of its own with its session's lease; the oldest in a queue holds, and its create revision
is the token: it grows with every write to the cluster, so that tokens rise in the order in which they are granted. A
key that disappears, by release, force or the end of its lease, hands over in that very step; whoever comes next hears
it on the watch. Where the watch may have missed something it is asked, in one transaction, whether the own key is there
and is the oldest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import msgspec

from adapters.coordination.etcd.calls import Full, LeaseGone
from adapters.coordination.etcd.layout import lease_of, session_of
from adapters.coordination.etcd.space import EtcdSpace
from adapters.coordination.etcd.wire import (
    BY_AGE,
    KeyValue,
    Message,
    Outcome,
    changed_at,
    created_at,
    erase,
    exists,
    look,
    none_older,
    none_under,
    put,
    under,
    within,
)
from adapters.coordination.own_sessions import Grant
from adapters.coordination.records import (
    ClaimRecord,
    Place,
    claim_standing,
    read,
    session_standing,
)
from engine.coordination.standing import Claim, ClaimStanding, Token
from engine.coordination.store import Claims
from engine.errors import CoordinationError, CoordinationUnavailable

NOTED_AFTER = timedelta(milliseconds=100)
"""How long somebody who waited has to hold before it is written down since when: to do so at once would cost a name
that goes from hand to hand a third write for each, which everybody who watches is told of."""


class _Queue(NamedTuple):
    """How a claim stands in its queue."""

    revision: int
    """At which it was created; 0: it is not there."""
    ahead: Mapping[bytes, int]
    """The places before it, and when each was created."""

    @classmethod
    def of(cls, place: bytes, found: Sequence[KeyValue]) -> _Queue:
        """From all places."""
        created = {each.key: each.create_revision for each in found}
        own = created.get(place, 0)
        return cls(own, {each: at for each, at in created.items() if at < own or not own})


class EtcdClaims(Claims):
    """Each a key that is as old as its place in the queue is good."""

    _space: EtcdSpace

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        own = self._space.sessions.own(claim.session)
        record = ClaimRecord(asked=self._space.clock.now(), value=value)
        with self._space.turns.turn(self._space.layout.place(claim)) as turn:
            own.struck.add(turn.fail)
            try:
                heard = self._space.watch.listening
                standing = await self._ask(claim, record, wait=wait)
                if standing.ahead and not wait:
                    return None
                waited = bool(standing.ahead)
                while standing.ahead and standing.revision:
                    if heard and await turn.comes(standing.ahead):
                        break
                    await self._space.watch.up()
                    heard = True
                    standing = await self._confirm(claim, record, standing)
                if not standing.revision:
                    raise CoordinationError(f"The claim to {claim.name} was withdrawn, and cannot be made again.")
            finally:
                own.struck.discard(turn.fail)
        token, now = Token(standing.revision), self._space.clock.now()
        record = msgspec.structs.replace(record, granted=now if waited else record.asked)
        if waited:
            self._space.chores.begin(self._note(claim, token, record))
        return self._space.sessions.granted(claim, Grant(self._space.layout.place(claim), token, record))

    async def release(self, claim: Claim) -> bool:
        space = self._space
        place, grant = space.layout.place(claim), space.sessions.given_back(claim)
        doubtful = await space.sessions.doubtful(claim)
        if grant is not None and not doubtful:
            return (await space.calls.transact([created_at(place, grant.token)], [erase(place)])).succeeded
        head = look(under(space.layout.queue(claim.name), limit=1, keys_only=True, **BY_AGE))
        forbid = [put(space.layout.withdrawn(claim), b"", lease_of(claim.session))] if doubtful else []
        try:
            outcome = await space.calls.transact([exists(place)], [head, erase(place), *forbid], forbid)
        except LeaseGone:
            return False
        space.sessions.settled(claim)
        return outcome.succeeded and outcome.first[0].key == place

    async def revoke(self, name: str, token: Token) -> bool:
        place = await holding_place(self._space, name, token)
        if place is None:
            return False
        outcome = await self._space.calls.transact([created_at(place, token)], [erase(place)])
        return outcome.succeeded

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        grant = self._space.sessions.grant_of(claim)
        if grant is None:
            return False
        record = msgspec.structs.replace(grant.record, value=value)
        self._space.sessions.granted(claim, replace(grant, record=record))
        still = created_at(grant.place, grant.token)
        return (await self._space.calls.transact([still], [self._written(claim, record)])).succeeded

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        layout = self._space.layout
        looks = [look(under(layout.claims + prefix.encode())), look(under(layout.sessions))]
        places, sessions = (await self._space.calls.transact([], looks, writes=False)).responses
        queues: defaultdict[str, list[Place]] = defaultdict(list)
        for each in places.response_range.kvs:
            place = Place(each.create_revision, layout.claimant_of(each.key), read(each.value, ClaimRecord))
            queues[layout.name_of(each.key)].append(place)
        holding = {min(queue).session for queue in queues.values()}
        found = sessions.response_range.kvs
        left = await self._space.left({each.lease for each in found if session_of(each.lease) in holding})
        standings = {
            session: session_standing(session, each.value, left.get(each.lease))
            for each in found
            if (session := layout.session_of(each.key))
        }
        now = self._space.clock.now()
        return [claim_standing(name, queues[name], standings, now) for name in sorted(queues)]

    async def _ask(self, claim: Claim, record: ClaimRecord, *, wait: bool) -> _Queue:
        """Do `_stand`, to its end even if the waiting is given up."""
        return await self._space.sessions.ask(claim, self._space.chores.ask(self._stand(claim, record, wait=wait)))

    async def _stand(self, claim: Claim, record: ClaimRecord, *, wait: bool) -> _Queue:
        """Take the only place in the queue, or else the last (with `wait`), unless the claim has one, or was withdrawn
        while this was on its way."""
        place, queue = self._space.layout.place(claim), self._space.layout.queue(claim.name)
        at_once = msgspec.structs.replace(record, granted=record.asked)
        ahead = look(under(queue, keys_only=True, **BY_AGE))
        wanted = created_at(self._space.layout.withdrawn(claim), 0)
        last = within([created_at(place, 0), wanted], [ahead, self._written(claim, record)], [ahead]) if wait else ahead
        outcome = await self._transact(claim, [none_under(queue), wanted], [self._written(claim, at_once)], [last])
        if outcome.succeeded:
            return _Queue(outcome.header.revision, {})
        if not wait:
            return _Queue.of(place, outcome.first)
        inner = outcome.responses[0].response_txn
        if inner.succeeded:
            return _Queue(outcome.header.revision, {each.key: each.create_revision for each in inner.first})
        return _Queue.of(place, inner.first)

    async def _confirm(self, claim: Claim, record: ClaimRecord, standing: _Queue) -> _Queue:
        """See whether it is this claim's turn. A place that is gone although the session lives was granted and taken
        away before anybody knew: the claim stands at the end again."""
        place, queue = self._space.layout.place(claim), self._space.layout.queue(claim.name)
        outcome = await self._space.calls.transact(
            [created_at(place, standing.revision), none_older(queue, standing.revision)],
            [],
            [look(under(queue, keys_only=True, **BY_AGE))],
            writes=False,
        )
        if outcome.succeeded:
            return _Queue(standing.revision, {})
        found = _Queue.of(place, outcome.first)
        return found if found.revision else await self._ask(claim, record, wait=True)

    async def _note(self, claim: Claim, token: Token, record: ClaimRecord) -> None:
        """Write down since when a claim is granted, for people to read, unless it was written since it was made, or is
        over by then."""
        await self._space.clock.sleep(NOTED_AFTER)
        if self._space.sessions.grant_of(claim) is None:
            return
        with suppress(CoordinationError):
            await self._space.calls.transact(
                [changed_at(self._space.layout.place(claim), token)], [self._written(claim, record)]
            )

    def _written(self, claim: Claim, record: ClaimRecord) -> Message:
        return put(self._space.layout.place(claim), msgspec.json.encode(record), lease_of(claim.session))

    async def _transact(
        self, claim: Claim, compare: Sequence[Message], success: Sequence[Message], failure: Sequence[Message]
    ) -> Outcome:
        """Do what hangs on the claim's session. Raises `SessionLost`. One that is full has answered: nothing that was
        asked of it takes effect later, so that nothing need be forbidden, for which it has no room either."""
        try:
            return await self._space.calls.transact(compare, success, failure)
        except Full as error:
            raise CoordinationUnavailable(str(error)) from error
        except LeaseGone as error:
            raise self._space.sessions.over(claim.session) from error


async def holding_place(space: EtcdSpace, name: str, token: Token) -> bytes | None:
    """Return the key whose disappearance ends a grant, None when it is over."""
    known = space.sessions.holding(name, token)
    if known is not None:
        return known[1].place
    found = await space.calls.find(under(space.layout.queue(name), limit=1, keys_only=True, **BY_AGE))
    return found.kvs[0].key if found.kvs and found.kvs[0].create_revision == token else None
