"""Standing in line at a backend that wakes waiters by a message, and whose holders are observed."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import suppress
from datetime import timedelta

from adapters.coordination.chores import Chores
from adapters.coordination.hand_over import HandOver
from adapters.coordination.observing import LOOK_EVERY, Observer
from engine.coordination.observed import DEAF_PATIENCE, margin
from engine.coordination.standing import Claim, ClaimStanding, SessionId, Token
from engine.coordination.store import Claims
from engine.errors import CoordinationError, HolderSilent

SIGN_OF_LIFE = timedelta(seconds=1)
"""How long whoever only asks once waits for a holder to say that it is there: a busy one takes its time."""


class ClaimsInLine(Claims):
    """Claims of which `_ask` says how one is sent, and `_tell` how sessions are told something; whoever derives from it
    sets what it knows."""

    own: HandOver
    observer: Observer

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        with self.own.waiting.place(claim, value) as granted:
            token = await self._answer(claim, value, wait=wait)
            if token is None and wait:
                token = await granted
            elif token is None and await self._holder_gone(claim):
                token = await self._answer(claim, value, wait=False)
        if token is not None:
            self.own.grants.granted(claim.session, claim.name, token)
        return token

    def answer_calls(self, chores: Chores) -> None:
        """Say that the sessions of this process are there, whenever somebody asks."""
        self.own.called = lambda session, asker: chores.begin(self._say_here(session, asker))

    @abstractmethod
    async def _ask(self, claim: Claim, value: bytes, *, wait: bool) -> Token | None:
        """Send a claim, and return the token if it is granted at once. Raises `SessionLost`."""

    @abstractmethod
    async def _tell(self, session: SessionId, message: str) -> None:
        """Publish something to a session, if anybody hears it."""

    async def _answer(self, claim: Claim, value: bytes, *, wait: bool) -> Token | None:
        self.own.unanswered.add(claim)
        token = await self._ask(claim, value, wait=wait)
        self.own.unanswered.discard(claim)
        return token

    async def _holder_gone(self, claim: Claim) -> bool:
        """Tell whether whoever holds the name is over. Raises `HolderSilent`.

        A machine that lost its power leaves its line open at the server for minutes, and only who has seen its
        heart-beat stand still for long enough knows that it is dead.
        """
        standing = await self._standing(claim.name)
        holder = standing.holder if standing is not None else None
        if standing is None or holder is None or holder.session in self.own.grants.sessions:
            return False
        if await self.observer.crashed(holder.session):
            return True
        if await self._is_there(holder.session, claim.session):
            return False
        now = await self._standing(claim.name)
        if now is None or now.holder is None or now.holder.session != holder.session:
            return True
        raise _silent(claim.name, standing.ttl or timedelta())

    async def _standing(self, name: str) -> ClaimStanding | None:
        return next((claim for claim in await self.claims(name) if claim.name == name), None)

    async def _is_there(self, session: SessionId, asker: SessionId) -> bool:
        with self.own.calling(session) as answered:
            await self._tell(session, f"there\n{asker}")
            try:
                async with asyncio.timeout(SIGN_OF_LIFE.total_seconds()):
                    await answered
            except TimeoutError:
                return False
        return True

    async def _say_here(self, session: SessionId, asker: SessionId) -> None:
        with suppress(CoordinationError):  # then it looks dead, and lapses no sooner for that
            await self._tell(asker, f"here\n{session}")


def _silent(name: str, ttl: timedelta) -> HolderSilent:
    patience = ttl + margin(ttl) + 2 * LOOK_EVERY + DEAF_PATIENCE
    return HolderSilent(f"The process that holds {name} gives no sign of life.", patience=patience)
