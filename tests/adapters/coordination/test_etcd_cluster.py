"""A cluster of three real etcd members that lose their leader, the member that is asked, or most of them, while a lock
is held: whoever holds it goes on or is stopped in time, and nobody else believes to hold it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.coordination.etcd.backend import Etcd
from engine.clock import SystemClock
from engine.coordination.coordination import Coordination
from engine.coordination.holding.lease import Lease
from engine.errors import CoordinationUnavailable, LeaseLost
from engine.settings.context import AdapterContext
from tests.contracts.store_case import soon, until
from tests.doubles.coordinated import Habits, process
from tests.servers.etcd import leader_of, start_etcd_cluster
from tests.servers.server_process import ServerProcess

TTL = timedelta(seconds=3)
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Sequence[ServerProcess]]:
    with start_etcd_cluster() as members:
        yield members


@pytest.fixture
def members(cluster: Sequence[ServerProcess]) -> Sequence[ServerProcess]:
    """The leader first, all of them running."""
    for member in cluster:
        member.well()
    leader = leader_of(cluster)
    return [leader, *(member for member in cluster if member is not leader)]


@asynccontextmanager
async def nodes(folder: Path, *ways: Sequence[ServerProcess]) -> AsyncIterator[Sequence[Coordination]]:
    """Processes on the cluster, each of which knows the members in an order of its own."""
    async with AsyncExitStack() as stack:
        opened = []
        for number, way in enumerate(ways):
            first, *others = [member.url for member in way]
            settings = Etcd.Settings(url=first, more_urls=tuple(others))
            context = AdapterContext(adapter="coordination", folder=folder, secrets=lambda reference, folder: "")
            backend = Etcd(settings, context, CLOCK, folder.name.replace("_", "-"))
            node = await stack.enter_async_context(process(backend, CLOCK, f"node-{number}", Habits(ttl=TTL)))
            opened.append(node.coordination)
        yield opened


async def waiting_at(coordination: Coordination, name: str) -> None:
    """Return when somebody waits."""

    async def somebody_waits() -> bool:
        try:
            return any(claim.waiters for claim in await coordination.locks(name))
        except CoordinationUnavailable:
            return False

    await until(somebody_waits)


async def outlives_its_ttl(lease: Lease) -> None:
    """Return when a lease was renewed by so much that it can only be by somebody who answers now."""
    end = CLOCK.monotonic() + TTL.total_seconds()

    async def renewed() -> bool:
        lease.check()
        return lease.deadline > end

    await until(renewed)


@pytest.mark.parametrize("frozen", [False, True], ids=["killed", "frozen"])
@pytest.mark.parametrize("which", ["the leader, which is asked", "another one, which is asked"])
async def test_a_holder_outlives_a_member(
    members: Sequence[ServerProcess], tmp_path: Path, which: str, frozen: bool
) -> None:
    leader, second, third = members
    victim, other = (leader, second) if which.startswith("the leader") else (second, leader)
    ways = (victim, other, third), (victim, third, other)
    async with nodes(tmp_path, *ways) as (a, b), asyncio.TaskGroup() as group:
        async with a.lock("deploy") as lease:
            later = group.create_task(token_of(b))
            await waiting_at(a, "deploy")
            (victim.pause if frozen else victim.kill)()
            await outlives_its_ttl(lease)
            assert not later.done(), "nobody else may hold it"
            await waiting_at(a, "deploy")
            assert lease.claim.session in {session.id for session in (await a.standing()).sessions}
        assert await soon(later) > lease.token


async def hold_while(coordination: Coordination, something: Callable[[], None]) -> None:
    """Let something happen while the lock is held, and hold it until it is lost, which must be at its deadline."""
    async with coordination.lock("deploy") as lease:
        try:
            something()
            await soon(asyncio.Event().wait(), TTL.total_seconds() * 3)
        finally:
            assert CLOCK.monotonic() - lease.deadline < 0.5


async def token_of(coordination: Coordination) -> int:
    async with coordination.lock("deploy") as lease:
        return lease.token


async def test_without_most_members_the_holder_is_stopped_at_its_deadline_and_with_them_work_goes_on(
    members: Sequence[ServerProcess], tmp_path: Path
) -> None:
    leader, second, third = members
    async with nodes(tmp_path, (leader, second, third), (third, second, leader)) as (a, b):

        def most_are_killed() -> None:
            second.kill()
            third.kill()

        with pytest.raises(LeaseLost, match="etcd") as lost:
            await hold_while(a, most_are_killed)
        assert lost.value.reason == "unreachable"
        with pytest.raises(CoordinationUnavailable, match=r"etcd .*(does|did) not answer.* See whether it is up"):
            async with b.lock("deploy", wait=timedelta(seconds=1)):
                pass
        second.restart()

        async def had_again() -> int:
            try:
                return await token_of(b)
            except CoordinationUnavailable:
                return 0  # a leader is being elected

        assert await until(had_again) > lost.value.token
        third.restart()
