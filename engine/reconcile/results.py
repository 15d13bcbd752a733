"""What the reconcile engine hands to people and scripts. Values."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from engine.reconcile.history import Approval, Digest, ItemState, PlanState, RunId, RunState, RunSummary
from engine.reconcile.plan import Plan, Verdict


class StoredPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan under its digest, with all that was decided about it."""

    digest: Digest
    plan: Plan
    state: PlanState
    approvals: tuple[Approval, ...] = ()


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What stands between a plan and its run. `obstacles` are finished sentences; none: it may be applied now.

    `yes_suffices`: an approval is missing, and this actor's confirmation when applying counts as it (the policy asks
    for one before removals only); then it is no obstacle.

    `confirm_word` is what a person must type before a plan with many removals (empty: a plain yes will do): the
    target's name. `needs_approval` tells that an approval is missing; `may_approve` whether this actor can give it.
    """

    digest: Digest
    state: PlanState
    obstacles: tuple[str, ...] = ()
    refusals: tuple[Verdict, ...] = ()
    needs_approval: bool = False
    may_approve: bool = True
    yes_suffices: bool = False
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
    """A finished run. `exit_code` is what the command line returns (README, "In scripts")."""

    summary: RunSummary
    targets: tuple[TargetResult, ...]

    @property
    def exit_code(self) -> int:
        match self.summary.state:
            case RunState.DONE:
                return 2 if self.summary.counts.get(ItemState.DONE.value) else 0
            case RunState.PARTIAL | RunState.CANCELLED:
                return 6
            case _:
                return 1


class AutomaticEnding(StrEnum):
    """What became of a sync that ran by itself."""

    IN_STEP = "in step"
    APPLIED = "applied"
    WAITS = "waits"
    """For a person: the schedule or the policy does not let it go on alone."""
    REFUSED = "refused"
    """By a guard; a person can look, and lift it for this plan."""
    LEFT_ALONE = "left alone"
    """Paused, in quarantine, or a person rejected exactly this."""
    FAILED = "failed"
    """Something could not be read, or not all of it could be written."""


class AutomaticRun(msgspec.Struct, frozen=True, kw_only=True):
    """How a sync ran by itself."""

    sync: str
    ending: AutomaticEnding
    said: str
    """In a sentence."""
    digest: Digest | None = None
    run: RunId | None = None
