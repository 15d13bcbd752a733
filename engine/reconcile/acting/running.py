"""Runs from outside: start one, go on with one, stop one; and whatever happens, a run that began also ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.errors import Frozen, PlanError
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.outset import Outset
from engine.reconcile.acting.pace import Patience
from engine.reconcile.acting.run import Conductor
from engine.reconcile.acting.stopping import Stop, in_good_order
from engine.reconcile.history import Decision, ItemState, RunId, RunState
from engine.reconcile.results import RunResult, StoredPlan

LATER_RUNS = 1_000
"""How many runs back one is looked for that has overtaken the one to be resumed: more than a plan's day holds."""


class Running:
    """The runs of this process, and the way to those of others."""

    def __init__(self, means: Means, patience: Patience) -> None:
        self._means = means
        self._patience = patience
        self._conductors: list[tuple[Conductor, Stop]] = []

    async def apply(self, stored: StoredPlan, *, confirmed: bool) -> RunResult:
        """See `Reconciler.apply`. An apply that is refused before anything was called is told by an event."""
        try:
            approvals = await Outset(means=self._means).check(stored, confirmed=confirmed)
            return await self._conduct(stored, lambda conductor: conductor.apply(approvals))
        except (PlanError, Frozen) as refusal:
            reason = {"sync": stored.plan.sync, "refusal": type(refusal).__name__, "reason": str(refusal)}
            await self._means.record("apply.refused", f"plan:{stored.digest[:12]}", reason)
            raise

    async def resume(self, run: RunId, stored: StoredPlan) -> RunResult:
        """See `Reconciler.resume`."""
        summary = await self._means.journal.run(run)
        if summary.state is RunState.DONE:
            raise PlanError(f"Run {run} did everything it was to do; there is nothing to go on with.")
        if summary.state is RunState.RUNNING:
            raise PlanError(f"Run {run} is still under way. Watch it, or ask it to stop.")
        outset = Outset(means=self._means)
        outset.check_freeze(outset.sync_of(stored.plan))
        forbidden = self._forbidden(stored) or await self._overtaken(run, stored)
        return await self._conduct(stored, lambda conductor: conductor.resume(run, forbidden=forbidden))

    async def cancel(self, run: RunId) -> None:
        """See `Reconciler.cancel`."""
        await self._means.journal.ask_to_stop(run, self._means.actor, self._means.now())
        for conductor, stop in self._conductors:
            if conductor.run == run:
                stop.ask()

    def _forbidden(self, stored: StoredPlan) -> str:
        """Return why a run may only find out what happened, and do nothing more."""
        if self._means.now() >= stored.plan.expires_at:
            return f"Not carried out: the plan expired at {stored.plan.expires_at:%Y-%m-%d %H:%M} UTC. Make a new one."
        rejected = [one.approver for one in stored.approvals if one.decision is Decision.REJECT]
        return f"Not carried out: {rejected[0]} rejected the plan." if rejected else ""

    async def _overtaken(self, run: RunId, stored: StoredPlan) -> str:
        """Return why a run may not go on when a later one has written to one of its targets: what that one left is
        newer than this plan, and a precondition that holds again may hold because somebody wanted it so."""
        targets = {target.target for target in stored.plan.targets if target.changes}
        for later in await self._means.journal.runs(sync=None, limit=LATER_RUNS):
            settings = self._means.workspace.syncs.get(later.sync)
            shared = targets & set(settings.targets if settings is not None else ())
            wrote = later.counts.get(ItemState.DONE.value, 0) + later.counts.get(ItemState.INTENT.value, 0)
            if later.run > run and shared and wrote:
                names = ", ".join(sorted(shared))
                return f"Not carried out: run {later.run} has written to {names} since. Make a new plan."
        return ""

    async def _conduct(self, stored: StoredPlan, work: Callable[[Conductor], Awaitable[RunResult]]) -> RunResult:
        stop = Stop()
        sync = self._means.endpoints.sync(stored.plan.sync)
        conductor = Conductor(self._means, sync, stored, stop, self._patience)
        self._conductors.append((conductor, stop))
        try:
            return await in_good_order(self._to_the_end(conductor, work), stop)
        finally:
            self._conductors.remove((conductor, stop))

    async def _to_the_end(self, conductor: Conductor, work: Callable[[Conductor], Awaitable[RunResult]]) -> RunResult:
        try:
            return await work(conductor)
        except Exception as error:
            if conductor.run is not None:
                verdict = self._means.redact(f"The run stopped: {error}")
                await self._means.journal.end_run(conductor.run, RunState.FAILED, verdict, None, self._means.now())
                self._means.tell("run.ended", str(conductor.run), await self._means.journal.run(conductor.run))
            raise
