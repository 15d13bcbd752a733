"""What must be true before a plan is carried out. Raises in the words of whoever has to do something about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from engine.errors import Frozen, GuardRefused, NotApproved, PlanError, PlanStale
from engine.reconcile.acting.means import Means
from engine.reconcile.deciding.approval import Standing, lift, needs_approval, state_of
from engine.reconcile.deciding.freeze import frozen
from engine.reconcile.deciding.guards import Circumstances, judge
from engine.reconcile.deciding.planning import configuration_digest
from engine.reconcile.history import Approval, Decision, PlanState
from engine.reconcile.plan import Plan, TargetPlan
from engine.reconcile.results import StoredPlan
from engine.settings.model import SyncSettings

REMOVAL_WINDOW = timedelta(hours=24)
RECENT_READS = 5
CONFIRMED = "confirmed on applying"
"""The comment of an approval that was a plain yes when a plan was applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outset:
    """The checks of one plan, in the order in which they are made."""

    means: Means

    async def check(self, stored: StoredPlan, *, confirmed: bool) -> Sequence[Approval]:
        """Return the approvals that hold, the actor's own among them when his yes suffices. Raises `PlanStale`,
        `PlanError`, `NotApproved`, `GuardRefused`, `Frozen`."""
        plan = stored.plan
        self.check_state(stored)
        sync = self.sync_of(plan)
        approvals = await self._approvals(stored, sync, confirmed=confirmed)
        refuse(lift(plan, approvals))
        self.check_freeze(sync)
        return approvals

    def sync_of(self, plan: Plan) -> SyncSettings:
        """Return the settings of a plan's sync. Raises `PlanStale` when they are gone or differ from the plan's."""
        if plan.sync not in self.means.workspace.syncs:
            raise PlanStale(f"The sync {plan.sync} of this plan no longer exists in {self.means.workspace.file}.")
        sync = self.means.endpoints.sync(plan.sync)
        if configuration_digest(sync, self.means.endpoints.adapters_of(sync)) != plan.config_digest:
            raise PlanStale(
                f"The settings of {plan.sync} or of its adapters have changed since this plan was made. "
                f"Make a new one: syncdeck plan {plan.sync}"
            )
        return sync

    def check_freeze(self, sync: SyncSettings) -> None:
        """Raise `Frozen` when a freeze window forbids changes now."""
        if sentence := frozen(sync.name, sync.guards.freeze, self.means.now()):
            raise Frozen(sentence)

    def check_state(self, stored: StoredPlan) -> None:
        """Raise `PlanError`, `PlanStale` or `NotApproved` for a plan whose time is over, whatever the settings."""
        plan = stored.plan
        if plan.error:
            raise PlanError(f"This plan cannot be applied, for nothing could be planned: {plan.error}")
        if self.means.now() >= plan.expires_at:
            raise PlanStale(
                f"This plan expired at {plan.expires_at:%Y-%m-%d %H:%M} UTC. Make a new one: syncdeck plan {plan.sync}"
            )
        if stored.state is PlanState.APPLIED:
            raise PlanStale(
                "This plan has been carried out before. Resume its run if something is left, or make a new plan: "
                f"syncdeck plan {plan.sync}"
            )
        for approval in stored.approvals:
            if approval.decision is Decision.REJECT:
                said = f": {approval.comment}" if approval.comment else "."
                raise NotApproved(f"{approval.approver} rejected this plan{said}")

    async def _approvals(self, stored: StoredPlan, sync: SyncSettings, *, confirmed: bool) -> Sequence[Approval]:
        if not needs_approval(stored.plan, sync.approval, stored.approvals):
            return stored.approvals
        if not (confirmed and self.yes_suffices(stored, sync)):
            raise NotApproved(self.approval_sentence(stored, sync))
        own = self._confirmation(stored)
        await self.means.journal.decide(own)
        return (*stored.approvals, own)

    def yes_suffices(self, stored: StoredPlan, sync: SyncSettings) -> bool:
        """Say whether an approval is missing that this actor's confirmation when applying counts as."""
        with_own = (*stored.approvals, self._confirmation(stored))
        return (
            not sync.approval.required
            and needs_approval(stored.plan, sync.approval, stored.approvals)
            and not needs_approval(stored.plan, sync.approval, with_own)
        )

    def _confirmation(self, stored: StoredPlan) -> Approval:
        return Approval(
            digest=stored.digest,
            decision=Decision.APPROVE,
            approver=self.means.actor,
            at=self.means.now(),
            comment=CONFIRMED,
        )

    def approval_sentence(self, stored: StoredPlan, sync: SyncSettings) -> str:
        """Return what is missing, for a plan that needs an approval."""
        somebody = " by somebody other than its author" if sync.approval.four_eyes else ""
        return (
            f"This plan of {stored.plan.sync} needs an approval{somebody} before it is applied: "
            f"syncdeck approve {stored.digest[:12]}"
        )

    def state(self, stored: StoredPlan, *, has_run: bool) -> PlanState:
        """Return where a plan stands now, by this workspace's policy."""
        sync = self.means.workspace.syncs.get(stored.plan.sync)
        if sync is None:
            return PlanState.EXPIRED
        standing = Standing(policy=sync.approval, approvals=stored.approvals, has_run=has_run, now=self.means.now())
        return state_of(stored.plan, standing)


def refuse(plan: Plan) -> None:
    """Raise `GuardRefused` with every sentence of the guards that refuse a plan."""
    if refusals := plan.refusals:
        raise GuardRefused("\n".join(verdict.refusal for verdict in refusals))


async def circumstances(means: Means, plan: Plan, least_members: Mapping[str, int]) -> Circumstances:
    """Gather what the guards must know beside the plan."""
    since = means.now() - REMOVAL_WINDOW
    targets = [target.target for target in plan.targets]
    managed = means.endpoints.sync(plan.sync).guards.managed_only
    return Circumstances(
        recent_counts=await means.journal.recent_source_counts(plan.sync, RECENT_READS),
        removed_lately={name: await means.journal.removals_since(plan.sync, name, since) for name in targets},
        least_members=least_members,
        owned={name: await means.journal.owned(name) for name in targets} if managed else {},
    )


def least_members(plan: Plan) -> Mapping[str, int]:
    """Return how many members each target must keep, as the plan was told: only a connected target knows it."""
    return {
        target.target: int(verdict.limit or 0) + len(target.snapshot.carried if target.snapshot else ())
        for target in plan.targets
        for verdict in target.guards
        if verdict.guard == "min_left"
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left to do at one target when it was read again, and how many members it must keep."""

    target_plan: TargetPlan
    least_members: int


async def judge_again(means: Means, plan: Plan, left: Mapping[str, Left], approvals: Sequence[Approval]) -> None:
    """Judge what is left of a plan, as its targets are now. Raises `GuardRefused`."""
    rest = replace(
        plan,
        targets=tuple(
            left[target.target].target_plan if target.target in left else replace(target, changes=())
            for target in plan.targets
        ),
    )
    least = {name: one.least_members for name, one in left.items()}
    guards = means.endpoints.sync(plan.sync).guards
    refuse(lift(judge(rest, guards, await circumstances(means, rest, least)), approvals))
