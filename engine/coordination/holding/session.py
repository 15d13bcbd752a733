"""A session of this process at the backend, renewed for all it holds together.

Safety never depends on being told in time: a session's deadline is counted from before the request that prolonged it
left, and ends a margin before the backend can let go of it.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import timedelta
from itertools import count

from engine.clock import Clock
from engine.coordination.holding.lease import Bearer, Lease
from engine.coordination.interruption import Interruption
from engine.coordination.line import Line
from engine.coordination.means import Means
from engine.coordination.standing import Claim, SessionId, Token
from engine.errors import CoordinationError, CoordinationUnavailable, SessionLost
from engine.together import together

LEAST_MARGIN = timedelta(milliseconds=100)
MARGIN_OF_TTL = 0.05

RENEWALS = 3
"""In a ttl, so that two may fail."""

TICKS = 10
"""In a ttl: how often what failed is tried again."""

IDLE = 6
"""Times its ttl after which a session that nobody uses is ended, unless it has the ttl of the settings."""

NAP = timedelta(milliseconds=40)
"""The longest time for which nobody looks at the deadline while something is held: sleeping does not count the time
that a machine was suspended, the deadline does."""

LONGEST_FAREWELL = timedelta(seconds=2)
"""How long a program that ends waits for its sessions to be ended."""

WITHDRAWAL = timedelta(milliseconds=500)
"""How long somebody who gives up waiting waits to hear that his place is free; then the session sees to it."""


class OwnSession(Bearer):
    """A session of this process with what it holds. It is over once its deadline has passed, the backend says so, or
    this is a forked child: a child has no session."""

    def __init__(self, line: Line, means: Means, ttl: timedelta) -> None:
        self.line = line
        self.who = means.who
        self.ttl = ttl
        self.id = SessionId("")
        self.deadline = 0.0
        self.clock: Clock = means.clock
        self._margin = max(LEAST_MARGIN, ttl * MARGIN_OF_TTL)
        self._pid = os.getpid()
        self._nonces = count(1)
        self._leases: dict[tuple[str, Token], Lease] = {}
        self._standing: dict[Interruption, str] = {}
        self._debts: set[Claim] = set()
        self._settling: set[Claim] = set()
        self._fault: CoordinationError | None = None
        self._over: asyncio.Event = asyncio.Event()
        self._ended_there = False
        self._used = 0.0
        self._stays = ttl == means.ttl

    async def begin(self) -> None:
        """Begin it at the backend."""
        sent = self._used = self.clock.monotonic()
        self.id = await self.line.begin(self.who, self.ttl, self._revoked)
        self._prolong(sent)

    @property
    def held(self) -> bool:
        """Tell whether it is alive at this moment, by the clock."""
        return not self._over.is_set() and self.clock.monotonic() < self.deadline and os.getpid() == self._pid

    def remaining(self) -> timedelta:
        return timedelta(seconds=max(0.0, self.deadline - self.clock.monotonic()))

    def look(self) -> None:
        if os.getpid() != self._pid:
            self._lose("session", "does not belong to this process, a copy of the one that took it")
        elif not self._over.is_set() and self.clock.monotonic() >= self.deadline:
            if self._fault is not None:
                self._lose("unreachable", f"was lost: {self._fault}")
            else:
                self._lose("expired", "was lost: it could not be renewed in time")

    async def wait_lost(self) -> None:
        """Return when it is over."""
        await self._over.wait()

    def next_claim(self, name: str) -> Claim:
        """Return a claim that this session never made before."""
        self._used = self.clock.monotonic()
        return Claim(self.id, name, str(next(self._nonces)))

    async def stand(self, claim: Claim, value: bytes, *, wait: bool) -> Token | None:
        """Wait in line. Raises `SessionLost` also when this process alone knows of it: nothing need answer."""
        if not self.held:
            self.look()
            raise SessionLost("The session of this process is over. Ask again: a new one begins.")
        place = Interruption()
        place.enter()
        self._standing[place] = claim.name
        kind: type[BaseException] | None = None
        try:
            return await self.line.claim(claim, value, wait=wait)
        except SessionLost:
            self.lapse()
            raise
        except asyncio.CancelledError as error:
            kind = type(error)
            raise
        finally:
            del self._standing[place]
            if place.leave(kind):
                raise SessionLost("The session of this process was lost while it waited. Ask again.")

    def bear(self, lease: Lease) -> bool:
        """Take a lease that was just granted; False if this session is over already."""
        if self.held:
            self._leases[lease.claim.name, lease.token] = lease
            return True
        self.look()
        return False

    async def give_back(self, lease: Lease) -> bool:
        self._leases.pop((lease.claim.name, lease.token), None)
        return await self._settle(lease.claim)

    async def proclaim(self, lease: Lease, value: bytes) -> bool:
        return await self.line.proclaim(lease.claim, value)

    async def withdraw(self, claim: Claim) -> None:
        """Leave the queue, or give back what was granted meanwhile. What cannot be done now is done later: a place that
        nobody stands at must not be served."""
        with suppress(CoordinationError, TimeoutError):
            async with asyncio.timeout(WITHDRAWAL.total_seconds()):
                await self._settle(claim)

    def lapse(self) -> None:
        """The backend says that it is over."""
        self._ended_there = True
        self._lose("session", "was lost: the session of this process lapsed or was ended at the backend")

    async def keep(self) -> None:
        """Keep it alive until it is lost."""
        async with together() as group:
            tasks = [group.create_task(self._renew()), group.create_task(self._watch())]
            await self._over.wait()
            for task in tasks:
                task.cancel()
        await self.end()

    async def end(self) -> None:
        """End it at the backend too, so that nobody waits for it to lapse there."""
        if not self._over.is_set():
            self._lose("session", "ended with this program")
        if not self._ended_there:
            self._ended_there = True
            with suppress(CoordinationError, TimeoutError):
                async with asyncio.timeout(min(self.ttl / RENEWALS, LONGEST_FAREWELL).total_seconds()):
                    await self.line.end(self.id)

    async def _watch(self) -> None:
        while self.held:
            left = self.deadline - self.clock.monotonic()
            nap = NAP if self._leases else self.ttl / TICKS
            await self.clock.sleep(min(timedelta(seconds=max(left, 0.0)) + timedelta.resolution, nap))
        self.look()

    async def _renew(self) -> None:
        due = self.clock.monotonic() + self.ttl.total_seconds() / RENEWALS
        while self.held:
            await self.clock.sleep(self.ttl / TICKS)
            if self._overdue or self.clock.monotonic() >= due:
                sent = self.clock.monotonic()
                if await self._renewed():
                    due = sent + self.ttl.total_seconds() / RENEWALS
                if self._idle(sent):
                    self._lose("session", "ended because nobody used it")

    @property
    def _overdue(self) -> frozenset[Claim]:
        """What is to be given back and nobody is giving back just now: of two releases under way the second may come
        first, and the other one would call lost what it finds gone."""
        return frozenset(self._debts - self._settling)

    async def _settle(self, claim: Claim) -> bool:
        """Give a claim back. It is owed until somebody hears that this was done; tell whether it was held until now."""
        self._debts.add(claim)
        self._settling.add(claim)
        try:
            held = await self.line.release(claim)
        finally:
            self._settling.discard(claim)
        self._debts.discard(claim)
        return held

    def _idle(self, now: float) -> bool:
        in_use = self._stays or self._leases or self._standing or self._debts
        return not in_use and now - self._used > IDLE * self.ttl.total_seconds()

    async def _renewed(self) -> bool:
        """Settle debts, then renew; tell whether both were done. A request that hangs is given up for another try."""
        silent = CoordinationUnavailable(f"{self.line.promises.backend} does not answer.")
        self._fault = self._fault or silent  # until it does: giving up may hang as well
        try:
            async with asyncio.timeout((self.ttl / RENEWALS).total_seconds()):
                for claim in self._overdue:
                    await self._settle(claim)
                sent, expected = self.clock.monotonic(), list(self._leases)
                granted = await self.line.renew(self.id)
        except SessionLost:
            self.lapse()
            return False
        except TimeoutError:
            self._fault = silent
            self.line.failed(silent)
            return False
        except CoordinationError as error:
            self._fault = error
            return False
        if not self.held:
            self.look()
            return False
        self._prolong(sent)
        for name, token in expected:
            if (name, token) not in granted:
                self._revoked(name, token)
        await self._disown(granted)
        return True

    async def _disown(self, granted: frozenset[tuple[str, Token]]) -> None:
        """Give back what was granted to nobody: a claim that was cancelled under way can reach the backend after the
        release that followed it."""
        known = {*self._standing.values(), *(claim.name for claim in self._debts)}
        with suppress(CoordinationError, TimeoutError):
            async with asyncio.timeout(WITHDRAWAL.total_seconds()):
                for name, token in granted - self._leases.keys():
                    if name not in known:
                        await self.line.revoke(name, token)

    def _prolong(self, sent: float) -> None:
        self._fault = None
        self.deadline = sent + (self.ttl - self._margin).total_seconds()

    def _revoked(self, name: str, token: Token) -> None:
        lease = self._leases.pop((name, token), None)
        if lease is not None:
            lease.end("revoked", "was taken away: by force, or because this process was cut off from the backend")

    def _lose(self, reason: str, how: str) -> None:
        if self._over.is_set():
            return
        self._over.set()
        leases = list(self._leases.values())
        self._leases.clear()
        self._debts.clear()
        for lease in leases:
            lease.end(reason, how)
        for place in self._standing:
            place.strike()
