"""Holding targets while they are written: leases taken, renewed in the background, given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from engine.errors import Locked, SyncdeckError
from engine.reconcile.acting.means import Means
from engine.reconcile.history import Lease
from engine.together import together

LEASE_TTL = timedelta(seconds=60)
"""How long a target stays locked after its holder vanished without a trace."""


class Holding:
    """The leases of one run by target; each is the newest renewal."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}

    def of(self, target: str) -> Lease:
        """Return the lease of a target."""
        return self._leases[target]

    def put(self, target: str, lease: Lease) -> None:
        """Note a new or renewed lease."""
        self._leases[target] = lease

    def targets(self) -> Sequence[str]:
        """Return the targets held."""
        return tuple(self._leases)


def lease_name(target: str) -> str:
    """Return the lock's name: two syncs that write to one adapter exclude each other."""
    return f"target:{target}"


@asynccontextmanager
async def holding(means: Means, targets: Sequence[str]) -> AsyncIterator[Holding]:
    """Hold the leases of these targets for as long as the block runs.

    Raises `Locked` when another holds one of them; the block is cancelled, and `Locked` raised, when one is lost.
    """
    held = Holding()
    async with AsyncExitStack() as stack:
        for target in sorted(set(targets)):
            held.put(target, await means.journal.take_lease(lease_name(target), means.holder, LEASE_TTL, means.now()))
            stack.push_async_callback(_give_back, means, held, target)
        async with together() as group:
            keeper = group.create_task(_keep(means, held))
            yield held
            keeper.cancel()


async def _keep(means: Means, held: Holding) -> None:
    while True:
        await means.clock.sleep(LEASE_TTL / 3)
        for target in held.targets():
            try:
                held.put(target, await means.journal.renew_lease(held.of(target), LEASE_TTL, means.now()))
            except SyncdeckError as error:
                raise Locked(f"The run lost its hold on {target} and stopped: {error}") from error


async def _give_back(means: Means, held: Holding, target: str) -> None:
    await means.journal.release_lease(held.of(target))
