"""What the parts of a NATS store share: the line, the bucket, and this process's own sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from weakref import WeakValueDictionary

from adapters.coordination.chores import Chores
from adapters.coordination.nats.address import Address
from adapters.coordination.nats.bucket import bucket
from adapters.coordination.nats.layout import Layout
from adapters.coordination.nats.queue import UNKNOWN, Part, Queue, Seat
from adapters.coordination.nats.queues import Queues, Turned
from adapters.coordination.nats.watch import Act, Hearers, Step, Watch
from adapters.coordination.own_sessions import Grant, OwnSessions
from adapters.coordination.records import LONG_AGO, ClaimRecord
from engine.clock import Clock
from engine.coordination.standing import Claim, Ending, PastHolder, SessionId, Token
from engine.errors import CoordinationError, CoordinationUnavailable, SessionLost

Turn = asyncio.Future[Token]


class Space:
    """One namespace at one NATS, and what this process has there."""

    def __init__(self, address: Address, layout: Layout, clock: Clock, chores: Chores, replicas: int) -> None:
        self.address = address
        self.layout = layout
        self.clock = clock
        self.own: OwnSessions[tuple[str, Token]] = OwnSessions("NATS")
        self.unanswered: set[Claim] = set()
        """Claims that were sent and not answered: they may arrive later than what withdraws them."""
        self.leaving: set[Claim] = set()
        """Claims that are being given back: held there until that is written, and granted here no more."""
        self._chores = chores
        self._hearers = Hearers(
            prepare=lambda jetstream: bucket(jetstream, layout, replicas),
            turned=self._turned,
            session=self._session_over,
            synced=self._synced,
            broken=self._broken,
        )
        self._watch: Watch | None = None
        self._turns: dict[Claim, Turn] = {}
        self._desks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def up(self) -> Watch:
        """Return a watch that is up; a broken one is made anew. Raises `CoordinationError`."""
        watch = self._watch
        if watch is None or not watch.standing:
            self._watch = watch = Watch(self.address, self.layout, self.clock, self._hearers)
            self._chores.begin(watch.run())
        await watch.up()
        return watch

    async def change(self, name: str, session: SessionId, act: Act, *, firm: bool = False) -> Step:
        """Put what `act` makes of a session's part in its place; this process's own changes of a name one after the
        other, for each of them that came in between would have to begin anew. Raises `CoordinationError`."""
        watch = await self.up()
        desk = self._desks.get(name)
        if desk is None:
            self._desks[name] = desk = asyncio.Lock()
        async with desk:
            return await watch.change(name, session, act, firm=firm)

    async def bury(self, name: str) -> None:
        """Take everybody out of a queue whose session is over. Raises `CoordinationError`."""
        mirror = (await self.up()).mirror
        queue = mirror.queues.queue(name)
        first = next(iter(queue.seats), None)
        for session in mirror.dead(queue):
            past = queue.past
            if first is not None and first.session == session:
                past = queue.after(first, mirror.who(session), Ending.LAPSED, self.clock.now())
            await self.change(name, session, partial(_cleared, past=past))

    def write_down(self, queues: Queues, session: SessionId) -> None:
        """Begin to write down since when a session holds what it has held for a while."""
        for name in queues.names(session):
            seat = queues.holder(name)
            if seat is not None and seat.session == session and seat.place.granted == LONG_AGO:
                self._chores.begin(self._last(name, queues.queue(name), seat))

    async def _last(self, name: str, queue: Queue, seat: Seat) -> None:
        def lasting(part: Part) -> Part:
            return part.lasting(seat.place.nonce, queue.since(seat), queue.past)

        with suppress(CoordinationError):  # the next renewal does it
            await self.change(name, seat.session, lasting)

    @contextmanager
    def turn(self, claim: Claim) -> Iterator[Turn]:
        """Give the future of a grant, for the block: a token, or `UNKNOWN` when the claim has lost its place. Raises
        there what ends the wait."""
        own = self.own.own(claim.session)
        turn: Turn = asyncio.get_running_loop().create_future()

        def fail(error: SessionLost) -> None:
            if not turn.done():
                turn.set_exception(error)

        self._turns[claim] = turn
        own.struck.add(fail)
        try:
            yield turn
        finally:
            own.struck.discard(fail)
            if self._turns.get(claim) is turn:
                del self._turns[claim]
            if turn.done() and not turn.cancelled():
                turn.exception()  # looked at, or the loop complains that nobody did

    def over(self, session: SessionId) -> SessionLost:
        """Forget a session and tell everybody concerned; return what to raise."""
        if session in self.own:
            self.own.vanished({grant.place for grant in self.own.own(session).grants.values()})
        self.unanswered = {claim for claim in self.unanswered if claim.session != session}
        return self.own.over(session)

    def _turned(self, turned: Turned) -> None:
        """Wake whose turn it is, and whoever is not in line any more; tell who held it until now."""
        name, before, after = turned.name, turned.before, turned.after
        if before is not None and (after is None or after.token != before.token):
            self.own.vanished({(name, before.token)})
        if after is not None:
            claim = Claim(after.session, name, after.place.nonce)
            if after.session in self.own and claim not in self.leaving and self.own.grant_of(claim) is None:
                self.own.granted(claim, Grant((name, after.token), after.token, ClaimRecord()))
            self._wake(claim, after.token)
        for nonce in turned.left:
            self._wake(Claim(turned.session, name, nonce), UNKNOWN)
        if turned.session and self._watch is not None and not self._watch.mirror.living(turned.session):
            self._look_after(self._watch, name)  # whoever wrote this had not heard of it yet

    def _wake(self, claim: Claim, token: Token) -> None:
        turn = self._turns.get(claim)
        if turn is not None and not turn.done():
            turn.set_result(token)

    def _session_over(self, session: SessionId) -> None:
        """A session is over: serve whoever waited for what it held, where that falls to this process."""
        if session in self.own:
            self.over(session)
        if self._watch is not None:
            for name in self._watch.mirror.queues.names(session):
                self._look_after(self._watch, name)

    def _synced(self) -> None:
        """Learn what was missed while nothing was told."""
        if self._watch is None:
            return
        mirror = self._watch.mirror
        for session in self.own:
            if not mirror.living(session):
                self.over(session)
                continue
            for claim, grant in list(self.own.own(session).grants.items()):
                holder = mirror.queues.holder(claim.name)
                if holder is None or holder.token != grant.token:
                    self.own.vanished({grant.place})
        for name, _ in mirror.queues.all():
            self._look_after(self._watch, name)

    def _look_after(self, watch: Watch, name: str) -> None:
        """Take the places of those away whose session is over, if this process is the one to do it: the one that holds
        since, or, where nobody does, the one with the first of all sessions."""
        mirror = watch.mirror
        if not mirror.dead(mirror.queues.queue(name)):
            return
        holder = mirror.queues.holder(name)
        first = holder.session if holder is not None else min(mirror.sessions, default=None)
        if first is not None and first in self.own:
            self._chores.begin(self._bury_soon(name))

    async def _bury_soon(self, name: str) -> None:
        with suppress(CoordinationError):  # whoever comes next does it
            await self.bury(name)

    def _broken(self, fault: CoordinationUnavailable) -> None:
        for turn in self._turns.values():
            if not turn.done():
                turn.set_exception(fault)


def _cleared(part: Part, past: tuple[PastHolder, ...]) -> Part:
    return Part(past=past) if part.places else part
