"""One seeded story: plans, applies, crashes, resumes, undoes and outsiders in any order, watched call by call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

from engine.errors import SyncdeckError
from engine.reconcile.history import ItemState, RunId, RunState
from engine.reconcile.plan import Change
from engine.reconcile.results import RunResult, StoredPlan
from engine.together import together
from tests.doubles.journal import Crash
from tests.doubles.targets import Service
from tests.doubles.workplace import NO_LIMITS, SECOND, SYNC, Workplace
from tests.simulation.watching import Carrying, Watch
from tests.simulation.world import OUTSIDE_EDITS, WatchedService, World, world

T = TypeVar("T")

SETTLED = {ItemState.DONE, ItemState.ALREADY}
ENDED = SETTLED | {ItemState.REFUSED, ItemState.FAILED, ItemState.DRIFTED, ItemState.CANCELLED}
RESUMABLE = {RunState.INTERRUPTED, RunState.PARTIAL, RunState.CANCELLED, RunState.FAILED}


@dataclass
class Story:
    """Plays one seed. `said` is what happened so far, for whoever reads about a failure."""

    seed: int
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world: World = world(self.seed)
        self.chance = self.world.chance
        self.place: Workplace = self.world.place
        self.watch = Watch(self.world)
        self.plans: list[StoredPlan] = []
        self.carried_out: dict[str, Carrying] = {}
        self.cancel_at = 0
        self.quiet = False
        for one in self.world.targets:
            one.before_write = self._called
            one.before_read = partial(self._about_to_read, one)

    async def watched(self) -> None:
        """Play the story. Whatever goes wrong is told with the seed, the last steps, and how to play it again."""
        try:
            await self.play()
        except Exception as error:
            last = "\n".join(self.said[-25:])
            again = f"python -m tests.simulation {self.seed}"
            raise AssertionError(f"{error or type(error).__name__}\n{last}\nPlay it again: {again}") from error

    async def play(self) -> None:
        """Tell the story from beginning to end."""
        await self.plan()
        for _ in range(self.chance.randint(3, 9)):
            (deed,) = self.chance.choices(list(DEEDS), list(DEEDS.values()))
            self.say(deed.__name__.replace("_", " "))
            await deed(self)
            await self._look_around()
            await self.place.clock.advance(SECOND)
        await self._end()

    def say(self, what: str) -> None:
        self.said.append(f"{self.place.clock.now():%d %H:%M:%S} {what}")

    def _called(self, service: Service, changes: Sequence[Change]) -> None:
        """Judge a call, after outsiders had their chance; perhaps somebody wishes the run to stop."""
        assert isinstance(service, WatchedService)
        names = ", ".join(f"{change.action} {change.spelling}" for change in changes)
        self.say(f"  call {len(service.writes)} of {service.name}: {names}")
        self.watch.catch_up()
        if not self.quiet and self.chance.random() < OUTSIDE_EDITS:
            self._outsider(service, {str(change.key) for change in changes})
        fault = service.write_faults.get(len(service.writes))
        self.watch.call(service, changes, fails=fault is not None)
        unheard = service.lost_answers | service.silent_answers
        if len(service.writes) in unheard or getattr(fault, "maybe_done", False) or self.place.journal.crash_at:
            keys = {str(change.key) for change in changes}
            self.watch.unclear[service.name] |= keys
            self.watch.perhaps[service.name] |= {key for key in keys if service.spelled(key) is not None}
            self.watch.half_known(service, changes)
            self.watch.refused_unheard(service, changes)
        if self.cancel_at and self.watch.calls >= self.cancel_at:
            self.place.journal.all_runs[-1].stop = True

    def _about_to_read(self, one: WatchedService, number: int) -> None:
        """Perhaps somebody takes back one of a call whose answer nobody heard, before anybody looks."""
        if not self.quiet and self.chance.random() < 0.5 and (what := self.watch.take_one_back(one, self.chance)):
            self.say(f"  before read {number} somebody takes back {what} at {one.name}")

    def _outsider(self, one: WatchedService, under_way: set[str]) -> None:
        self.watch.catch_up()
        if (what := self.world.somebody_edits(one, under_way | self.watch.unclear[one.name])) is not None:
            self.say(f"  outsider at {one.name}: {what[0]} {what[1]}")
        self.watch.catch_up()

    async def plan(self) -> None:
        """Plan twice, differently read: nothing may depend on the order."""
        self.quiet = True
        first = await self._patiently(self.place.reconciler.plan(SYNC, keep=False))
        self.world.shuffle()
        again = await self._patiently(self.place.reconciler.plan(SYNC, keep=False))
        self.quiet = False
        if first.plan.errored or again.plan.errored:
            return
        assert first.digest == again.digest, "the same inputs give another plan"
        assert sum(len(one.writes) for one in self.world.targets) == self.watch.calls, "planning has called a target"
        self.plans.append(await self._patiently(self.place.reconciler.plan(SYNC)))

    async def apply(self) -> None:
        """Apply a plan, most often the newest, perhaps with a guard lifted; perhaps two processes race for it."""
        if not self.plans:
            return
        stored = self.chance.choice([self.plans[-1], self.plans[-1], self.chance.choice(self.plans)])
        lifted = await self._lifted(stored)
        self._carrying(stored, lifted)
        work = [self._guarded(self.place.reconciler.apply(stored.digest, confirmed=True))]
        if self.chance.random() < 0.2:
            other = self.chance.choice(self.plans)
            self._carrying(other)
            rival = self.place.another(actor="berta@test").reconciler
            work.append(self._guarded(rival.apply(other.digest, confirmed=True)))
        await self._patiently(_side_by_side(work))
        self.watch.catch_up()

    def _carrying(self, stored: StoredPlan, lifted: frozenset[str] = frozenset()) -> Carrying:
        """Return the watch's note on a plan that is about to be carried out."""
        self.watch.catch_up()
        known = self.carried_out.setdefault(stored.digest, Carrying(stored))
        known.lifted |= lifted
        if known not in self.watch.carrying:
            self.watch.carrying.append(known)
        return known

    async def _lifted(self, stored: StoredPlan) -> frozenset[str]:
        refusing = {verdict.guard for verdict in stored.plan.refusals}
        if not refusing or self.chance.random() < 0.6:
            return frozenset()
        chosen = frozenset(refusing if self.chance.random() < 0.7 else sorted(refusing)[:1])
        approve = self.place.reconciler.approve(stored.digest, comment="they moved", overrides=sorted(chosen))
        given = await self._guarded(approve)
        return chosen if given else frozenset()

    async def apply_under_faults(self) -> None:
        for one in self.world.targets:
            self.world.misbehave(one)
        await self.apply()
        self.world.behave()

    async def apply_and_cancel(self) -> None:
        self.cancel_at = self.watch.calls + self.chance.randint(1, 3)
        await self.apply()
        self.cancel_at = 0

    async def apply_and_crash(self) -> None:
        for one in self.world.targets:
            if self.chance.random() < 0.5:
                self.world.misbehave(one)
        journal = self.place.journal
        journal.crash_at = journal.writes + self.chance.randint(2, 18)
        journal.crash_before = self.chance.random() < 0.5
        try:
            await (self.apply() if self.chance.random() < 0.7 else self.resume())
        except Crash:
            self.say("  crash")
            self._nobody_touches_what_is_unknown()
        self.world.behave()
        journal.restart()
        self.place = self.place.another()
        self.watch.catch_up()

    def _nobody_touches_what_is_unknown(self) -> None:
        """An intent without a call cannot be told from one whose call took effect: outsiders leave those alone. Who is
        there by then may be ours or somebody else's, for targets do not tell who added a member."""
        services = {one.name: one for one in self.world.targets}
        for run in self.place.journal.all_runs:
            for item in run.items:
                if item.state is ItemState.INTENT:
                    self.watch.unclear[item.target].add(str(item.key))
                    if services[item.target].spelled(item.key) is not None:
                        self.watch.perhaps[item.target].add(str(item.key))

    async def resume(self) -> None:
        runs = [one for one in await self.place.reconciler.runs() if one.state in RESUMABLE]
        if not runs:
            return
        summary = self.chance.choice(runs)
        self._carrying(await self.place.reconciler.load(summary.digest))
        self.say(f"  resume {summary.run} ({summary.state})")
        await self._patiently(self._guarded(self.place.reconciler.resume(summary.run)))

    async def undo(self) -> None:
        runs = [one for one in await self.place.reconciler.runs() if one.state is not RunState.RUNNING]
        if runs:
            made = await self._guarded(self.place.reconciler.undo(self.chance.choice(runs).run))
            if isinstance(made, StoredPlan):
                self.plans.append(made)

    async def select(self) -> None:
        if self.plans and (changes := [c for t in self.plans[-1].plan.targets for c in t.changes]):
            chosen = self.chance.sample(changes, min(2, len(changes)))
            work = self.place.reconciler.select(self.plans[-1].digest, [str(change.key) for change in chosen])
            made = await self._guarded(work)
            if isinstance(made, StoredPlan):
                self.plans.append(made)

    async def source_changes(self) -> None:
        self.world.source_changes()

    async def outsiders(self) -> None:
        for one in self.world.targets:
            for _ in range(self.chance.randint(1, 3)):
                self._outsider(one, set())
            if self.chance.random() < 0.4:
                self.world.somebody_respells(one)

    async def time_passes(self) -> None:
        await self.place.clock.advance(timedelta(hours=self.chance.choice([1, 5, 25])))

    async def _end(self) -> None:
        """Settle every run, then plan and apply without limits until all is in step."""
        self.world.behave()
        for run in await self._open_ends():
            self.say(f"at last: resume {run}")
            self._carrying(await self.place.reconciler.load((await self.place.reconciler.run(run)).digest))
            await self._patiently(self._guarded(self.place.reconciler.resume(run)))
        self.watch.catch_up()
        await self._explained()
        self._ledger_is_right()
        self.say("at last: plan and apply without limits")
        await self.place.clock.advance(SECOND)
        self.world.guards = NO_LIMITS
        self.place = self.place.another(guards=NO_LIMITS)
        stored = await self._patiently(self.place.reconciler.plan(SYNC))
        self._carrying(stored)
        self.quiet = True
        if stored.plan.refusals:  # what the target itself cannot do, such as being emptied
            return
        await self._patiently(self.place.reconciler.apply(stored.digest, confirmed=True))
        self._in_step(await self._patiently(self.place.reconciler.plan(SYNC)), stored)

    def _in_step(self, after: StoredPlan, applied: StoredPlan) -> None:
        """Whatever the last plan could do is done."""
        for target in after.plan.targets:
            assert not target.changes, f"{target.target}: left over after {applied.digest[:12]}: {target.changes}"

    async def _explained(self) -> None:
        for summary in await self.place.reconciler.runs():
            for item in await self.place.journal.run_items(summary.run):
                if item.state in ENDED - SETTLED:
                    assert item.reason, f"{item.item} of run {summary.run} is {item.state} without a reason"
                if summary.state is RunState.DONE:
                    assert item.state in SETTLED, f"run {summary.run} is done, and {item.item} is {item.state}"

    def _ledger_is_right(self) -> None:
        for one in self.world.targets:
            kept = {str(key) for key in self.place.journal.ledger.get(one.name, set())}
            surely, perhaps = self.watch.ours[one.name], self.watch.perhaps[one.name]
            assert surely <= kept <= surely | perhaps, f"{one.name}: the ledger has {kept}; ours are {surely}"

    async def _look_around(self) -> None:
        self.watch.catch_up()
        self.watch.carrying.clear()
        for one in self.world.targets:
            assert one.under_way == 0, f"{one.name}: a call was left alone"
        if not await self._open_ends():
            self.watch.all_is_known()

    async def _open_ends(self) -> list[RunId]:
        """Return the runs that do not know yet what became of a call."""
        return [
            run.summary.run
            for run in self.place.journal.all_runs
            if any(item.state is ItemState.INTENT for item in run.items)
        ]

    async def _guarded(self, work: Awaitable[object]) -> object | None:
        """Return what comes out, or None for an error that an operator would read."""
        try:
            result = await work
        except SyncdeckError as error:
            self.say(f"  {type(error).__name__}: {str(error).splitlines()[0][:150]}")
            return None
        if isinstance(result, RunResult):
            self.say(f"  run {result.summary.run} {result.summary.state} {dict(result.summary.counts)}")
        return result

    async def _patiently(self, work: Coroutine[object, object, T]) -> T:
        return await self.place.clock.finish(work)


async def _side_by_side(work: Sequence[Coroutine[object, object, object]]) -> None:
    async with together() as group:
        for one in work:
            group.create_task(one)


DEEDS: dict[Callable[[Story], Awaitable[None]], int] = {
    Story.plan: 5,
    Story.apply: 5,
    Story.apply_under_faults: 5,
    Story.apply_and_cancel: 2,
    Story.apply_and_crash: 5,
    Story.resume: 4,
    Story.undo: 2,
    Story.select: 1,
    Story.source_changes: 4,
    Story.outsiders: 4,
    Story.time_passes: 2,
}
"""What may happen, and how often."""
