"""What a leader does for one schedule: read what was decided, decide what is due, take it, submit its task.

Every step is harmless when it is done twice: a fire is taken by writing a key that is not there yet, and its task has
the idempotency key `cron:NAME@MOMENT`. A leader that dies in between is made good by the next one, and two that both
believe to lead do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from engine.coordination.ground import Ground
from engine.coordination.scheduling.due import Verdict, decide
from engine.coordination.scheduling.fires import Fire, Outcome, Plan
from engine.coordination.scheduling.ledger import Kept, Ledger, counts_from, moment_text, overdue, unsubmitted
from engine.coordination.standing import Fence
from engine.coordination.working.lifecycle import ENDED
from engine.coordination.working.task import TaskId
from engine.coordination.working.tasks import Tasks
from engine.errors import CoordinationError, CoordinationUnavailable, LeaseLost, NothingFound, SessionLost
from engine.settings.coordination import Overlap

LONGEST_QUEUE: Final = 100
"""Fires whose tasks wait for one another; more are skipped."""

CheckLead = Callable[[], Fence | None]
"""Raises `LeaseLost` unless this process leads; returns what the store is to check, None where it cannot."""


class Firing:
    """Fires schedules in this process's name."""

    def __init__(self, ground: Ground, ledger: Ledger, tasks: Tasks) -> None:
        self._ground = ground
        self._ledger = ledger
        self._tasks = tasks

    @property
    def name(self) -> str:
        """How fires name this process."""
        return f"{self._ground.who.node} pid {self._ground.who.pid}"

    async def attend(self, plan: Plan, lead: CheckLead) -> TaskId | None:
        """Do everything for a schedule that is due by now; return the task whose end it waits for, if there is one."""
        now = self._ground.clock.now()
        mark = await self._ledger.mark(plan, now)
        fires = await self._ledger.fires(plan.name)
        blocking = await self._make_good(plan, fires)
        if plan.paused:
            return blocking
        fires = await self._note_too_late(plan, mark.since, fires, lead)
        since = counts_from(mark, fires) or now
        for verdict in decide(plan, since, now):
            fires, blocking = await self._fire(plan, verdict, fires, blocking, lead)
        await self._ledger.sweep(fires)
        return blocking

    async def by_hand(self, plan: Plan) -> Fire:
        """Fire now, whatever the schedule says. Raises `CoordinationError` where that would overlap and must not."""
        fires = await self._ledger.fires(plan.name)
        blocking = await self._make_good(plan, fires)
        if blocking is not None and plan.overlap is Overlap.FORBID:
            raise CoordinationError(
                f"The task {blocking} of {plan.name} is not over, and its fires must not overlap. Wait for it, or "
                f"cancel it: syncdeck tasks cancel {blocking}."
            )
        now = self._ground.clock.now()
        fire = Fire(
            schedule=plan.name,
            nominal=now,
            outcome=Outcome.FIRED,
            taken=now,
            by=self._ground.actor,
            why=f"Waits until {blocking} is over." if _waits(plan, blocking) else "",
            by_hand=True,
        )
        while (kept := await self._ledger.take(fire, None)) is None:  # that very moment is taken
            fire = replace(fire, nominal=fire.nominal + timedelta.resolution)
        return kept.fire if _waits(plan, blocking) else (await self._submit(plan, kept)).fire

    async def _fire(
        self, plan: Plan, verdict: Verdict, fires: list[Kept], blocking: TaskId | None, lead: CheckLead
    ) -> tuple[list[Kept], TaskId | None]:
        """Take one moment, unless it was taken; return the fires with it, and what the next one would wait for."""
        fire = self._judged(plan, verdict, fires, blocking)
        kept = await self._ledger.take(fire, lead())
        if kept is None:
            again = await self._ledger.fires(plan.name)
            return again, await self._make_good(plan, again)
        if unsubmitted(fire) and not _waits(plan, blocking):
            kept = await self._submit(plan, kept)
            blocking = kept.fire.task or blocking
        return [kept, *fires], blocking

    def _judged(self, plan: Plan, verdict: Verdict, fires: list[Kept], blocking: TaskId | None) -> Fire:
        outcome, why = verdict.outcome, verdict.why
        if outcome in {Outcome.FIRED, Outcome.LATE} and blocking is not None:
            if plan.overlap is Overlap.FORBID:
                outcome, why = Outcome.SKIPPED, f"The task {blocking} of the one before was not over."
            elif plan.overlap is Overlap.QUEUE and len(list(overdue(fires))) >= LONGEST_QUEUE:
                outcome, why = Outcome.SKIPPED, f"{LONGEST_QUEUE} fires before it wait already."
            elif plan.overlap is Overlap.QUEUE:
                why = f"Waits until {blocking} is over."
        return Fire(
            schedule=plan.name,
            nominal=verdict.nominal,
            outcome=outcome,
            taken=self._ground.clock.now(),
            by=self.name,
            why=why,
        )

    async def _make_good(self, plan: Plan, fires: list[Kept]) -> TaskId | None:
        """Submit the tasks of fires that have none yet; of those that wait for one another only the first whose turn it
        is. `fires` is kept up to date. Returns the last task that is not over."""
        blocking = await self._unfinished(fires)
        for kept in list(overdue(fires)):
            if _waits(plan, blocking):
                break
            submitted = await self._submit(plan, kept)
            fires[fires.index(kept)] = submitted
            blocking = submitted.fire.task or blocking
        return blocking

    async def _unfinished(self, fires: list[Kept]) -> TaskId | None:
        """Return the task of the last fire that has one, unless that is over or gone."""
        last = next((kept.fire.task for kept in fires if kept.fire.task is not None), None)
        if last is None:
            return None
        try:
            task = await self._tasks.get(last)
        except NothingFound:
            return None
        return None if task.state in ENDED else last

    async def _submit(self, plan: Plan, kept: Kept) -> Kept:
        """Submit a fire's task, and note it. What cannot be submitted is noted with the reason."""
        origin = f"cron:{plan.name}@{moment_text(kept.fire.nominal)}"
        try:
            task = await self._tasks.submit(plan.task, plan.payload, key=origin, origin=origin)
            fire = replace(kept.fire, task=task.id, why="")
        except (CoordinationUnavailable, LeaseLost, SessionLost):
            raise
        except CoordinationError as error:
            fire = replace(kept.fire, outcome=Outcome.SKIPPED, why=str(error))
        return await self._ledger.amend(kept, fire) or Kept(fire, kept.revision)

    async def _note_too_late(self, plan: Plan, since: datetime, fires: list[Kept], lead: CheckLead) -> list[Kept]:
        """Note a one-shot whose moment does not count, so that nobody waits for it."""
        if plan.at is None or plan.at > since or any(not kept.fire.by_hand for kept in fires):
            return fires
        fire = Fire(
            schedule=plan.name,
            nominal=plan.at,
            outcome=Outcome.MISSED,
            taken=self._ground.clock.now(),
            by=self.name,
            why="Its moment was over when the schedule was first seen, or while it was paused.",
        )
        kept = await self._ledger.take(fire, lead())
        return [kept, *fires] if kept is not None else fires


def _waits(plan: Plan, blocking: TaskId | None) -> bool:
    return plan.overlap is Overlap.QUEUE and blocking is not None
