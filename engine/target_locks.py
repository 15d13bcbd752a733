"""The locks of targets, kept by coordination: runs of all nodes that share a backend exclude one another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import uuid4

from engine.coordination.coordination import Coordination
from engine.coordination.holding.lease import Lease
from engine.coordination.naming import SPACE
from engine.coordination.standing import ABSENT
from engine.coordination.store import Keys
from engine.errors import CoordinationUnavailable, KeyChanged, LeaseLost
from engine.reconcile.ports import Hold, Locks


class CoordinatedLocks(Locks):
    """Takes a lock without waiting: whoever plans looks again later, and a person wants to know who is at it."""

    def __init__(self, coordination: Coordination) -> None:
        self._coordination = coordination

    @asynccontextmanager
    async def hold(self, name: str, note: str) -> AsyncIterator[Hold]:
        taking = self._coordination.lock(name, wait=timedelta(), note=note, cancel_on_loss=False)
        async with taking as lease:
            yield _LeaseHold(lease, await space_of(self._coordination.line))


class _LeaseHold(Hold):
    def __init__(self, lease: Lease, space: str) -> None:
        self._lease = lease
        self._space = space

    @property
    def token(self) -> int:
        return self._lease.token

    @property
    def space(self) -> str:
        return self._space

    def check(self) -> None:
        self._lease.check()

    async def lost(self) -> LeaseLost:
        lost = await self._lease.wait_lost()
        if lost is not None:
            return lost
        return LeaseLost(
            f"{self._lease.name} was given back.", name=self._lease.name, token=self.token, reason="released"
        )


async def space_of(keys: Keys) -> str:
    """Return what tells this backend's tokens from those of another, or of the same one after it lost everything: a
    server without a disk begins to count anew, and tokens of before must not outdate those of now."""
    found = await keys.get(SPACE)
    if found is None:
        with suppress(KeyChanged):  # somebody else was faster
            await keys.put(SPACE, uuid4().hex.encode(), expected=ABSENT)
        found = await keys.get(SPACE)
    if found is None:
        raise CoordinationUnavailable("The backend lost a key that was written just now. Nothing was done; try again.")
    return found.value.decode()
