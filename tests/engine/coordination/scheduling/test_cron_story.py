"""Many schedulers that freeze, die, are cut off and have their clocks set, in an order that a number decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest

from engine.coordination.scheduling.fires import Fire, Outcome, Plan
from engine.coordination.scheduling.ledger import moment_text, unsubmitted
from engine.coordination.working.task import Task
from engine.errors import SyncdeckError
from engine.settings.coordination import Missed, Overlap
from engine.together import together
from tests.doubles.coordinated import Process
from tests.doubles.line_trouble import Trouble, TroubledClock
from tests.engine.coordination.world import World, assert_never_decided_anew, play

EVERY = timedelta(seconds=20)
PLANS = [
    Plan(name="latest", task="job", every=EVERY.total_seconds(), overlap=Overlap.ALLOW),
    Plan(name="all", task="job", every=EVERY.total_seconds(), missed=Missed.ALL, overlap=Overlap.ALLOW),
    Plan(name="skip", task="job", every=EVERY.total_seconds(), missed=Missed.SKIP, overlap=Overlap.FORBID),
    Plan(name="queue", task="job", every=EVERY.total_seconds(), overlap=Overlap.QUEUE),
]


class Story:
    """Schedulers, one life after another in four places."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = Random(seed)

    async def handle(self, *_: object) -> None:
        await self.world.clock.sleep(timedelta(seconds=self.chance.choice([0.1, 5.0, 30.0])))

    async def life(self, name: str) -> None:
        number = 0
        while True:
            number += 1
            trouble = Trouble(self.chance.randrange(10**9))
            trouble.lost_requests = trouble.lost_answers = 0.03
            member = self.world.member(f"{name}{number}", trouble, {"job": self.handle}, plans=PLANS)
            async with member as process, together() as group:
                campaign = group.create_task(process.cron.run())
                for _ in range(self.chance.randrange(1, 5)):
                    await self.pause(15)
                    await self.misfortune(process, trouble)
                trouble.away = self.chance.random() < 0.5
                campaign.cancel()

    async def misfortune(self, process: Process, trouble: Trouble) -> None:
        clock = process.coordination.clock._clock
        assert isinstance(clock, TroubledClock)
        match self.chance.randrange(5):
            case 0:
                trouble.freeze()
                try:
                    await self.pause(30)
                finally:  # a process that stays stopped never ends
                    trouble.thaw()
            case 1:
                trouble.away = True
                await self.pause(10)
                trouble.away = False
            case 2:
                trouble.cut()
            case 3:
                clock.wrong_by = timedelta(seconds=self.chance.uniform(-200, 200))
            case _:
                with suppress(SyncdeckError):
                    await process.cron.fire("all")

    async def pause(self, longest: float) -> None:
        await self.world.clock.sleep(timedelta(seconds=self.chance.random() * longest))


@pytest.mark.parametrize("seed", range(3))
def test_every_moment_is_decided_once_and_every_fire_has_its_one_task(seed: int) -> None:
    async def told(world: World) -> None:
        story = Story(world, seed)
        async with world.member("watch", plans=PLANS) as watch:
            async with together() as group:
                lives = [group.create_task(story.life(name)) for name in "abcd"]
                await world.clock.sleep(timedelta(minutes=6))
                for life in lives:
                    life.cancel()
            async with together() as group:
                last = group.create_task(watch.cron.run())
                work = group.create_task(watch.tasks.run({"job": story.handle}, workers=8))

                async def all_submitted() -> bool:
                    schedules = await watch.cron.schedules(fires=1_000)
                    return not any(unsubmitted(fire) for schedule in schedules for fire in schedule.fires)

                await world.until(all_submitted, 3_600)
                last.cancel()
                work.cancel()
            schedules = await watch.cron.schedules(fires=1_000)
            tasks = await watch.tasks.list(limit=10_000)
        for schedule in schedules:
            assert_complete(schedule.plan, schedule.fires)
            assert_tasks(schedule.fires, tasks)
        assert all(count == 1 for count in Counter(task.origin for task in tasks).values())
        assert_never_decided_anew(world)

    play(told)


def assert_complete(plan: Plan, fires: tuple[Fire, ...]) -> None:
    """No moment between the first and the last is left out, and none is there twice."""
    moments = sorted(fire.nominal for fire in fires if not fire.by_hand)

    assert len(moments) > 10, plan.name
    assert {later - earlier for earlier, later in pairwise(moments)} == {EVERY}, plan.name


def assert_tasks(fires: tuple[Fire, ...], tasks: Sequence[Task]) -> None:
    """Each fire has the task that its moment names, what was missed or skipped has none."""
    by_id = {task.id: task for task in tasks}
    for fire in fires:
        if fire.outcome in {Outcome.FIRED, Outcome.LATE}:
            assert fire.task is not None
            assert by_id[fire.task].origin == f"cron:{fire.schedule}@{moment_text(fire.nominal)}"
        else:
            assert fire.task is None
            assert fire.why
