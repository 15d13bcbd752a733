"""The reconcile engine as people and scripts use it: plan, decide, apply, look back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from engine.reconcile.history import (
    Approval,
    Digest,
    ItemState,
    PlanState,
    PlanSummary,
    RunId,
    RunItem,
    RunSummary,
    SyncStatus,
)
from engine.reconcile.plan import Plan, Verdict
from engine.reconcile.records import RecordKey


class StoredPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan under its digest, with all that was decided about it."""

    digest: Digest
    plan: Plan
    state: PlanState
    approvals: tuple[Approval, ...] = ()


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What stands between a plan and its run. `obstacles` are finished sentences; none: it may be applied now.

    `confirm_word` is what a person must type before a plan with many removals (empty: a plain yes will do): the
    target's name. `needs_approval` tells that an approval is missing; `may_approve` whether this actor can give it.
    """

    digest: Digest
    state: PlanState
    obstacles: tuple[str, ...] = ()
    refusals: tuple[Verdict, ...] = ()
    needs_approval: bool = False
    may_approve: bool = True
    confirm_word: str = ""
    removals: int = 0


class TargetResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one target ended: items by state, differences that nobody planned (reported, never applied), and the verdict
    of the read-back."""

    target: str
    counts: dict[str, int]
    unplanned: tuple[str, ...] = ()
    verified: bool | None = None
    verdict: str = ""
    error: str = ""


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run. `exit_code` is what the command line returns (DESIGN §6)."""

    summary: RunSummary
    targets: tuple[TargetResult, ...]

    @property
    def exit_code(self) -> int:
        raise RuntimeError("under construction")


class Reconciler:
    """One workspace's reconcile engine. Methods that change anything raise `ReadOnly` on an engine opened to look only.

    While an apply is under way it publishes `run.progress` notices (detail `TargetRun`) and, at the end, `run.ended`.
    """

    async def plan(self, sync: str, targets: Sequence[str] = (), *, keep: bool = True) -> StoredPlan:
        """Read the source once and each target, plan, judge by guards, keep. Never writes to a target.

        A failed read of one target is in the plan (`TargetPlan.error`), and so is one of the source (`Plan.error`).
        Publishes `plan.progress` notices while reading (detail: sentence). Raises `NothingFound` for unknown names.
        """
        raise RuntimeError("under construction")

    async def keep(self, plan: Plan) -> StoredPlan:
        """Keep a plan that came from a file. Raises `PlanStale` when its sync no longer exists here."""
        raise RuntimeError("under construction")

    async def load(self, digest_prefix: str) -> StoredPlan:
        """Return a kept plan by a prefix of its digest. Raises `NothingFound`."""
        raise RuntimeError("under construction")

    async def plans(self, *, sync: str | None = None, limit: int = 100) -> Sequence[PlanSummary]:
        """Return kept plans, newest first."""
        raise RuntimeError("under construction")

    async def select(self, digest_prefix: str, chosen: Sequence[str]) -> StoredPlan:
        """Derive and keep a plan of only the chosen items: item ids, keys, targets, or patterns with `*`.

        Raises `NothingFound` for a choice that fits nothing.
        """
        raise RuntimeError("under construction")

    async def readiness(self, digest_prefix: str) -> Readiness:
        """Return what stands between this plan and its run, for this actor, now."""
        raise RuntimeError("under construction")

    async def approve(self, digest_prefix: str, *, comment: str = "", overrides: Sequence[str] = ()) -> Approval:
        """Approve. `overrides` names guards that this approval lifts, for this plan only; then a comment is a must."""
        raise RuntimeError("under construction")

    async def reject(self, digest_prefix: str, *, comment: str = "") -> Approval:
        """Reject: the plan will never be applied."""
        raise RuntimeError("under construction")

    async def apply(self, digest_prefix: str, *, confirmed: bool = False) -> RunResult:
        """Carry the plan out. `confirmed` says that a person (or `--yes`) agreed to this very digest: it counts as the
        approval of the actor where the policy asks only for one before removals; it never overrides a guard and does
        not replace a required approval.

        Raises `NotApproved`, `PlanStale`, `GuardRefused`, `TargetDrifted`, `Locked`, `Frozen` before anything is called.
        Cancelling the awaiting task, or `cancel`, stops after the batches under way.
        """
        raise RuntimeError("under construction")

    async def cancel(self, run: RunId) -> None:
        """Ask a run of any process on this workspace to stop after its current batches."""
        raise RuntimeError("under construction")

    async def resume(self, run: RunId) -> RunResult:
        """Go on with an interrupted, cancelled or partial run: read back what is unknown, do what is still needed."""
        raise RuntimeError("under construction")

    async def undo(self, run: RunId) -> StoredPlan:
        """Make and keep the inverse plan of what the run did; it is guarded, approved and applied like any other."""
        raise RuntimeError("under construction")

    async def runs(self, *, sync: str | None = None, limit: int = 100) -> Sequence[RunSummary]:
        """Return runs, newest first."""
        raise RuntimeError("under construction")

    async def run(self, run: RunId) -> RunSummary:
        """Return one run. Raises `NothingFound`."""
        raise RuntimeError("under construction")

    async def run_items(
        self, run: RunId, *, states: Sequence[ItemState] = (), offset_index: int = 0, limit: int = 0
    ) -> Sequence[RunItem]:
        """Return a run's items in the plan's order; see `Journal.run_items`."""
        raise RuntimeError("under construction")

    async def overview(self) -> Sequence[SyncStatus]:
        """Return how every sync stands, from memory; reads no endpoint. In the order of the workspace file."""
        raise RuntimeError("under construction")

    async def release(self, sync: str, target: str) -> None:
        """Let a target out of quarantine by hand."""
        raise RuntimeError("under construction")

    async def adopt(self, target: str, keys: Sequence[RecordKey]) -> None:
        """Take members into the ownership ledger: Syncdeck may remove them under `managed_only`."""
        raise RuntimeError("under construction")

    def next_run(self, sync: str, now: datetime) -> datetime | None:
        """Return when the sync's schedule would fire next; None without a schedule or when paused."""
        raise RuntimeError("under construction")
