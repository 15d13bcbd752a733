"""What schedules promise, whatever backend they stand on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from engine.coordination.promises import Feature
from engine.coordination.scheduling.fires import Fire, Outcome, Plan
from engine.coordination.scheduling.firing import Firing
from engine.coordination.scheduling.ledger import Ledger, moment_text
from engine.coordination.standing import Fence
from engine.settings.coordination import Overlap
from engine.together import together
from tests.contracts.store_case import Suite, until
from tests.contracts.store_sandbox import StoreSandbox
from tests.doubles.coordinated import Habits, Process, process

CRON = Suite()
NEEDS = (Feature.CRON, Feature.TASKS, Feature.ELECTION, Feature.WATCH, Feature.LIST)

EVERY_SECOND = Plan(name="tick", task="job", every=1.0, overlap=Overlap.ALLOW)


def node(
    sandbox: StoreSandbox, name: str, plans: Sequence[Plan] = (EVERY_SECOND,)
) -> AbstractAsyncContextManager[Process]:
    """Return a process of its own, with these schedules in its settings."""
    return process(sandbox.backend(), sandbox.clock, name, Habits(ttl=sandbox.long, plans=plans))


@asynccontextmanager
async def leading(*processes: Process) -> AsyncIterator[None]:
    """Let processes campaign for a block."""
    async with together() as group:
        campaigns = [group.create_task(each.cron.run()) for each in processes]
        try:
            yield
        finally:
            for campaign in campaigns:
                campaign.cancel()


async def fired(process: Process, count: int, name: str = "tick") -> list[Fire]:
    """Return the fires, oldest first, when there are so many that have their tasks."""

    async def there() -> list[Fire]:
        schedules = {each.plan.name: each.fires for each in await process.cron.schedules(fires=1_000)}
        found = list(schedules.get(name, ()))[::-1]
        return found if sum(fire.task is not None for fire in found) >= count else []

    return await until(there)


@CRON.case(*NEEDS)
async def of_several_schedulers_one_fires_each_moment_and_another_goes_on_when_it_stops(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with leading(a):
            async with leading(b):
                await fired(a, 1)
            found = await fired(a, 2)
        tasks = await b.tasks.list()

    assert len({fire.nominal for fire in found}) == len(found)
    assert {fire.nominal.microsecond for fire in found} == {0}
    assert all(count == 1 for count in Counter(task.origin for task in tasks).values())
    assert {f"cron:tick@{moment_text(fire.nominal)}" for fire in found if fire.task} <= {task.origin for task in tasks}


@CRON.case(Feature.CRON, Feature.TASKS, Feature.LIST)
async def schedulers_that_all_believe_to_lead_fire_each_moment_once(sandbox: StoreSandbox) -> None:
    def check() -> Fence | None:
        return None

    async with node(sandbox, "a") as a, node(sandbox, "b") as b, node(sandbox, "c") as c, node(sandbox, "d") as d:
        firings = [Firing(each.cron._ground, Ledger(each.coordination.line), each.tasks) for each in (a, b, c, d)]
        await firings[0].attend(EVERY_SECOND, check)
        await sandbox.clock.sleep(timedelta(seconds=1.01))
        async with asyncio.TaskGroup() as group:
            for firing in firings:
                group.create_task(firing.attend(EVERY_SECOND, check))
        found = (await a.cron.schedules())[0].fires
        tasks = await a.tasks.list()

    due = [fire for fire in found if fire.outcome is Outcome.FIRED]
    assert len({fire.nominal for fire in found}) == len(found) > 0  # one that came too late is noted as missed
    assert sorted(task.id for task in tasks) == sorted(str(fire.task) for fire in due)


@CRON.case(*NEEDS)
async def a_one_shot_fires_once_and_ends(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", []) as a, node(sandbox, "b", []) as b, leading(a, b):
        plan = Plan(name="once", task="job", at=sandbox.clock.now() + timedelta(seconds=0.5))
        await b.cron.add(plan)
        (fire,) = await fired(a, 1, "once")
        (schedule,) = await b.cron.schedules()

    assert (fire.nominal, fire.outcome, schedule.next) == (plan.at, Outcome.FIRED, None)


@CRON.case(*NEEDS)
async def a_schedule_is_added_paused_fired_and_removed_by_hand(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", []) as a, node(sandbox, "b", []) as b, leading(a):
        await b.cron.add(EVERY_SECOND)
        await fired(b, 1)
        await b.cron.pause("tick")
        (paused,) = await b.cron.schedules()
        fire = await b.cron.fire("tick")
        assert (await a.tasks.get(str(fire.task))).origin.startswith("cron:tick@")
        await b.cron.remove("tick")
        assert await a.cron.schedules() == []

    assert (paused.plan.paused, paused.next, paused.plan.added_by) == (True, None, "anna@b")
