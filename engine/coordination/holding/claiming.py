"""How a claim is made good: wait in line, go on after whatever passes, leave no place behind."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol, TypeVar

from msgspec import Struct

from engine.coordination.holding.keeper import Keeper
from engine.coordination.holding.lease import Bearer, Lease
from engine.coordination.holding.session import OwnSession
from engine.coordination.means import Means
from engine.coordination.naming import check_value, full_name
from engine.coordination.standing import Claim, ClaimStanding, Token
from engine.errors import CoordinationError, CoordinationUnavailable, HolderSilent, Locked, SessionLost

FIRST_PAUSE = timedelta(milliseconds=50)
LONGEST_PAUSE = timedelta(seconds=1)
"""Before asking a silent backend again: doubled each time in vain."""

LOOKING = timedelta(milliseconds=500)
"""How long somebody who did not get it waits to hear who has it."""

WAIT_LONGER = "Wait longer, or look who holds it with syncdeck locks."

L = TypeVar("L", bound=Lease)
L_co = TypeVar("L_co", bound=Lease, covariant=True)


class MakeLease(Protocol[L_co]):
    """A kind of lease."""

    @abstractmethod
    def __call__(self, bearer: Bearer, claim: Claim, name: str, token: Token, since: datetime) -> L_co:
        """Make one of a grant."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What somebody wants to hold."""

    name: str
    prefix: str
    value: bytes = b""
    ttl: timedelta | None = None
    wait: timedelta | None = None
    """None: for ever; zero: not at all."""

    @property
    def waits(self) -> bool:
        return self.wait is None or self.wait > timedelta()


class Claiming:
    """One attempt to hold something."""

    def __init__(self, sessions: Keeper, means: Means, wanted: Wanted) -> None:
        self._sessions = sessions
        self._means = means
        self._wanted = wanted
        self._place: tuple[OwnSession, Claim] | None = None
        self._fault: CoordinationUnavailable | None = None

    async def obtain(self, make: MakeLease[L]) -> L:
        """Return the lease. Raises `Locked` when the wait is over, `CoordinationUnavailable` when the backend cannot be
        reached to begin with, or was not heard of when the wait is over."""
        full_name(self._wanted.prefix, self._wanted.name)
        check_value(self._wanted.value)
        try:
            if self._wanted.wait is None or not self._wanted.waits:
                return await self._obtain(make)
            async with asyncio.timeout(self._wanted.wait.total_seconds()):
                return await self._obtain(make)
        except TimeoutError:
            raise self._fault or await self._in_vain() from None

    async def _obtain(self, make: MakeLease[L]) -> L:
        session = await self._sessions.session(self._wanted.ttl)
        try:
            while True:
                try:
                    token = await self._stand(session)
                    lease = make(session, self._claim(session), self._wanted.name, token, self._means.clock.now())
                    if session.bear(lease):
                        return lease
                except SessionLost:
                    pass
                session = await self._again()
        except BaseException:
            await self._withdraw()
            raise

    async def _stand(self, session: OwnSession) -> Token:
        """Wait in one session's line, asking again with the same claim when no answer came."""
        claim = self._claim(session)
        pause = FIRST_PAUSE
        while True:
            try:
                token = await session.stand(claim, self._wanted.value, wait=self._wanted.waits)
            except CoordinationUnavailable as error:
                if not self._wanted.waits:
                    raise
                self._fault = error
                await self._means.clock.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            except HolderSilent as error:
                raise await self._silent(error.patience) from error
            self._fault = None
            if token is None:
                raise await self._locked()
            return token

    def _claim(self, session: OwnSession) -> Claim:
        if self._place is None or self._place[0] is not session:
            self._place = (session, session.next_claim(self._wanted.prefix + self._wanted.name))
        return self._place[1]

    async def _again(self) -> OwnSession:
        """Return a new session for one that was lost, as soon as the backend gives one."""
        self._place = None
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._sessions.session(self._wanted.ttl)
            except CoordinationUnavailable as error:
                if not self._wanted.waits:
                    raise
                self._fault = error
                await self._means.clock.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _withdraw(self) -> None:
        if self._place is not None:
            session, claim = self._place
            self._place = None
            await session.withdraw(claim)

    async def _in_vain(self) -> Locked | CoordinationUnavailable:
        """Return why it was not had in time: because of who has it, or of a backend that nobody heard of."""
        try:
            held = _held(self._wanted.name, await self._look())
        except (CoordinationError, TimeoutError):
            return CoordinationUnavailable(
                f"{self._wanted.name} was not had in time, and {self._sessions.line.promises.backend} does not answer. "
                "See whether it is up, and try again."
            )
        return Locked(f"{held} {WAIT_LONGER}")

    async def _locked(self) -> Locked:
        """Return the refusal, with who holds it if that can be told soon."""
        return Locked(f"{await self._who_holds_it()} {WAIT_LONGER}")

    async def _silent(self, patience: timedelta) -> HolderSilent:
        """Return the refusal of somebody who may be dead."""
        seconds = ceil(patience.total_seconds())
        return HolderSilent(
            f"{await self._who_holds_it()} It gives no sign of life. Wait for {seconds} s: if it is dead, it is passed "
            "over then.",
            patience=patience,
        )

    async def _who_holds_it(self) -> str:
        try:
            return _held(self._wanted.name, await self._look())
        except (CoordinationError, TimeoutError):
            return _held(self._wanted.name, None)

    async def _look(self) -> ClaimStanding | None:
        """Return how the name stands, if that can be told soon."""
        name = self._wanted.prefix + self._wanted.name
        async with asyncio.timeout(LOOKING.total_seconds()):
            claims = await self._sessions.line.claims(name)
        return next((claim for claim in claims if claim.name == name), None)


def _held(name: str, claim: ClaimStanding | None) -> str:
    if claim is None or claim.holder is None:
        return f"{name} was held by somebody else."
    who = claim.holder.who
    purpose = f" ({who.purpose})" if who.purpose else ""
    return (
        f"{who.actor} on {who.node}{purpose}, process {who.pid}, holds {name} since "
        f"{claim.holder.since:%Y-%m-%d %H:%M:%S} UTC."
    )
