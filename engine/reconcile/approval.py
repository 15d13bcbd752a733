"""Who must agree to a plan, who did, and where that leaves it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.reconcile.history import Approval, Digest, PlanState
from engine.reconcile.plan import Plan
from engine.settings.model import ApprovalSettings


def lift(plan: Plan, approvals: Sequence[Approval]) -> Plan:
    """Return the plan with `overridden_by` set on every refusing verdict that an approval lifts by name."""
    raise RuntimeError("under construction")


def needs_approval(plan: Plan, policy: ApprovalSettings, approvals: Sequence[Approval]) -> bool:
    """Say whether an approval is still missing, with what has been decided so far."""
    raise RuntimeError("under construction")


def may_approve(plan: Plan, policy: ApprovalSettings, approver: str) -> str:
    """Return the sentence that says why this person's approval would not do, or nothing. (Four eyes: the author's
    alone does not count, though he may give it.)"""
    raise RuntimeError("under construction")


def check_decision(plan: Plan, approval: Approval) -> None:
    """Raise `NotApproved` for an approval that cannot be kept: it lifts a guard without a comment, names a guard that
    does not refuse, or comes for a plan that has expired or was rejected."""
    raise RuntimeError("under construction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that decides about a plan's state beside the plan itself."""

    policy: ApprovalSettings
    approvals: Sequence[Approval] = ()
    has_run: bool = False
    now: datetime


def state_of(plan: Plan, standing: Standing) -> PlanState:
    """Return where the plan stands."""
    raise RuntimeError("under construction")


def confirm_word(plan: Plan) -> str:
    """Return what a person must type before this plan (a target's name), or nothing when a plain yes will do.

    Asked from 5 removals, or 10 % of a target's members, on.
    """
    raise RuntimeError("under construction")


def derive(plan: Plan, digest: Digest, chosen: Sequence[str], now: datetime, actor: str) -> Plan:
    """Return a plan of only the chosen items (item ids, keys, targets, or patterns with `*`), naming `digest` as its
    parent. It is not judged yet: hand it to `guards.judge`. It expires with its parent. Raises `NothingFound` for a
    choice that fits nothing."""
    raise RuntimeError("under construction")
