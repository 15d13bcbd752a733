"""The reconcile engine as people and scripts use it: plan, decide, apply, look back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.errors import NothingFound, PlanError, PlanStale
from engine.reconcile.acting.decisions import Decisions
from engine.reconcile.acting.means import Means
from engine.reconcile.acting.outset import Outset
from engine.reconcile.acting.overview import overview
from engine.reconcile.acting.pace import WRITE_PATIENCE, Patience
from engine.reconcile.acting.quarantine import remember_plan
from engine.reconcile.acting.running import Running
from engine.reconcile.acting.survey import Survey
from engine.reconcile.deciding.planfile import encode
from engine.reconcile.deciding.planning import Occasion
from engine.reconcile.deciding.undo import inverse
from engine.reconcile.history import (
    Approval,
    Decision,
    ItemState,
    PlanSummary,
    RunId,
    RunItem,
    RunSummary,
    SyncStatus,
)
from engine.reconcile.plan import Plan, same_work
from engine.reconcile.records import RecordKey
from engine.reconcile.results import Readiness, RunResult, StoredPlan, TargetResult
from engine.schedule import next_fire

__all__ = ["Readiness", "Reconciler", "RunResult", "StoredPlan", "TargetResult"]


class Reconciler:
    """One workspace's reconcile engine. Methods that change anything raise `ReadOnly` on an engine opened to look only.

    While an apply is under way it publishes `run.started` (subject: the run, detail: the digest), `run.progress`
    (detail `TargetRun`), `run.stopping` when it heard that it should stop and, at the end, `run.ended` (detail
    `RunSummary`).
    """

    def __init__(self, means: Means, patience: Patience = WRITE_PATIENCE) -> None:
        self._means = means
        self._decisions = Decisions(means)
        self._running = Running(means, patience)

    async def plan(
        self, sync: str, targets: Sequence[str] = (), *, keep: bool = True, like: StoredPlan | None = None
    ) -> StoredPlan:
        """Read the source once and each target, plan, judge by guards, keep. Never writes to a target.

        A failed read of one target is in the plan (`TargetPlan.error`), and so is one of the source (`Plan.error`).
        A kept plan given as `like` is returned instead of another that would do exactly the same. Publishes
        `plan.progress` notices while reading (detail: sentence). Raises `NothingFound` for unknown names.
        """
        if keep:
            self._means.must_write()
        settings = self._means.endpoints.sync(sync)
        chosen = self._chosen(sync, targets)
        plan = await Survey(self._means, settings, chosen).plan()
        if not keep:
            return await self._decisions.stored(encode(plan).digest, plan)
        if plan.source is not None and not any(verdict.refuses for verdict in plan.source_guards):
            await self._means.journal.source_read(sync, plan.source.fingerprint, plan.source.read_at)
        again = like is not None and same_work(plan, like.plan)
        stored = like if like is not None and again else await self._decisions.keep(plan)
        await remember_plan(self._means, settings, plan, chosen)
        if not again:
            self._means.tell("plan.made", stored.digest, sync)
        return stored

    def _chosen(self, sync: str, targets: Sequence[str]) -> Sequence[str]:
        known = self._means.endpoints.sync(sync).targets
        if strange := [target for target in targets if target not in known]:
            raise NothingFound(f"{sync} has no target {strange[0]!r}; it has: {', '.join(known)}.")
        return [target for target in known if not targets or target in targets]

    async def keep(self, plan: Plan) -> StoredPlan:
        """Keep a plan that came from a file. Raises `PlanStale` when its sync no longer exists here."""
        self._means.must_write()
        if plan.sync not in self._means.workspace.syncs:
            raise PlanStale(f"The sync {plan.sync} of this plan does not exist in {self._means.workspace.file}.")
        return await self._decisions.keep(plan)

    async def load(self, digest_prefix: str) -> StoredPlan:
        """Return a kept plan by a prefix of its digest. Raises `NothingFound`."""
        return await self._decisions.load(digest_prefix)

    async def plans(self, *, sync: str | None = None, limit: int = 100) -> Sequence[PlanSummary]:
        """Return kept plans, newest first."""
        return await self._decisions.summaries(sync, limit)

    async def latest_approved(self, sync: str) -> StoredPlan | None:
        """Return the newest approved plan of a sync that was neither applied nor has expired, if there is one.

        One that nobody approved is not looked for: what it saw may be a day old, and a new one costs a read.
        """
        self._means.endpoints.sync(sync)
        return await self._decisions.latest_approved(sync)

    async def select(self, digest_prefix: str, chosen: Sequence[str]) -> StoredPlan:
        """Derive and keep a plan of only the chosen items: item ids, keys, targets, or patterns with `*`.

        Raises `NothingFound` for a choice that fits nothing.
        """
        self._means.must_write()
        return await self._decisions.select(digest_prefix, chosen)

    async def readiness(self, digest_prefix: str) -> Readiness:
        """Return what stands between this plan and its run, for this actor, now."""
        return await self._decisions.readiness(digest_prefix)

    async def approve(self, digest_prefix: str, *, comment: str = "", overrides: Sequence[str] = ()) -> Approval:
        """Approve. `overrides` names guards that this approval lifts, for this plan only; then a comment is a must."""
        self._means.must_write()
        return await self._decisions.decide(digest_prefix, Decision.APPROVE, comment, overrides)

    async def reject(self, digest_prefix: str, *, comment: str = "") -> Approval:
        """Reject: the plan will never be applied."""
        self._means.must_write()
        return await self._decisions.decide(digest_prefix, Decision.REJECT, comment, ())

    async def apply(self, digest_prefix: str, *, confirmed: bool = False) -> RunResult:
        """Carry the plan out. `confirmed` says that a person (or `--yes`) agreed to this very digest: it counts as the
        approval of the actor where the policy asks only for one before removals; it never overrides a guard and does
        not replace a required approval.

        Raises `NotApproved`, `PlanStale`, `GuardRefused`, `TargetDrifted`, `Locked`, `Frozen` before any call.
        Cancelling the awaiting task, or `cancel`, stops after the batches under way.
        """
        self._means.must_write()
        return await self._running.apply(await self._decisions.load(digest_prefix), confirmed=confirmed)

    async def cancel(self, run: RunId) -> None:
        """Ask a run of any process on this workspace to stop after its current batches."""
        self._means.must_write()
        await self._running.cancel(run)

    async def resume(self, run: RunId) -> RunResult:
        """Go on with an interrupted, cancelled or partial run: read back what is unknown, do what is still needed."""
        self._means.must_write()
        summary = await self._means.journal.run(run)
        return await self._running.resume(run, await self._decisions.load(summary.digest))

    async def undo(self, run: RunId) -> StoredPlan:
        """Make and keep the inverse plan of what the run did; it is guarded, approved and applied like any other."""
        self._means.must_write()
        summary = await self._means.journal.run(run)
        stored = await self._decisions.load(summary.digest)
        done = await self._means.journal.run_items(run, states=[ItemState.DONE])
        if not done:
            raise PlanError(f"Run {run} changed nothing; there is nothing to take back.")
        sync = Outset(means=self._means).sync_of(stored.plan)
        occasion = Occasion(now=self._means.now(), actor=self._means.actor, config_digest=stored.plan.config_digest)
        plan = inverse(stored.plan, run, done, sync, occasion)
        return await self._decisions.keep(await self._decisions.judged(plan, stored.plan))

    async def runs(self, *, sync: str | None = None, limit: int = 100) -> Sequence[RunSummary]:
        """Return runs, newest first."""
        return await self._means.journal.runs(sync=sync, limit=limit)

    async def run(self, run: RunId) -> RunSummary:
        """Return one run. Raises `NothingFound`."""
        return await self._means.journal.run(run)

    async def run_items(
        self, run: RunId, *, states: Sequence[ItemState] = (), offset_index: int = 0, limit: int = 0
    ) -> Sequence[RunItem]:
        """Return a run's items in the plan's order; see `Journal.run_items`."""
        return await self._means.journal.run_items(run, states=states, offset_index=offset_index, limit=limit)

    async def overview(self) -> Sequence[SyncStatus]:
        """Return how every sync stands, from memory; reads no endpoint. In the order of the workspace file."""
        return await overview(self._means, self._decisions)

    async def release(self, sync: str, target: str) -> None:
        """Let a target out of quarantine by hand."""
        self._means.must_write()
        self._chosen(sync, [target])
        await self._means.journal.quarantine(sync, target, "", self._means.actor, self._means.now())
        self._means.tell("target.released", f"{sync}/{target}")

    async def adopt(self, target: str, keys: Sequence[RecordKey]) -> None:
        """Take members into the ownership ledger: Syncdeck may remove them under `managed_only`."""
        self._means.must_write()
        self._means.endpoints.adapter(target)
        await self._means.journal.adopt(target, keys, self._means.actor, self._means.now())

    def next_run(self, sync: str, now: datetime) -> datetime | None:
        """Return when the sync's schedule would fire next; None without a schedule or when paused."""
        settings = self._means.endpoints.sync(sync)
        return next_fire(settings.schedule, now) if settings.schedule and not settings.paused else None
