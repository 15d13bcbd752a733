"""The locks of targets, kept by coordination: runs of all nodes that share a backend exclude one another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from uuid import uuid4

from engine.coordination.coordination import Coordination
from engine.coordination.holding.lease import Lease
from engine.coordination.naming import SPACE
from engine.coordination.standing import ABSENT
from engine.coordination.store import Keys
from engine.errors import CoordinationUnavailable, HolderSilent, KeyChanged, LeaseLost
from engine.notices import Notice, Notices
from engine.reconcile.ports import Hold, Locks

LONGEST_PATIENCE = timedelta(minutes=1)
"""With a holder that gives no sign of life; where it takes longer to be sure, somebody has to decide."""


class CoordinatedLocks(Locks):
    """Takes a lock without waiting: whoever plans looks again later, and a person wants to know who is at it. Only a
    holder that may be dead is waited for, until that is certain: otherwise those who come and go would never know."""

    def __init__(self, coordination: Coordination, notices: Notices) -> None:
        self._coordination = coordination
        self._notices = notices

    @asynccontextmanager
    async def hold(self, name: str, note: str) -> AsyncIterator[Hold]:
        async with AsyncExitStack() as stack:
            try:
                lease = await stack.enter_async_context(self._lock(name, note, timedelta()))
            except HolderSilent as silent:
                if silent.patience > LONGEST_PATIENCE:
                    raise
                self._notices.publish(
                    Notice(topic="lock.silent", subject=name, detail=f"{silent} This run waits for that.")
                )
                lease = await stack.enter_async_context(self._lock(name, note, silent.patience))
            yield _LeaseHold(lease, await space_of(self._coordination.line))

    def _lock(self, name: str, note: str, wait: timedelta) -> AbstractAsyncContextManager[Lease]:
        return self._coordination.lock(name, wait=wait, note=note, cancel_on_loss=False)


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
