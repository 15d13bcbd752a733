"""What the leader of the election `cron` does: sleeps until something is due, fires it, sweeps what is old.

It keeps nothing in mind that it could not read again: whoever leads next starts from the ledger. The wall clock is read
anew at every turn, so a clock that is set is noticed after `LONGEST_NAP` at the latest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

from engine.coordination.alarm import Alarm
from engine.coordination.ground import Fencing, Ground
from engine.coordination.naming import FIRE, PLAN, TASK
from engine.coordination.promises import Feature
from engine.coordination.scheduling.due import check_plan, next_moment
from engine.coordination.scheduling.fires import Plan
from engine.coordination.scheduling.firing import CheckLead, Firing
from engine.coordination.scheduling.ledger import NODE, PAUSE, Ledger, read_fire
from engine.coordination.standing import Change, Fence, Kind
from engine.coordination.working.lifecycle import ENDED
from engine.coordination.working.task import TaskId
from engine.coordination.working.task_book import read_task
from engine.coordination.working.tasks import Tasks
from engine.errors import CoordinationError, CoordinationUnavailable
from engine.together import together

LONGEST_NAP: Final = timedelta(seconds=15)
SWEEP: Final = timedelta(hours=1)
AGAIN: Final = timedelta(seconds=1)

Stepped = Callable[[], Awaitable[object]]
"""Returns when the wall clock was set."""


class Item:
    """A schedule on the leader's agenda."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.next: datetime | None = None
        self.blocking: TaskId | None = None
        """The task whose end a fire waits for."""
        self.to_see_to = True
        """Whatever the time is."""


class Presiding:
    """One leadership."""

    def __init__(
        self, ground: Ground, ledger: Ledger, tasks: Tasks, fixed: Mapping[str, Plan], stepped: Stepped | None
    ) -> None:
        self._ground = ground
        self._ledger = ledger
        self._tasks = tasks
        self._fixed = fixed
        self._stepped = stepped
        self._firing = Firing(ground, ledger, tasks)
        self._fenced = Feature.FENCED_WRITE not in ground.store.promises.refusals
        self._agenda: dict[str, Item] = {}
        self._plans_changed = True
        self._alarm = Alarm()

    async def run(self, lead: Fencing) -> None:
        """Preside until cancelled. Raises `LeaseLost`."""
        async with together() as group:
            group.create_task(self._listen())
            group.create_task(self._sweep())
            if self._stepped is not None:
                group.create_task(self._hear_steps(self._stepped))
            while True:
                pause = await self._turn(lead)
                await self._alarm.wait(self._ground.clock, pause)

    async def _turn(self, lead: Fencing) -> timedelta:
        """See to everything that is due; return for how long nothing will be."""
        lead.check()
        try:
            if self._plans_changed:
                await self._read_plans()
            for item in list(self._agenda.values()):
                if item.to_see_to or (item.next is not None and item.next <= self._ground.clock.now()):
                    await self._see_to(item, lead)
        except CoordinationUnavailable:
            return AGAIN
        moments = [item.next for item in self._agenda.values() if item.next is not None]
        left = min(moments) - self._ground.clock.now() if moments else LONGEST_NAP
        return min(max(left, timedelta(milliseconds=1)), LONGEST_NAP)

    async def _see_to(self, item: Item, lead: Fencing) -> None:
        item.to_see_to = False
        try:
            now = self._ground.clock.now()
            item.blocking = await self._firing.attend(item.plan, self._check(lead))
            item.next = None if item.plan.paused else next_moment(item.plan, now)
        except CoordinationUnavailable:
            item.to_see_to = True
            raise

    def _check(self, lead: Fencing) -> CheckLead:
        def check() -> Fence | None:
            lead.check()
            return lead.fence if self._fenced else None

        return check

    async def _read_plans(self) -> None:
        self._plans_changed = False
        try:
            plans = await self._ledger.plans(self._fixed)
        except CoordinationUnavailable:
            self._plans_changed = True
            raise
        before, self._agenda = self._agenda, {}
        for name, plan in plans.items():
            known = before.get(name)
            if known is not None and known.plan == plan:
                self._agenda[name] = known
            elif usable(plan):
                self._agenda[name] = Item(plan)

    async def _sweep(self) -> None:
        """Sweep now and then, beside what is due: where much is old it takes its time."""
        while True:
            pause = SWEEP
            try:
                await self._tasks.sweep()
                known = frozenset(await self._ledger.plans(self._fixed))
                await self._ledger.sweep_stale(known, self._ground.clock.now())
            except CoordinationUnavailable:
                pause = AGAIN
            await self._ground.clock.sleep(pause)

    async def _listen(self) -> None:
        async with aclosing(self._ground.feed.changes(PLAN, PAUSE, NODE, FIRE, TASK)) as changes:
            async for change in changes:
                if change.kind is Kind.SYNCED:
                    self._plans_changed = True
                    for item in self._agenda.values():
                        item.to_see_to = True
                elif change.name.startswith((PLAN, PAUSE, NODE)):
                    self._plans_changed = True
                elif not self._concerns_an_item(change):
                    continue
                self._alarm.ring()

    def _concerns_an_item(self, change: Change) -> bool:
        """Note which schedule a task's end, or a fire by hand whose task has to wait, is about."""
        if change.name.startswith(FIRE):
            fire = read_fire(change.entry) if change.entry is not None else None
            concerned = [self._agenda.get(fire.schedule)] if fire is not None and fire.by_hand else []
        else:
            task_id = change.name.removeprefix(TASK)
            concerned = [item for item in self._agenda.values() if item.blocking == task_id]
            task = read_task(change.entry) if concerned and change.entry is not None else None
            if task is not None and task.state not in ENDED:
                return False
        for item in concerned:
            if item is not None:
                item.to_see_to = True
        return bool(concerned)

    async def _hear_steps(self, stepped: Stepped) -> None:
        while True:
            await stepped()
            self._alarm.ring()


def usable(plan: Plan) -> bool:
    """Tell whether a plan can be followed; one of a newer version may not be."""
    try:
        check_plan(plan)
    except CoordinationError:
        return False
    return True
