"""Ordered claims in NATS: each session writes down its own places, and the numbers of those messages are the order."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.coordination.nats.mirror import Mirror
from adapters.coordination.nats.queue import UNKNOWN, Part, Place, Queue, Seat
from adapters.coordination.nats.queues import Queues
from adapters.coordination.nats.sessions import standing_of
from adapters.coordination.nats.space import Space
from engine.coordination.standing import Claim, ClaimStanding, Ending, Holder, PastHolder, Token, Waiter
from engine.coordination.store import Claims
from engine.errors import CoordinationUnavailable


class NatsClaims(Claims):
    """The number of the message that asked is the token: it grows with every message of the namespace."""

    _space: Space

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        place = Place(nonce=claim.nonce, asked=self._space.clock.now(), value=value)
        while True:
            with self._space.turn(claim) as turn:
                if not wait and await self._is_taken(claim):
                    return None
                queues = await self._ask(claim, place)
                holder = queues.holder(claim.name)
                if holder is not None and holder.of(claim):
                    return holder.token
                if wait:
                    token = await turn
                    if token != UNKNOWN:
                        return token
            if not wait:
                await self.release(claim)
                return None

    async def release(self, claim: Claim) -> bool:
        space = self._space
        grant = space.own.given_back(claim)
        firm = claim in space.unanswered
        space.leaving.add(claim)
        try:
            past = await self._past_with(claim)
            step = await space.change(claim.name, claim.session, lambda part: part.left(claim.nonce, past), firm=firm)
        finally:
            space.leaving.discard(claim)
        space.unanswered.discard(claim)
        left = step.before.place(claim.nonce)
        if left is None or grant is not None:
            return left is not None
        watch = await space.up()
        await watch.reach(step.after.number)
        return all(seat.token > left.token for seat in watch.mirror.queues.line(claim.name))

    async def revoke(self, name: str, token: Token) -> bool:
        mirror = (await self._space.up()).mirror
        seat = mirror.queues.holder(name)
        if seat is None or seat.token != token:
            mirror = await (await self._space.up()).current()
            seat = mirror.queues.holder(name)
        if seat is None or seat.token != token:
            return False
        past = self._past(mirror, name, seat, Ending.REVOKED)
        step = await self._space.change(name, seat.session, lambda part: part.revoked(token, past))
        return any(place.token == token for place in step.before.places)

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        mirror = await (await self._space.up()).current()
        seat = mirror.queues.holder(claim.name)
        if seat is None or not seat.of(claim):
            return False
        step = await self._space.change(claim.name, claim.session, lambda part: part.proclaimed(claim.nonce, value))
        return step.before.place(claim.nonce) is not None

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        mirror = await (await self._space.up()).current()
        found = sorted((each for each in mirror.queues.all() if each[0].startswith(prefix)), key=lambda each: each[0])
        return [self._standing(mirror, name, queue) for name, queue in found]

    async def _is_taken(self, claim: Claim) -> bool:
        """Whether others hold or wait, and this claim does neither."""
        watch = await self._space.up()

        def taken(queues: Queues) -> bool:
            line = queues.line(claim.name)
            return bool(line) and not any(seat.of(claim) for seat in line)

        return taken(watch.mirror.queues) and taken((await watch.current()).queues)

    async def _ask(self, claim: Claim, place: Place) -> Queues:
        """Stand in line, and return all queues as new as that. Raises `SessionLost` if the session was over before."""
        space = self._space
        past = (await space.up()).mirror.queues.queue(claim.name).past

        def asked(part: Part) -> Part:
            return part.asked(place, past)

        space.unanswered.add(claim)
        try:
            step = await space.change(claim.name, claim.session, asked)
        except CoordinationUnavailable as error:
            if not error.maybe_done:
                space.unanswered.discard(claim)
            raise
        space.unanswered.discard(claim)
        watch = await space.up()
        await watch.reach(step.after.number)
        if not watch.mirror.living(claim.session):
            await space.bury(claim.name)
            raise space.over(claim.session)
        return watch.mirror.queues

    async def _past_with(self, claim: Claim) -> tuple[PastHolder, ...]:
        """Return the past of a name as it is once this claim is released."""
        mirror = (await self._space.up()).mirror
        seat = mirror.queues.holder(claim.name)
        if seat is None or not seat.of(claim):
            return mirror.queues.queue(claim.name).past
        return self._past(mirror, claim.name, seat, Ending.RELEASED)

    def _past(self, mirror: Mirror, name: str, seat: Seat, ending: Ending) -> tuple[PastHolder, ...]:
        return mirror.queues.queue(name).after(seat, mirror.who(seat.session), ending, self._space.clock.now())

    def _standing(self, mirror: Mirror, name: str, queue: Queue) -> ClaimStanding:
        line = mirror.queues.line(name)
        waiters = tuple(
            Waiter(session=seat.session, who=mirror.who(seat.session), since=seat.place.asked) for seat in line[1:]
        )
        for seat in line[:1]:
            session = standing_of(seat.session, mirror.sessions[seat.session], self._space.clock)
            holder = Holder(
                session=seat.session,
                who=session.who,
                token=seat.token,
                since=queue.since(seat),
                value=seat.place.value,
            )
            return ClaimStanding(
                name=name, holder=holder, ttl=session.ttl, left=session.left, waiters=waiters, past=queue.past
            )
        return ClaimStanding(name=name, holder=None, past=queue.past)
