"""Who must agree, who did, and where that leaves a plan."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.errors import NotApproved, PlanStale
from engine.reconcile.deciding.approval import (
    Standing,
    check_decision,
    confirm_word,
    may_approve,
    needs_approval,
    state_of,
)
from engine.reconcile.deciding.guards import Circumstances, judge
from engine.reconcile.history import Approval, Decision, Digest, PlanState
from engine.reconcile.plan import Plan
from engine.settings.model import ApprovalSettings, GuardSettings
from tests.engine.reconcile.deciding.test_guards import OFF, plan_of
from tests.engine.reconcile.model import NOW

NOBODY = ApprovalSettings(removals=False)
REMOVALS = ApprovalSettings()
ALWAYS = ApprovalSettings(required=True)
FOUR_EYES = ApprovalSettings(required=True, four_eyes=True)


def said(approver: str, decision: Decision = Decision.APPROVE, *overrides: str) -> Approval:
    return Approval(
        digest=Digest("d"), decision=decision, approver=approver, at=NOW, comment="because", overrides=overrides
    )


ADDS, REMOVES, NOTHING = plan_of(20, add=1), plan_of(20, remove=1), plan_of(20)


@pytest.mark.parametrize(
    ("plan", "policy", "approvers", "needed"),
    [
        (ADDS, NOBODY, [], False),
        (REMOVES, NOBODY, [], False),
        (ADDS, REMOVALS, [], False),
        (REMOVES, REMOVALS, [], True),
        (REMOVES, REMOVALS, ["ann"], False),
        (ADDS, ALWAYS, [], True),
        (ADDS, ALWAYS, ["ann"], False),
        (ADDS, FOUR_EYES, ["ann"], True),
        (ADDS, FOUR_EYES, ["ann", "bob"], False),
        (ADDS, FOUR_EYES, ["bob"], False),
    ],
)
def test_who_has_to_agree(plan: Plan, policy: ApprovalSettings, approvers: list[str], needed: bool) -> None:
    assert needs_approval(plan, policy, [said(name) for name in approvers]) is needed


def test_under_four_eyes_the_author_cannot_lift_a_guard_alone() -> None:
    policy = ApprovalSettings(removals=False, four_eyes=True)
    own = said("ann", Decision.APPROVE, "max_additions")
    assert needs_approval(ADDS, policy, [own])
    assert not needs_approval(ADDS, policy, [own, said("bob")])


def test_the_author_is_told_why_his_approval_would_not_do() -> None:
    assert may_approve(ADDS, FOUR_EYES, "ann") == (
        "ann made this plan, and sync eng asks for four eyes: somebody else has to approve it."
    )
    assert may_approve(ADDS, FOUR_EYES, "bob") == ""
    assert may_approve(ADDS, ALWAYS, "ann") == ""


REFUSED = judge(plan_of(20, remove=2), replace(OFF, max_removals=1), Circumstances())
LATER = NOW + timedelta(days=2)


@pytest.mark.parametrize(
    ("plan", "standing", "state"),
    [
        (ADDS, Standing(policy=REMOVALS, now=NOW), PlanState.OPEN),
        (REMOVES, Standing(policy=REMOVALS, now=NOW), PlanState.WAITING),
        (REMOVES, Standing(policy=REMOVALS, now=NOW, approvals=[said("bob")]), PlanState.APPROVED),
        (ADDS, Standing(policy=FOUR_EYES, now=NOW, approvals=[said("ann")]), PlanState.WAITING),
        (REFUSED, Standing(policy=REMOVALS, now=NOW), PlanState.REFUSED),
        (REFUSED, Standing(policy=REMOVALS, now=NOW, approvals=[said("bob")]), PlanState.REFUSED),
        (
            REFUSED,
            Standing(policy=REMOVALS, now=NOW, approvals=[said("bob", Decision.APPROVE, "max_removals")]),
            PlanState.APPROVED,
        ),
        (REMOVES, Standing(policy=REMOVALS, now=LATER, approvals=[said("bob")]), PlanState.EXPIRED),
        (REFUSED, Standing(policy=REMOVALS, now=LATER), PlanState.EXPIRED),
        (
            REMOVES,
            Standing(policy=REMOVALS, now=NOW, approvals=[said("bob"), said("cy", Decision.REJECT)]),
            PlanState.REJECTED,
        ),
        (NOTHING, Standing(policy=ALWAYS, now=NOW), PlanState.EMPTY),
        (NOTHING, Standing(policy=ALWAYS, now=LATER), PlanState.EMPTY),
        (REMOVES, Standing(policy=REMOVALS, now=LATER, has_run=True), PlanState.APPLIED),
    ],
)
def test_where_a_plan_stands(plan: Plan, standing: Standing, state: PlanState) -> None:
    assert state_of(plan, standing) is state


def test_a_plan_without_changes_is_refused_all_the_same_when_its_source_is_empty() -> None:
    plan = judge(plan_of(20, source=0), GuardSettings(), Circumstances())
    assert state_of(plan, Standing(policy=NOBODY, now=NOW)) is PlanState.REFUSED


@pytest.mark.parametrize(
    ("decision", "error", "sentence"),
    [
        (
            replace(said("bob", Decision.APPROVE, "max_removals"), comment=" "),
            NotApproved,
            "Lifting a guard needs a comment that says why: --comment TEXT.",
        ),
        (
            said("bob", Decision.APPROVE, "min_left"),
            NotApproved,
            r"The guard min_left does not refuse this plan \(those that do: max_removals\).",
        ),
        (replace(said("bob"), at=LATER), PlanStale, "This plan expired at 2026-03-03 09:30 UTC."),
    ],
)
def test_a_decision_that_cannot_stand_is_refused(decision: Approval, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        check_decision(REFUSED, decision)


def test_a_rejection_needs_no_reason_and_comes_never_too_late() -> None:
    check_decision(REFUSED, replace(said("bob", Decision.REJECT), comment="", at=LATER))


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (plan_of(1_000, remove=4), ""),
        (plan_of(1_000, remove=5), "list"),
        (plan_of(20, remove=1), ""),
        (plan_of(10, remove=1), "list"),
        (plan_of(3, add=50), ""),
    ],
)
def test_many_removals_ask_for_the_targets_name(plan: Plan, word: str) -> None:
    assert confirm_word(plan) == word


def test_of_several_targets_the_one_that_loses_most_is_asked_for() -> None:
    few, many = plan_of(100, remove=6), plan_of(100, remove=9)
    both = replace(few, targets=(few.targets[0], replace(many.targets[0], target="wiki")))
    assert confirm_word(both) == "wiki"
