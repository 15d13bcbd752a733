"""Ordered claims in NATS: a queue is one message, and each step of it takes the place of the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.coordination.nats.mirror import Mirror
from adapters.coordination.nats.queue import UNKNOWN, Place, Queue, Standing
from adapters.coordination.nats.sessions import standing_of
from adapters.coordination.nats.space import Space
from engine.coordination.standing import Claim, ClaimStanding, Holder, Token, Waiter
from engine.coordination.store import Claims
from engine.errors import CoordinationUnavailable


class NatsClaims(Claims):
    """The number of the message that grants is the token: it grows with every message of the namespace."""

    _space: Space

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        place = Place(session=claim.session, nonce=claim.nonce, asked=self._space.clock.now(), value=value)
        while True:
            with self._space.turn(claim) as turn:
                queue = await self._ask(claim, place, wait=wait)
                if queue.holder is not None and queue.holder.of(claim):
                    return queue.holder.token
                if not wait:
                    return None
                token = await turn
            if token != UNKNOWN:
                return token

    async def release(self, claim: Claim) -> bool:
        space = self._space
        grant = space.own.given_back(claim)
        firm = claim in space.unanswered
        space.leaving.add(claim)
        try:
            step = await space.change(claim.name, lambda queue, now: queue.left(claim, now), firm=firm)
        finally:
            space.leaving.discard(claim)
        space.unanswered.discard(claim)
        return step.before.holds(claim) and (grant is None or grant.token == held_token(step.before))

    async def revoke(self, name: str, token: Token) -> bool:
        if token == UNKNOWN:
            return False
        step = await self._space.change(name, lambda queue, now: queue.revoked(token, now))
        return held_token(step.before) == token

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        step = await self._space.change(claim.name, lambda queue, _: queue.proclaimed(claim, value))
        return step.before.holds(claim)

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        mirror = await (await self._space.up()).current()
        found = sorted((each for each in mirror.queues() if each[0].startswith(prefix)), key=lambda each: each[0])
        return [self._standing(mirror, name, standing) for name, standing in found]

    async def _ask(self, claim: Claim, place: Place, *, wait: bool) -> Queue:
        """Stand in line, and return the line. Raises `SessionLost` if the session was over before."""
        space = self._space
        space.unanswered.add(claim)
        try:
            step = await space.change(claim.name, lambda queue, now: queue.asked(place, now, wait=wait))
        except CoordinationUnavailable as error:
            if not error.maybe_done:
                space.unanswered.discard(claim)
            raise
        space.unanswered.discard(claim)
        watch = await space.up()
        await watch.reach(step.after.number)
        if not watch.mirror.living(claim.session):
            await space.prune(claim.name)
            raise space.over(claim.session)
        return step.after.queue

    def _standing(self, mirror: Mirror, name: str, standing: Standing) -> ClaimStanding:
        queue = standing.queue
        waiters = tuple(
            Waiter(session=place.session, who=mirror.who(place.session), since=place.asked)
            for place in queue.waiters
            if mirror.living(place.session)
        )
        for holder in _living(mirror, queue):
            session = standing_of(holder.session, mirror.sessions[holder.session], self._space.clock)
            return ClaimStanding(
                name=name,
                holder=Holder(
                    session=holder.session,
                    who=session.who,
                    token=holder.token,
                    since=holder.granted,
                    value=holder.value,
                ),
                ttl=session.ttl,
                left=session.left,
                waiters=waiters,
                past=queue.past,
            )
        return ClaimStanding(name=name, holder=None, waiters=waiters, past=queue.past)


def held_token(queue: Queue) -> Token:
    return queue.holder.token if queue.holder is not None else UNKNOWN


def _living(mirror: Mirror, queue: Queue) -> Iterator[Place]:
    """Give the holder, if there is one whose session lives."""
    if queue.holder is not None and mirror.living(queue.holder.session):
        yield queue.holder
