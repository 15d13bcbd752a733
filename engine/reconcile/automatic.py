"""A sync that runs by itself: planned, and applied as far as its schedule allows. Nobody is there to be asked.

What a person has to decide is left as a plan that waits, once, however often the schedule fires meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import Frozen, GuardRefused, NotApproved
from engine.reconcile.acting.means import Means
from engine.reconcile.history import Digest, Health, PlanState, RunState
from engine.reconcile.plan import Action, Plan
from engine.reconcile.reconciler import Reconciler
from engine.reconcile.results import AutomaticEnding, AutomaticRun, StoredPlan
from engine.settings.model import AutomaticApply, SyncSettings

STANDING = frozenset(PlanState) - {PlanState.EXPIRED, PlanState.APPLIED}
"""States in which the newest plan of a sync still says what is to be done."""


class Automatic:
    """Runs syncs for which nobody sits at the console."""

    def __init__(self, means: Means, reconciler: Reconciler) -> None:
        self._means = means
        self._reconciler = reconciler

    async def run(self, sync: str) -> AutomaticRun:
        """Run a sync as its schedule says; without one it plans only.

        Raises `NothingFound` for an unknown name, `Locked` when another run holds a target, and `PlanStale` or
        `TargetDrifted` when the world moved between planning and applying: trying again is right then.
        """
        settings = self._means.endpoints.sync(sync)
        if settings.paused:
            return _ended(sync, AutomaticEnding.LEFT_ALONE, "The sync is paused in the workspace file.")
        targets = await self._targets(settings)
        if not targets:
            release = f"syncdeck release {sync} TARGET"
            said = f"All targets are in quarantine after repeated failures. Look into it, then: {release}"
            return _ended(sync, AutomaticEnding.LEFT_ALONE, said)
        stored = await self._reconciler.plan(sync, targets, like=await self._standing(sync))
        return self._settled(stored) or await self._apply(settings, stored)

    async def _targets(self, settings: SyncSettings) -> Sequence[str]:
        """Return the targets that are not in quarantine."""
        out = {
            status.target
            for status in await self._means.journal.target_statuses()
            if status.sync == settings.name and status.health is Health.QUARANTINED
        }
        return [target for target in settings.targets if target not in out]

    async def _standing(self, sync: str) -> StoredPlan | None:
        """Return the newest plan of the sync, if it was not carried out and has not expired."""
        for summary in await self._reconciler.plans(sync=sync, limit=1):
            if summary.state in STANDING and not summary.parent and not summary.undoes:
                return await self._reconciler.load(summary.digest)
        return None

    def _settled(self, stored: StoredPlan) -> AutomaticRun | None:
        """Return how it ended if there is nothing to apply, or nothing that may be."""
        plan, digest = stored.plan, stored.digest
        if plan.errored:
            faults = [plan.error, *(f"{each.target}: {each.error}" for each in plan.targets if each.error)]
            return _ended(plan.sync, AutomaticEnding.FAILED, " ".join(filter(None, faults)), digest)
        if not plan.change_count:
            return _ended(plan.sync, AutomaticEnding.IN_STEP, "Every target holds what the source wants.", digest)
        if stored.state is PlanState.REJECTED:
            return _ended(plan.sync, AutomaticEnding.LEFT_ALONE, "A person rejected exactly these changes.", digest)
        if stored.state is PlanState.REFUSED:
            return _ended(plan.sync, AutomaticEnding.REFUSED, plan.refusals[0].refusal, digest)
        return None

    async def _apply(self, settings: SyncSettings, stored: StoredPlan) -> AutomaticRun:
        sync, digest = settings.name, stored.digest
        policy = settings.schedule.apply if settings.schedule else AutomaticApply.ASK
        if reason := _must_ask(policy, stored.plan):
            return _ended(sync, AutomaticEnding.WAITS, reason, digest)
        try:
            result = await self._reconciler.apply(digest, confirmed=policy is AutomaticApply.WITHIN_GUARDS)
        except (NotApproved, Frozen) as error:
            return _ended(sync, AutomaticEnding.WAITS, str(error), digest)
        except GuardRefused as error:
            return _ended(sync, AutomaticEnding.REFUSED, str(error), digest)
        whole = result.summary.state is RunState.DONE
        return AutomaticRun(
            sync=sync,
            ending=AutomaticEnding.APPLIED if whole else AutomaticEnding.FAILED,
            said=result.summary.verdict or f"Run {result.summary.run} is {result.summary.state}.",
            digest=digest,
            run=result.summary.run,
        )


def _must_ask(policy: AutomaticApply, plan: Plan) -> str:
    """Return why a person has to agree first; empty: nobody has to as far as the schedule goes."""
    if policy is AutomaticApply.ASK:
        return f"The plan (changes: {plan.change_count}) waits for somebody: the schedule says apply: ask."
    removals = sum(target.count(Action.REMOVE) for target in plan.targets)
    if policy is AutomaticApply.ADDITIONS and removals:
        return f"The plan (removals: {removals}) waits for somebody: the schedule says apply: additions."
    return ""


def _ended(sync: str, ending: AutomaticEnding, said: str, digest: Digest | None = None) -> AutomaticRun:
    return AutomaticRun(sync=sync, ending=ending, said=said, digest=digest)
