"""One run: hold the targets, read them again, judge what is left, carry it out, read back, remember."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from msgspec.structs import replace

from engine.errors import PlanStale
from engine.reconcile.acting.account import ENDED_WELL, Account
from engine.reconcile.acting.apply import Carrier
from engine.reconcile.acting.closing import close
from engine.reconcile.acting.holding import Holding, holding
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.opening import OpenTarget, open_targets, refuse_drifted_removals
from engine.reconcile.acting.outset import Left, judge_again
from engine.reconcile.acting.overtaking import note_overtaken
from engine.reconcile.acting.pace import Patience
from engine.reconcile.acting.readback import Reader, Sighting
from engine.reconcile.acting.settling import settle
from engine.reconcile.acting.stopping import Stop
from engine.reconcile.acting.verify import result_of
from engine.reconcile.history import Approval, ItemState, RunId
from engine.reconcile.plan import Plan
from engine.reconcile.results import RunResult, StoredPlan, TargetResult
from engine.settings.model import SyncSettings
from engine.together import together

WATCH_INTERVAL = timedelta(milliseconds=500)
"""How soon a run hears of a wish to stop that another process left in the journal."""

VERIFY_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4))
"""Pauses before a read-back that does not show what was done is repeated: many services show writes late."""

SETTLED = ENDED_WELL | {ItemState.DRIFTED}
"""What a resumed run leaves as it is: what is done, and what somebody has to be asked about."""


class Conductor:
    """Carries out one plan, from the first lease to the last word. Used once; `run` is known once there is one."""

    def __init__(self, means: Means, sync: SyncSettings, stored: StoredPlan, stop: Stop, patience: Patience) -> None:
        self.run: RunId | None = None
        self._means = means
        self._sync = sync
        self._stored = stored
        self._plan: Plan = stored.plan
        self._stop = stop
        self._patience = patience
        self._note = f"plan {stored.digest[:12]} of {stored.plan.sync}"

    async def apply(self, approvals: Sequence[Approval]) -> RunResult:
        """Start a run of an admitted plan. Raises `Locked`, `TargetDrifted`, `GuardRefused` before anything is
        called, and `Locked` when a lease was lost on the way."""
        busy = [
            OpenTarget(target_plan=target, places=range(len(target.changes)))
            for target in self._plan.targets
            if target.changes
        ]
        async with holding(self._means, [one.target for one in busy], self._note) as held, AsyncExitStack() as stack:
            await self._must_be_the_first()
            await open_targets(self._means, self._sync, busy, stack)
            await note_overtaken(self._means, busy)
            refuse_drifted_removals(busy)
            await self._judge({one.target: one.seen.needed for one in busy if one.seen is not None}, busy, approvals)
            run = await self._means.journal.start_run(
                self._stored.digest, self._plan, self._means.actor, self._means.now()
            )
            accounts = await self._begin(run, busy)
            needed = {one.target: await settle(accounts[one.target], one.seen) for one in busy if one.seen is not None}
            return await self._conduct(run, busy, accounts, needed, held)

    async def resume(self, run: RunId, *, forbidden: str = "") -> RunResult:
        """Go on with a run: settle what is unknown, then do what is still needed, unless `forbidden` is a sentence
        that says why not (the plan expired meanwhile). Raises as `apply` does."""
        names = [target.target for target in self._plan.targets if target.changes]
        async with holding(self._means, names, self._note) as held, AsyncExitStack() as stack:
            items = await self._means.journal.run_items(run)
            busy = _with_open_places(self._plan, {item.index for item in items if item.state not in SETTLED})
            await self._means.journal.reopen_run(run, self._means.actor, self._means.now())
            await open_targets(self._means, self._sync, busy, stack)
            accounts = await self._begin(run, busy)
            needed = {
                one.target: await settle(accounts[one.target], one.seen, forbidden=forbidden)
                for one in busy
                if one.seen is not None
            }
            await self._judge(needed, busy, self._stored.approvals)
            return await self._conduct(run, busy, accounts, needed, held)

    async def _must_be_the_first(self) -> None:
        """Raise `PlanStale` when another process carried the plan out while this one waited for the targets."""
        if (run := await self._means.journal.run_of(self._stored.digest)) is not None:
            raise PlanStale(f"This plan has been carried out by run {run} meanwhile.")

    async def _begin(self, run: RunId, busy: Sequence[OpenTarget]) -> dict[str, Account]:
        self.run = run
        self._means.tell("run.started", str(run), self._stored.digest)
        items = await self._means.journal.run_items(run)
        return {
            one.target: Account(
                self._means, run, one.target_plan, [item for item in items if item.target == one.target]
            )
            for one in busy
        }

    async def _judge(
        self, needed: dict[str, Sequence[int]], busy: Sequence[OpenTarget], approvals: Sequence[Approval]
    ) -> None:
        left = {
            one.target: Left(
                target_plan=replace(
                    one.target_plan,
                    snapshot=one.seen.snapshot,
                    changes=tuple(one.target_plan.changes[place] for place in needed[one.target]),
                ),
                least_members=one.reader.target.limits.least_members,
            )
            for one in busy
            if one.seen is not None and one.reader is not None
        }
        if any(one.target_plan.changes for one in left.values()):
            await judge_again(self._means, self._plan, left, approvals)

    async def _conduct(
        self,
        run: RunId,
        busy: Sequence[OpenTarget],
        accounts: dict[str, Account],
        needed: dict[str, Sequence[int]],
        held: Holding,
    ) -> RunResult:
        async with together() as group:
            watcher = group.create_task(self._watch(run))
            async with together() as workers:
                tasks = [
                    workers.create_task(self._target(one, accounts[one.target], needed.get(one.target, ()), held))
                    for one in busy
                ]
            watcher.cancel()
        results = [task.result() for task in tasks]
        return await close(self._means, self._sync, run, self._stored, results, stopped=self._stop.asked)

    async def _watch(self, run: RunId) -> None:
        while not self._stop.asked:
            await self._means.clock.sleep(WATCH_INTERVAL)
            if await self._means.journal.asked_to_stop(run):
                self._stop.ask()
        self._means.tell("run.stopping", str(run))

    async def _target(self, one: OpenTarget, account: Account, needed: Sequence[int], held: Holding) -> TargetResult:
        if one.reader is None or one.seen is None:
            left = account.places(frozenset({ItemState.PENDING}))
            await account.conclude_all(left, ItemState.FAILED, f"Not tried: {one.error}")
            return result_of(account, None, (), one.error)
        carrier = Carrier(self._means, account, one.reader, lambda: held.of(one.target), self._stop)
        await carrier.carry_out(self._plan.mode, needed, self._patience)
        seen = await self._read_back(one.reader, account)
        account.progress.last_word("ended")
        return result_of(account, seen, one.seen.unplanned, carrier.away)

    async def _read_back(self, reader: Reader, account: Account) -> Sighting | None:
        """Return how the changes that ended well stand now; None when the target cannot be read."""
        account.progress.doing("reading back")
        done = account.places(ENDED_WELL)
        seen = await reader.look_if_readable(account.target_plan, done)
        for pause in VERIFY_PAUSES:
            if seen is None or not (seen.needed or seen.drifted) or self._stop.asked:
                break
            await self._stop.rest(self._means.clock, pause)
            seen = await reader.look_if_readable(account.target_plan, done)
        return seen


def _with_open_places(plan: Plan, open_indexes: set[int]) -> list[OpenTarget]:
    """Return the targets that the plan changes, with the places of their open items."""
    busy, index = [], 0
    for target in plan.targets:
        places = [place for place in range(len(target.changes)) if index + place in open_indexes]
        index += len(target.changes)
        if target.changes:
            busy.append(OpenTarget(target_plan=target, places=places))
    return busy
