"""A grant in this process's hands: a token, a deadline, and the word when it is lost."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from datetime import datetime, timedelta
from typing import Protocol

from engine.coordination.interruption import Interruption
from engine.coordination.standing import Claim, Fence, SessionId, Token
from engine.errors import LeaseLost


class Bearer(Protocol):
    """The session that a lease lives and dies with (`session.OwnSession`)."""

    id: SessionId
    deadline: float

    @property
    @abstractmethod
    def held(self) -> bool:
        """Tell whether it is alive at this moment, by the clock."""

    @abstractmethod
    def remaining(self) -> timedelta:
        """Return the time until its deadline."""

    @abstractmethod
    def look(self) -> None:
        """End it, with all its leases, if the deadline has passed."""

    @abstractmethod
    async def give_back(self, lease: Lease) -> bool:
        """Release the grant; if nothing is heard of it, keep trying."""

    @abstractmethod
    async def proclaim(self, lease: Lease, value: bytes) -> bool:
        """Replace the grant's value; False when it is over."""


class Lease:
    """What `async with coordination.lock(…)` gives.

    It is held until its deadline, which every renewal of the session moves on. Nothing here is remembered: `held` and
    `check` look at the clock each time they are asked. A holder that may be paused between a check and a write needs
    the token as well: the resource keeps the greatest it has seen and refuses smaller ones.
    """

    __slots__ = ("_awaiting", "_bearer", "_body", "_given_back", "_lost", "claim", "name", "since", "token")

    def __init__(self, bearer: Bearer, claim: Claim, name: str, token: Token, since: datetime) -> None:
        self.name = name
        """As it was asked for, without the prefix under which it is kept."""
        self.claim = claim
        self.token = token
        self.since = since
        """Wall time; for people."""
        self._bearer = bearer
        self._lost: LeaseLost | None = None
        self._given_back = False
        self._body: Interruption | None = None
        self._awaiting: list[asyncio.Future[None]] = []

    @property
    def held(self) -> bool:
        """Tell whether it is held at this moment. False from the deadline on, even while the event loop is blocked."""
        return self._lost is None and not self._given_back and self._bearer.held

    @property
    def lost(self) -> LeaseLost | None:
        """Return how it was lost; None if it was not."""
        if self._lost is None and not self._given_back:
            self._bearer.look()
        return self._lost

    @property
    def deadline(self) -> float:
        """Return when it will be lost unless renewed, by the clock's `monotonic`."""
        return self._bearer.deadline

    @property
    def fence(self) -> Fence:
        """Return what a write into the same backend is guarded with."""
        return Fence(self.claim.name, self.token)

    def remaining(self) -> timedelta:
        """Return the time until the deadline; zero once it is not held any more."""
        return self._bearer.remaining() if self.held else timedelta()

    def check(self) -> Token:
        """Return the token. Raises `LeaseLost` unless it is held at this moment."""
        if self.held:
            return self.token
        raise self.lost or self._no_longer("released", "was given back")

    async def wait_lost(self) -> LeaseLost | None:
        """Return how it was lost, as soon as it is; None once it was given back."""
        if self.lost is None and not self._given_back:
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._awaiting.append(told)
            try:
                await told
            finally:
                self._awaiting.remove(told)
        return self._lost

    async def release(self) -> bool:
        """Give it back before the block ends. Returns whether it was held until now; a lease that was lost frees
        nobody. Raises `CoordinationUnavailable` when nothing is heard of it: it is then given back as soon as the
        backend answers, or lapses with the session."""
        if self._given_back or not self.held:
            return False
        self._given_back = True
        self._tell()
        if await self._bearer.give_back(self):
            return True
        self._lost = self._no_longer("revoked", "was taken away")
        return False

    def end(self, reason: str, how: str) -> None:
        """Lose it: whoever waits for that is told, and the body of its block is stopped."""
        if self._lost is None and not self._given_back:
            self._lost = self._no_longer(reason, how)
            self._tell()
            if self._body is not None:
                self._body.strike()

    def stop_on_loss(self, body: Interruption) -> None:
        """Let the task that entered `body` be cancelled when the lease is lost."""
        self._body = body

    def _tell(self) -> None:
        for told in self._awaiting:
            if not told.done():
                told.set_result(None)

    def _no_longer(self, reason: str, how: str) -> LeaseLost:
        return LeaseLost(
            f"{self.name} {how.rstrip('.')} (token {self.token}). What it protects may be in other hands now.",
            name=self.name,
            token=self.token,
            reason=reason,
        )


class Leadership(Lease):
    """The lease of a leader."""

    __slots__ = ()

    async def proclaim(self, value: str) -> None:
        """Let everybody who looks see this value instead of the one before. Raises `LeaseLost`."""
        self.check()
        if not await self._bearer.proclaim(self, value.encode()):
            self.end("revoked", "was taken away by force")
            self.check()
