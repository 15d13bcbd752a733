"""Holding targets while they are written.

Two things are held: the lock, which excludes all other processes and nodes, and under it a lease in the journal, whose
token every intent is checked with: a run that lost the lock and does not know it yet can write no more intents.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from engine.errors import LeaseLost, Locked, SyncdeckError
from engine.reconcile.acting.means import Means
from engine.reconcile.history import Grant, Lease
from engine.reconcile.ports import Hold
from engine.together import together

LEASE_TTL = timedelta(seconds=60)
"""How long a target stays locked after its holder vanished without a trace."""


class Holding:
    """What one run holds of each target: the lock, and the newest renewal of the lease."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._holds: dict[str, Hold] = {}

    def of(self, target: str) -> Lease:
        """Return the lease of a target. Raises `Locked` when its lock is lost."""
        try:
            self._holds[target].check()
        except LeaseLost as error:
            raise _gone(target, error) from error
        return self._leases[target]

    def held(self, target: str) -> Lease:
        """Return the lease, also when it holds no more."""
        return self._leases[target]

    def hold(self, target: str, hold: Hold) -> None:
        """Note a lock."""
        self._holds[target] = hold

    def put(self, target: str, lease: Lease) -> None:
        """Note a new or renewed lease."""
        self._leases[target] = lease

    async def lost(self, target: str) -> None:
        """Wait until a target's lock is lost; then raise `Locked`."""
        error = await self._holds[target].lost()
        raise _gone(target, error) from error

    def targets(self) -> Sequence[str]:
        """Return the targets held."""
        return tuple(self._leases)


def _gone(target: str, error: SyncdeckError) -> Locked:
    return Locked(f"The run lost its hold on {target} and stopped: {error}")


def lease_name(target: str) -> str:
    """Return the lock's name: two syncs that write to one adapter exclude each other."""
    return f"target:{target}"


@asynccontextmanager
async def holding(means: Means, targets: Sequence[str], note: str) -> AsyncIterator[Holding]:
    """Hold these targets for as long as the block runs. `note` says for what.

    Raises `Locked` when another holds one of them; the block is cancelled, and `Locked` raised, when one is lost.
    """
    held = Holding()
    async with AsyncExitStack() as stack:
        for target in sorted(set(targets)):
            name = lease_name(target)
            hold = await stack.enter_async_context(means.locks.hold(name, note))
            grant = Grant(space=hold.space, token=hold.token)
            lease = await means.journal.take_lease(name, means.holder, LEASE_TTL, means.now(), grant)
            held.hold(target, hold)
            held.put(target, lease)
            stack.push_async_callback(_give_back, means, held, target)
        async with together() as group:
            watching = [group.create_task(held.lost(target)) for target in held.targets()]
            watching.append(group.create_task(_keep(means, held)))
            yield held
            for task in watching:
                task.cancel()


async def _keep(means: Means, held: Holding) -> None:
    while True:
        await means.clock.sleep(LEASE_TTL / 3)
        for target in held.targets():
            try:
                held.put(target, await means.journal.renew_lease(held.held(target), LEASE_TTL, means.now()))
            except SyncdeckError as error:
                raise _gone(target, error) from error


async def _give_back(means: Means, held: Holding, target: str) -> None:
    await means.journal.release_lease(held.held(target))
