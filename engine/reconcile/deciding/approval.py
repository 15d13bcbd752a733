"""Who must agree to a plan, who did, and where that leaves it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from engine.errors import NotApproved, PlanStale
from engine.reconcile.history import Approval, Decision, PlanState
from engine.reconcile.plan import Action, Plan, TargetPlan, Verdict
from engine.settings.model import ApprovalSettings

CONFIRM_REMOVALS = 5
CONFIRM_PERCENT = 10


def lift(plan: Plan, approvals: Sequence[Approval]) -> Plan:
    """Return the plan with `overridden_by` set on every refusing verdict that an approval lifts by name.

    An override without a comment lifts nothing.
    """
    lifted: dict[str, str] = {}
    for approval in _approving(approvals):
        for guard in approval.overrides if approval.comment.strip() else ():
            lifted.setdefault(guard, approval.approver)
    if not lifted:
        return plan
    return replace(
        plan,
        source_guards=_lifted(plan.source_guards, lifted),
        targets=tuple(replace(target, guards=_lifted(target.guards, lifted)) for target in plan.targets),
    )


def _lifted(verdicts: Sequence[Verdict], lifted: dict[str, str]) -> tuple[Verdict, ...]:
    return tuple(
        replace(verdict, overridden_by=lifted[verdict.guard])
        if verdict.refusal and verdict.guard in lifted
        else verdict
        for verdict in verdicts
    )


def needs_approval(plan: Plan, policy: ApprovalSettings, approvals: Sequence[Approval]) -> bool:
    """Say whether an approval is still missing, with what has been decided so far.

    Under four eyes the author's own does not count, also where he lifts a guard.
    """
    asked = policy.required or (policy.removals and removals_of(plan) > 0)
    given = _approving(approvals)
    if not asked and not (policy.four_eyes and any(approval.overrides for approval in given)):
        return False
    return not any(not policy.four_eyes or approval.approver != plan.created_by for approval in given)


def may_approve(plan: Plan, policy: ApprovalSettings, approver: str) -> str:
    """Return the sentence that says why this person's approval would not do, or nothing. (Four eyes: the author's
    alone does not count, though he may give it.)"""
    if policy.four_eyes and approver == plan.created_by:
        return f"{approver} made this plan, and sync {plan.sync} asks for four eyes: somebody else has to approve it."
    return ""


def check_decision(plan: Plan, approval: Approval) -> None:
    """Raise for an approval that cannot be kept: `NotApproved` when it lifts a guard without a comment or one that
    does not refuse, `PlanStale` when the plan has expired. A rejection always can."""
    if approval.decision is Decision.REJECT:
        return
    if approval.at >= plan.expires_at:
        raise PlanStale(
            f"This plan expired at {plan.expires_at:%Y-%m-%d %H:%M} UTC. Make a new one: syncdeck plan {plan.sync}"
        )
    if approval.overrides and not approval.comment.strip():
        raise NotApproved("Lifting a guard needs a comment that says why: --comment TEXT.")
    refusing = sorted({verdict.guard for verdict in plan.refusals})
    for guard in approval.overrides:
        if guard not in refusing:
            told = f"those that do: {', '.join(refusing)}" if refusing else "none does"
            raise NotApproved(f"The guard {guard} does not refuse this plan ({told}).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that decides about a plan's state beside the plan itself."""

    policy: ApprovalSettings
    approvals: Sequence[Approval] = ()
    has_run: bool = False
    now: datetime


def state_of(plan: Plan, standing: Standing) -> PlanState:
    """Return where the plan stands."""
    refused = bool(lift(plan, standing.approvals).refusals)
    if standing.has_run:
        return PlanState.APPLIED
    if any(approval.decision is Decision.REJECT for approval in standing.approvals):
        return PlanState.REJECTED
    if plan.change_count == 0 and not refused:
        return PlanState.EMPTY
    if standing.now >= plan.expires_at:
        return PlanState.EXPIRED
    if refused:
        return PlanState.REFUSED
    if needs_approval(plan, standing.policy, standing.approvals):
        return PlanState.WAITING
    return PlanState.APPROVED if _approving(standing.approvals) else PlanState.OPEN


def confirm_word(plan: Plan) -> str:
    """Return what a person must type before this plan (a target's name), or nothing when a plain yes will do.

    Asked from 5 removals, or 10 % of a target's members, on. Of several targets, the one that loses most.
    """
    losing = [target for target in plan.targets if _loses_much(target)]
    if not losing:
        return ""
    return max(losing, key=lambda target: target.count(Action.REMOVE)).target


def removals_of(plan: Plan) -> int:
    """Return how many members the plan removes, over all targets."""
    return sum(target.count(Action.REMOVE) for target in plan.targets)


def _loses_much(target: TargetPlan) -> bool:
    removals = target.count(Action.REMOVE)
    members = target.snapshot.fingerprint.count if target.snapshot else 0
    return removals >= CONFIRM_REMOVALS or (removals > 0 and removals * 100 >= members * CONFIRM_PERCENT)


def _approving(approvals: Sequence[Approval]) -> list[Approval]:
    return [approval for approval in approvals if approval.decision is Decision.APPROVE]
