"""Standing in line at a backend that wakes waiters by a message, and whose holders are observed."""

from __future__ import annotations

from abc import abstractmethod

from adapters.coordination.hand_over import HandOver
from adapters.coordination.observing import Observer
from engine.coordination.standing import Claim, Token
from engine.coordination.store import Claims


class ClaimsInLine(Claims):
    """Claims of which `_ask` says how one is sent; whoever derives from it sets what it knows."""

    own: HandOver
    observer: Observer

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        with self.own.waiting.place(claim, value) as granted:
            token = await self._answer(claim, value, wait=wait)
            if token is None and wait:
                token = await granted
            elif token is None and await self._holder_crashed(claim.name):
                token = await self._answer(claim, value, wait=False)
        if token is not None:
            self.own.grants.granted(claim.session, claim.name, token)
        return token

    @abstractmethod
    async def _ask(self, claim: Claim, value: bytes, *, wait: bool) -> Token | None:
        """Send a claim, and return the token if it is granted at once. Raises `SessionLost`."""

    async def _answer(self, claim: Claim, value: bytes, *, wait: bool) -> Token | None:
        self.own.unanswered.add(claim)
        token = await self._ask(claim, value, wait=wait)
        self.own.unanswered.discard(claim)
        return token

    async def _holder_crashed(self, name: str) -> bool:
        holder = next((claim.holder for claim in await self.claims(name) if claim.name == name), None)
        return holder is not None and await self.observer.crashed(holder.session)
