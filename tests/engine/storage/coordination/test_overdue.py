"""Whatever is over is over for whoever asks next, also when nobody has looked since: a session, its holds, its places
in line, a key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.coordination.standing import Claim, Fence, SessionId
from engine.coordination.store import Store
from engine.errors import LeaseLost, SessionLost
from engine.storage.coordination.store import SqliteStore
from tests.engine.storage.coordination.neighbour import NAMESPACE, who

SHORT = timedelta(seconds=60)
LONG = 10 * SHORT


class ClockThatJumps(SystemClock):
    """What a machine that was suspended sees: time is over, and nobody who sleeps was woken yet."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def jump(self) -> None:
        """Let go by what a short session lives, and not what a long one does."""
        self.ahead += 2 * SHORT.total_seconds()


@pytest.fixture
def clock() -> ClockThatJumps:
    return ClockThatJumps()


@pytest.fixture
async def store(path: Path, clock: ClockThatJumps) -> AsyncIterator[Store]:
    async with SqliteStore(path, clock, NAMESPACE).open() as store:
        yield store


async def session_of(store: Store, ttl: timedelta) -> SessionId:
    return await store.begin(who(), ttl, lambda name, token: None)


async def test_whoever_asks_gets_what_nobody_living_holds(store: Store, clock: ClockThatJumps) -> None:
    over, living = await session_of(store, SHORT), await session_of(store, LONG)
    token = await store.claim(Claim(over, "lock/a", "1"))
    clock.jump()

    after = await store.claim(Claim(living, "lock/a", "1"), wait=False)

    assert token is not None
    assert after is not None
    assert after > token


async def test_a_release_passes_over_a_waiter_whose_time_is_over(store: Store, clock: ClockThatJumps) -> None:
    holder, over, living = [await session_of(store, ttl) for ttl in (LONG, SHORT, LONG)]
    await store.claim(Claim(holder, "lock/a", "1"))
    async with asyncio.TaskGroup() as group:
        passed_over = group.create_task(_refused(store, Claim(over, "lock/a", "1")))
        await _waits(store, 1)
        served = group.create_task(store.claim(Claim(living, "lock/a", "1")))
        await _waits(store, 2)
        clock.jump()
        assert await store.release(Claim(holder, "lock/a", "1"))
        assert await served is not None
    assert passed_over.result()


async def _refused(store: Store, claim: Claim) -> bool:
    try:
        return await store.claim(claim) is None
    except SessionLost:
        return True


async def _waits(store: Store, count: int) -> None:
    async with asyncio.timeout(10):
        while len((await store.claims("lock/a"))[0].waiters) < count:  # noqa: ASYNC110 - a file is asked
            await asyncio.sleep(0)


async def test_a_session_whose_time_is_over_does_nothing_any_more(store: Store, clock: ClockThatJumps) -> None:
    over = await session_of(store, SHORT)
    claim = Claim(over, "lock/a", "1")
    token = await store.claim(claim)
    assert token is not None
    clock.jump()

    with pytest.raises(LeaseLost):
        await store.put("key/a", b"late", fence=Fence("lock/a", token))
    assert not await store.proclaim(claim, b"late")
    with pytest.raises(SessionLost):
        await store.claim(Claim(over, "lock/b", "2"))
    assert not await store.revoke("lock/a", token)


async def test_a_hold_that_is_over_is_not_given_back(store: Store, clock: ClockThatJumps) -> None:
    claim = Claim(await session_of(store, SHORT), "lock/a", "1")
    await store.claim(claim)
    clock.jump()

    assert not await store.release(claim)


async def test_a_session_whose_time_is_over_is_not_prolonged(store: Store, clock: ClockThatJumps) -> None:
    over = await session_of(store, SHORT)
    clock.jump()

    with pytest.raises(SessionLost):
        await store.renew(over)
    assert await store.sessions() == []


async def test_a_key_whose_time_is_over_is_not_there(store: Store, clock: ClockThatJumps) -> None:
    before = await store.put("key/a", b"", expires=SHORT)
    clock.jump()

    assert await store.get("key/a") is None
    assert await store.entries("key/") == []
    assert await store.put("key/a", b"", expected=type(before)(0)) > before
