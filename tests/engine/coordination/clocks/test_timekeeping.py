"""Timekeeping asks its sources, shares measurements, ages what it knows, and notices when the clock is set."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.coordination.clocks.timekeeping import LOOK, Timekeeping, TimeSource
from engine.coordination.clocks.timing import HOST, Reading, Step
from tests.doubles.clock import ManualClock

MILLISECOND = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
EVERY = timedelta(minutes=5)


class Teller(TimeSource):
    """A source that says what the test wants; each time it is asked it may do something first."""

    def __init__(self, clock: ManualClock, name: str = HOST, offset: timedelta | None = None) -> None:
        self.asked = 0
        self.offset = offset
        self.released = asyncio.Event()
        self.released.set()
        self.clock = clock
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def read(self) -> Reading:
        self.asked += 1
        await self.released.wait()
        error = None if self.offset is None else MILLISECOND
        return Reading(source=self.name, offset=self.offset, error=error, at=self.clock.now())


class World:
    """A clock, its sources, and what was told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.host = Teller(self.clock)
        self.server = Teller(self.clock, "ntp.example", timedelta(0))
        self.told: list[str] = []
        self.timekeeping = Timekeeping(self.clock, self.host, [self.server], tell=self.told.append, every=EVERY)


@pytest.fixture
def world() -> World:
    return World()


async def test_nobody_is_asked_before_somebody_wants_to_know(world: World) -> None:
    assert world.timekeeping.standing().readings == ()
    assert world.server.asked == world.host.asked == 0


async def test_a_measurement_asks_the_host_and_every_server(world: World) -> None:
    standing = await world.timekeeping.measure()
    assert [reading.source for reading in standing.readings] == [HOST, "ntp.example"]
    assert standing.offset == timedelta(0)
    assert standing == world.timekeeping.standing()
    assert world.told == ["clock.measured"]


async def test_what_was_measured_long_ago_is_worth_less(world: World) -> None:
    fresh = (await world.timekeeping.measure()).error
    world.clock.jump(timedelta(hours=1))
    stale = world.timekeeping.standing().error
    assert fresh is not None
    assert stale is not None
    assert stale - fresh == 54 * MILLISECOND


async def test_whoever_asks_while_others_measure_shares_their_measurement(world: World) -> None:
    world.server.released.clear()
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(world.timekeeping.measure())
        await world.clock.settle()
        world.clock.jump(MILLISECOND)
        world.server.released.set()
    assert world.server.asked == 1


async def test_whoever_asks_afterwards_gets_a_new_one(world: World) -> None:
    await world.timekeeping.measure()
    world.clock.jump(MILLISECOND)
    await world.timekeeping.measure()
    assert world.server.asked == 2


@pytest.mark.parametrize("by", [timedelta(hours=1), -MINUTE, timedelta(milliseconds=150)])
async def test_a_clock_that_is_set_is_noticed_and_old_readings_count_no_more(world: World, by: timedelta) -> None:
    await world.timekeeping.measure()
    world.clock.set_wall(by)
    standing = world.timekeeping.standing()
    assert standing.step is not None
    assert abs(standing.step - by) < MILLISECOND
    assert standing.stepped == world.clock.now()
    assert standing.readings == ()
    assert world.told[-1] == "clock.stepped"


async def test_time_that_passes_is_no_step(world: World) -> None:
    await world.timekeeping.measure()
    world.clock.jump(timedelta(days=100))
    assert world.timekeeping.standing().step is None


async def test_a_clock_that_is_set_during_a_measurement_is_measured_again(world: World) -> None:
    world.server.released.clear()
    async with asyncio.TaskGroup() as group:
        measuring = group.create_task(world.timekeeping.measure())
        await world.clock.settle()
        world.clock.set_wall(MINUTE)
        world.server.released.set()
    assert world.server.asked == 2
    assert measuring.result().offset == timedelta(0)


async def test_it_measures_again_and_again(world: World) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.timekeeping.run())
        await world.clock.advance(2 * EVERY + LOOK)
        running.cancel()
    assert world.server.asked == 3


async def test_it_measures_at_once_when_the_clock_was_set(world: World) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.timekeeping.run())
        await world.clock.advance(MINUTE)
        world.clock.set_wall(-MINUTE)
        await world.clock.advance(LOOK)
        assert world.server.asked == 2
        await world.clock.advance(MINUTE)
        running.cancel()
    assert world.server.asked == 2
    assert world.timekeeping.standing().offset == timedelta(0)


async def test_whoever_plans_by_the_clock_hears_when_it_is_set(world: World) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.timekeeping.run())
        heard: list[asyncio.Task[Step]] = [group.create_task(world.timekeeping.next_step()) for _ in range(2)]
        await world.clock.advance(MINUTE)
        assert not any(each.done() for each in heard)
        world.clock.set_wall(MINUTE)
        await world.clock.advance(LOOK)
        running.cancel()
    assert [each.result().by for each in heard] == [heard[0].result().by] * 2
    assert abs(heard[0].result().by - MINUTE) < MILLISECOND
