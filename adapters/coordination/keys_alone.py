"""What a backend that keeps keys and nothing else answers to whoever asks for more: its own sentence, and nothing is
sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from engine.coordination.promises import Feature
from engine.coordination.standing import Change, Claim, ClaimStanding, Entry, SessionId, Token, Who
from engine.coordination.store import Revoked, Store
from engine.errors import NotSupported


class KeysAlone(Store):
    """A store without sessions, claims, lists and changes; its promises refuse all of them."""

    @property
    def streams(self) -> None:
        return None

    async def begin(self, who: Who, ttl: timedelta, revoked: Revoked) -> SessionId:
        raise self._no(Feature.LOCK)

    async def renew(self, session: SessionId) -> frozenset[tuple[str, Token]]:
        raise self._no(Feature.LOCK)

    async def end(self, session: SessionId) -> None:
        raise self._no(Feature.LOCK)

    async def claim(self, claim: Claim, value: bytes = b"", *, wait: bool = True) -> Token | None:
        raise self._no(Feature.LOCK)

    async def release(self, claim: Claim) -> bool:
        raise self._no(Feature.LOCK)

    async def revoke(self, name: str, token: Token) -> bool:
        raise self._no(Feature.LOCK)

    async def proclaim(self, claim: Claim, value: bytes) -> bool:
        raise self._no(Feature.LOCK)

    async def claims(self, prefix: str = "") -> Sequence[ClaimStanding]:
        raise self._no(Feature.LOCK)

    async def entries(self, prefix: str = "", *, after: str = "", limit: int = 1_000) -> Sequence[Entry]:
        raise self._no(Feature.LIST)

    def follow(self) -> AsyncIterator[Change]:
        raise self._no(Feature.WATCH)

    def _no(self, feature: Feature) -> NotSupported:
        return NotSupported(self.promises.refusals[feature])
