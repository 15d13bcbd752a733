"""Schedules as people ask for them: shown, added, paused, fired; and the campaign to be the one who fires them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from engine.coordination.ground import Fencing, Ground
from engine.coordination.naming import FIRE, full_name
from engine.coordination.promises import Feature
from engine.coordination.scheduling.due import check_plan, next_moment
from engine.coordination.scheduling.fires import Fire, Plan, ScheduleStanding
from engine.coordination.scheduling.firing import Firing
from engine.coordination.scheduling.ledger import Ledger, Page, Pause, all_plans, counts_from
from engine.coordination.scheduling.presiding import Presiding, Stepped
from engine.coordination.scheduling.publishing import Publishing
from engine.coordination.working.handling import checked_payload
from engine.coordination.working.tasks import Tasks
from engine.errors import CoordinationError, CoordinationUnavailable, KeyChanged, LeaseLost, NothingFound, SessionLost
from engine.settings.spelling import did_you_mean

FIRST_PAUSE: Final = timedelta(milliseconds=500)
LONGEST_PAUSE: Final = timedelta(seconds=15)
"""Before campaigning again; doubled each time that nothing came of it."""

MOMENT_LENGTH: Final = len("/2026-03-02T09:00:00.000000Z")

Campaign = Callable[[], AbstractAsyncContextManager[Fencing]]
"""Enters the election `cron`, and leads for the time of the block."""


class Cron:
    """The schedules of the namespace: the settings' own (`publishing`) and those that were added by hand."""

    def __init__(
        self,
        ground: Ground,
        tasks: Tasks,
        campaign: Campaign,
        publishing: Publishing,
        stepped: Stepped | None = None,
    ) -> None:
        """`stepped` returns when this host's wall clock was set: then everything is planned anew at once."""
        self._ground = ground
        self._tasks = tasks
        self._campaign = campaign
        self._publishing = publishing
        self._fixed = publishing.plans
        self._stepped = stepped
        self._ledger = Ledger(ground.store)
        self._firing = Firing(ground, self._ledger, tasks)

    async def schedules(self, *, fires: int = 20) -> Sequence[ScheduleStanding]:
        """Return all schedules by name, with their last fires, whether or not anybody leads."""
        self._ground.store.promises.require(Feature.CRON)
        page = await self._ledger.page()
        return [self._standing(plan, page, fires) for plan in all_plans(page, self._fixed).values()]

    async def add(self, plan: Plan) -> Plan:
        """Add a schedule; audited. Raises `CoordinationError` for one that cannot be followed, whose moment is over,
        whose payload no task may have, or whose name is taken."""
        self._ground.must_write()
        self._ground.store.promises.require(Feature.CRON)
        now = self._ground.clock.now()
        check_plan(plan)
        checked_payload(plan.name, plan.payload, self._ground.redactor)
        full_name(FIRE, plan.name + "." * MOMENT_LENGTH)
        if plan.at is not None and plan.at <= now:
            raise CoordinationError(f"The moment of the schedule {plan.name} is over: {plan.at}. Give a later one.")
        plan = replace(plan, added_by=self._ground.actor, node="")
        taken = f"There is a schedule {plan.name} already. Choose another name, or remove that one first."
        if plan.name in await self._ledger.plans(self._fixed):
            raise CoordinationError(taken)
        await self._ledger.mark(plan, now)
        try:
            await self._ledger.add(plan)
        except KeyChanged as error:
            raise CoordinationError(taken) from error
        await self._note("cron.added", plan.name, task=plan.task, every=plan.every, cron=plan.cron)
        return plan

    async def remove(self, name: str, *, reason: str = "") -> None:
        """Remove a schedule that was added by hand, or that a node left behind which is gone; audited. Its last fires
        stay to be looked at for a while. Raises `CoordinationError` for one of a living node's settings."""
        self._ground.must_write()
        plan = await self._plan(name)
        if plan.node:
            living = {session.who.node for session in await self._ground.store.sessions()}
            if name in self._fixed or plan.node in living:
                raise CoordinationError(
                    f"The schedule {name} stands in the settings of {plan.node}: take it out there, or pause it: "
                    f"syncdeck cron pause {name}."
                )
            await self._ledger.withdraw(plan.node, name)
        await self._ledger.remove(name)
        await self._note("cron.removed", name, reason=reason)

    async def unreadable(self) -> Mapping[str, bytes]:
        """Return what stands under the names of schedules, and is none that this version can read: somebody wrote it by
        other means, or a newer version did. Nobody fires it."""
        self._ground.store.promises.require(Feature.CRON)
        return await self._ledger.unreadable()

    async def discard(self, name: str, *, reason: str = "") -> None:
        """Remove what stands under this name and cannot be read; audited. Raises `NothingFound` for anything else."""
        self._ground.must_write()
        try:
            done = await self._ledger.discard(name)
        except KeyChanged:
            done = False
        if not done:
            raise NothingFound(f"What stood under {name} is gone, or can be read now. Look again: syncdeck cron.")
        await self._note("cron.removed", name, state="unreadable", reason=reason)

    async def pause(self, name: str, *, reason: str = "") -> None:
        """Let a schedule fire no more until it is resumed; audited."""
        self._ground.must_write()
        await self._plan(name)
        await self._ledger.pause(name, Pause(by=self._ground.actor, since=self._ground.clock.now()))
        await self._note("cron.paused", name, reason=reason)

    async def resume(self, name: str, *, reason: str = "") -> None:
        """Let a schedule fire again, from the next moment on; audited. What fell into the pause is not made up for."""
        self._ground.must_write()
        plan = await self._plan(name)
        if plan.node and plan.paused:
            raise CoordinationError(f"The schedule {name} is paused in the settings of {plan.node}. Change it there.")
        await self._ledger.begin_anew(plan, self._ground.clock.now())
        if plan.paused:
            await self._ledger.change(replace(plan, paused=False))
        await self._ledger.resume(name)
        await self._note("cron.resumed", name, reason=reason)

    async def fire(self, name: str, *, reason: str = "") -> Fire:
        """Fire a schedule now, out of turn, also while it is paused; audited."""
        self._ground.must_write()
        plan = await self._plan(name)
        fire = await self._firing.by_hand(plan)
        await self._note("cron.fired", name, task=fire.task, reason=reason)
        return fire

    async def run(self) -> None:
        """Tell the other nodes of the schedules in this one's settings, campaign to lead, and fire all nodes' schedules
        while leading, until cancelled. Raises `CoordinationError` when another workspace that is at work has this
        node's name, and schedules of its own."""
        self._ground.must_write()
        self._ground.store.promises.require(Feature.CRON, Feature.ELECTION, Feature.WATCH)
        pause = FIRST_PAUSE
        while True:
            try:
                await self._publishing.publish()
                async with self._campaign() as lead:
                    pause = FIRST_PAUSE
                    presiding = Presiding(self._ground, self._ledger, self._tasks, self._fixed, self._stepped)
                    await presiding.run(lead)
            except (CoordinationUnavailable, LeaseLost, SessionLost):
                await self._ground.clock.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _standing(self, plan: Plan, page: Page, most: int) -> ScheduleStanding:
        now = self._ground.clock.now()
        fires = page.fires.get(plan.name, [])
        since = counts_from(page.marks.get(plan.name), fires)
        upcoming = None if plan.paused else next_moment(plan, max(now, since) if since is not None else now)
        return ScheduleStanding(plan=plan, next=upcoming, fires=tuple(kept.fire for kept in fires[:most]))

    async def _plan(self, name: str) -> Plan:
        """Return a plan as it was written. Raises `NothingFound`."""
        page = await self._ledger.page()
        plans = all_plans(replace(page, pauses={}), self._fixed)
        if name not in plans:
            raise NothingFound(f"There is no schedule {name}. {did_you_mean(name, sorted(plans))}")
        return plans[name]

    async def _note(self, event: str, name: str, **data: object) -> None:
        known = {key: value for key, value in data.items() if value not in {None, ""}}
        await self._ground.record(event, f"coordination:cron/{name}", known)
