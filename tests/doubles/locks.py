"""Locks of targets in a dict: several engines of one test share them, and a test can take one away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine.errors import LeaseLost, Locked
from engine.reconcile.ports import Hold, Locks


@dataclass(slots=True, eq=False)
class HeldLock(Hold):
    """One grant."""

    name: str
    number: int
    note: str
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    """By the clock: whoever looks sees it, and nobody was told."""

    @property
    def token(self) -> int:
        return self.number

    @property
    def space(self) -> str:
        return "test"

    def check(self) -> None:
        if self.gone.is_set() or self.over:
            raise self._error()

    async def lost(self) -> LeaseLost:
        await self.gone.wait()
        return self._error()

    def _error(self) -> LeaseLost:
        return LeaseLost(f"{self.name} was taken away.", name=self.name, token=self.number, reason="revoked")


@dataclass
class SharedLocks(Locks):
    """The locks of all processes of a test."""

    held: dict[str, HeldLock] = field(default_factory=dict)
    granted: int = 0
    overtaking: Callable[[], Awaitable[object]] | None = None
    """Done once, just before the next lock is taken: somebody else is faster."""
    holding_up: Callable[[HeldLock], Awaitable[object]] | None = None
    """Done once, just after the next lock was taken: whoever has it is held up before he does anything with it."""

    @asynccontextmanager
    async def hold(self, name: str, note: str) -> AsyncIterator[HeldLock]:
        if (overtaking := self.overtaking) is not None:
            self.overtaking = None
            await overtaking()
        if (other := self.held.get(name)) is not None:
            raise Locked(f"Somebody holds {name} for {other.note}.")
        self.granted += 1
        mine = self.held[name] = HeldLock(name, self.granted, note)
        if (holding_up := self.holding_up) is not None:
            self.holding_up = None
            await holding_up(mine)
        try:
            yield mine
        finally:
            if self.held.get(name) is mine:
                del self.held[name]

    def revoke(self, name: str) -> None:
        """Take a lock away from whoever holds it."""
        self.held.pop(name).gone.set()

    def lapse(self, name: str) -> None:
        """Let the time of whoever holds a lock be over, as after a long sleep: nobody tells him."""
        self.held.pop(name).over = True
