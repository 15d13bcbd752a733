"""Every guard by its sentence: when it is content, when it refuses, and what it says then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.reconcile.deciding.approval import lift
from engine.reconcile.deciding.guards import Circumstances, judge
from engine.reconcile.history import Approval, Decision, Digest
from engine.reconcile.plan import Action, Change, Plan, Snapshot, TargetPlan, Verdict
from engine.reconcile.records import Carried, Fingerprint, RecordKey
from engine.settings.model import GuardSettings, Mode
from tests.engine.reconcile.model import NOW

DEFAULTS = GuardSettings()
OFF = GuardSettings(
    max_removals=None,
    max_removal_percent=None,
    max_additions=None,
    min_source=0,
    max_source_drop_percent=None,
    window_removal_percent=None,
)


def snapshot(count: int, *carried: Carried) -> Snapshot:
    return Snapshot(
        adapter="people", read_at=NOW, fingerprint=Fingerprint(count=count, sum="0" * 32), proof="end", carried=carried
    )


def plan_of(members: int, *, source: int = 100, mode: Mode = Mode.ADD_REMOVE, **counts: int) -> Plan:
    """Return a plan with so many changes of each action for a target of so many members."""
    changes = [
        Change(action=Action(action), key=RecordKey(f"{action}{number}"), spelling=f"{action}{number}")
        for action, count in counts.items()
        for number in range(count)
    ]
    return Plan(
        sync="eng",
        mode=mode,
        created_at=NOW,
        created_by="ann",
        expires_at=NOW + timedelta(hours=24),
        config_digest="",
        source=snapshot(source),
        targets=(TargetPlan(target="list", snapshot=snapshot(members), changes=tuple(changes)),),
    )


def verdict(plan: Plan, guards: GuardSettings, guard: str, **circumstances: object) -> Verdict:
    judged = judge(plan, guards, Circumstances(**circumstances))  # type: ignore[arg-type]
    found = {one.guard: one for one in (*judged.source_guards, *judged.targets[0].guards)}
    return found[guard]


REFUSALS = {
    "ten removals may go, eleven may not": (
        plan_of(100, remove=11),
        replace(OFF, max_removals=10),
        (
            "The plan removes 11 members of list, which has 100; at most 10 may be in one plan. Check the source, or "
            "raise "
            "guards.max_removals of sync eng, or approve this plan with an override of max_removals."
        ),
    ),
    "a fifth of the members may go": (
        plan_of(52, remove=11),
        replace(OFF, max_removal_percent=20.0),
        (
            "The plan removes 11 of 52 members of list (21.2 %); at most 20 % may go in one plan. Check the source, or "
            "raise guards.max_removal_percent of sync eng, or approve this plan with an override of "
            "max_removal_percent."
        ),
    ),
    "so many additions are a mistake": (
        plan_of(0, add=501),
        replace(OFF, max_additions=500),
        (
            "The plan adds 501 members to list, which has 0; at most 500 may be in one plan. Check the source, or "
            "raise "
            "guards.max_additions of sync eng, or approve this plan with an override of max_additions."
        ),
    ),
    "updates and renames count together": (
        plan_of(9, update=2, rename=1),
        replace(OFF, max_updates=2),
        (
            "The plan updates or renames 3 members of list, which has 9; at most 2 may be in one plan. Check the "
            "source, "
            "or raise guards.max_updates of sync eng, or approve this plan with an override of max_updates."
        ),
    ),
    "an empty source empties nothing": (
        plan_of(5, source=0, remove=5),
        replace(OFF, min_source=1),
        (
            "people yields 0 records in the scope of sync eng; at least 1 must be there before anything is changed. "
            "Check "
            "the source and the scope, or lower guards.min_source of sync eng, or approve this plan with an override "
            "of "
            "min_source."
        ),
    ),
    "some have to stay": (
        plan_of(5, remove=4, add=1),
        replace(OFF, min_left=3),
        (
            "The plan leaves 2 members in list; at least 3 must stay. Check the source, or lower guards.min_left of "
            "sync "
            "eng, or approve this plan with an override of min_left."
        ),
    ),
    "nobody may be missed even for a moment when removals come first": (
        plan_of(5, remove=4, add=4, mode=Mode.REMOVE_ADD),
        replace(OFF, min_left=3),
        (
            "The plan leaves 1 member in list; at least 3 must stay. Check the source, or lower guards.min_left of "
            "sync "
            "eng, or approve this plan with an override of min_left."
        ),
    ),
    "a protected member stays whatever plan says otherwise": (
        plan_of(5, remove=2),
        replace(OFF, protect=("REMOVE*",)),
        (
            "The plan changes remove0 and 1 more of list, protected by guards.protect of sync eng. Leave them out of "
            "the "
            "selection, or approve this plan with an override of protect."
        ),
    ),
}


@pytest.mark.parametrize("rule", REFUSALS)
def test_a_refusal_names_number_limit_and_what_to_do(rule: str) -> None:
    plan, guards, sentence = REFUSALS[rule]
    judged = judge(plan, guards, Circumstances())
    assert [one.refusal for one in judged.refusals] == [sentence]
    assert not judged.applyable


CONTENT = {
    "exactly the limit may go": (plan_of(100, remove=10), replace(OFF, max_removals=10), "max_removals", 10, 10),
    "a percentage of few members means nothing": (
        plan_of(10, remove=5),
        replace(OFF, max_removal_percent=20.0),
        "max_removal_percent",
        50.0,
        20.0,
    ),
    "exactly a fifth may go": (
        plan_of(50, remove=10),
        replace(OFF, max_removal_percent=20.0),
        "max_removal_percent",
        20.0,
        20.0,
    ),
    "a small target that nobody leaves is fine": (plan_of(1, add=1), replace(OFF, min_left=5), "min_left", 2, 5),
    "protected members may be added": (plan_of(1, add=1), replace(OFF, protect=("add*",)), "protect", 0, 0),
}


@pytest.mark.parametrize("rule", CONTENT)
def test_a_content_guard_still_shows_what_it_observed(rule: str) -> None:
    plan, guards, guard, observed, limit = CONTENT[rule]
    found = verdict(plan, guards, guard)
    assert (found.refusal, found.observed, found.limit) == ("", observed, limit)


def test_all_guards_protect_by_default() -> None:
    judged = judge(plan_of(100, source=0, remove=100, add=501), DEFAULTS, Circumstances(recent_counts=[100]))
    assert {one.guard for one in judged.refusals} == {
        "min_source",
        "max_source_drop_percent",
        "max_removals",
        "max_removal_percent",
        "window_removal_percent",
        "max_additions",
    }


@pytest.mark.parametrize(
    ("recent", "count", "observed", "refuses"),
    [
        ([], 1, 0.0, False),
        ([100, 100, 100, 100, 100], 70, 30.0, False),
        ([100, 100, 100, 100, 100], 69, 31.0, True),
        ([100, 100, 100, 5, 5], 69, 31.0, True),
        ([900, 900, 100, 100, 100, 100, 100], 70, 30.0, False),
        ([10], 12, 0.0, False),
    ],
)
def test_the_source_may_not_shrink_against_the_median_of_its_last_five_reads(
    recent: list[int], count: int, observed: float, refuses: bool
) -> None:
    guards = replace(OFF, max_source_drop_percent=30.0)
    found = verdict(plan_of(5, source=count), guards, "max_source_drop_percent", recent_counts=recent)
    assert found.observed == pytest.approx(observed)
    assert found.refuses is refuses


def test_a_shrunken_source_is_told_with_its_usual_size() -> None:
    guards = replace(OFF, max_source_drop_percent=30.0)
    found = verdict(plan_of(5, source=12), guards, "max_source_drop_percent", recent_counts=[500, 498, 500])
    assert found.refusal == (
        "people shrank to 12 records from 500 (median of its last good reads), by 97.6 %; at most 30 % is accepted. "
        "Check the source, or raise guards.max_source_drop_percent of sync eng, or approve this plan with an override "
        "of max_source_drop_percent."
    )


@pytest.mark.parametrize(
    ("members", "removals", "lately", "refuses"),
    [(100, 30, 0, False), (100, 31, 0, True), (80, 10, 20, False), (80, 11, 20, True), (70, 0, 60, False)],
)
def test_many_small_plans_within_a_day_are_one_big_one(members: int, removals: int, lately: int, refuses: bool) -> None:
    guards = replace(OFF, window_removal_percent=30.0)
    found = verdict(
        plan_of(members, remove=removals), guards, "window_removal_percent", removed_lately={"list": lately}
    )
    assert found.refuses is refuses


def test_the_daily_budget_tells_what_it_counted() -> None:
    guards = replace(OFF, window_removal_percent=30.0)
    found = verdict(plan_of(80, remove=11), guards, "window_removal_percent", removed_lately={"list": 20})
    assert found.refusal == (
        "With the 20 removed within the last 24 hours, this plan takes 31 of 100 members from list (31 %); at most "
        "30 % may go in 24 hours. Wait, or check the source, or raise guards.window_removal_percent of sync eng, or "
        "approve this plan with an override of window_removal_percent."
    )


def test_a_target_that_cannot_be_emptied_keeps_its_last_member() -> None:
    found = verdict(plan_of(1, remove=1), OFF, "min_left", least_members={"list": 1})
    assert found.refusal.startswith("The plan leaves 0 members in list; at least 1 must stay (list cannot be emptied).")


def test_a_carried_member_keeps_a_target_from_being_empty() -> None:
    plan = plan_of(1, remove=1)
    nested = snapshot(1, Carried(label="cn=nested", kind="group"))
    with_group = replace(plan, targets=(replace(plan.targets[0], snapshot=nested),))
    assert not verdict(with_group, OFF, "min_left", least_members={"list": 1}).refuses


def test_a_plan_that_takes_back_a_run_has_no_source_to_judge() -> None:
    judged = judge(replace(plan_of(20, remove=11), source=None), DEFAULTS, Circumstances(recent_counts=[100]))
    assert judged.source_guards == ()
    assert {one.guard for one in judged.refusals} == {
        "max_removals",
        "max_removal_percent",
        "window_removal_percent",
    }


def test_one_refusing_target_refuses_the_whole_plan() -> None:
    quiet = TargetPlan(target="wiki", snapshot=snapshot(5))
    plan = plan_of(100, remove=11)
    judged = judge(replace(plan, targets=(quiet, *plan.targets)), replace(OFF, max_removals=10), Circumstances())
    assert [len(target.guards) > 0 for target in judged.targets] == [True, True]
    assert not judged.applyable


def approval(*guards: str, comment: str = "checked with HR") -> Approval:
    return Approval(
        digest=Digest("d"), decision=Decision.APPROVE, approver="bob", at=NOW, comment=comment, overrides=guards
    )


def test_an_approval_lifts_exactly_the_guards_it_names() -> None:
    judged = judge(plan_of(52, remove=11), DEFAULTS, Circumstances())
    lifted = lift(judged, [approval("max_removals")])
    assert [one.guard for one in lifted.refusals] == ["max_removal_percent"]
    assert lift(judged, [approval("max_removals"), approval("max_removal_percent")]).applyable
    assert [one.overridden_by for one in lifted.targets[0].guards if one.guard == "max_removals"] == ["bob"]


def test_a_guard_that_does_not_refuse_is_not_overridden() -> None:
    judged = judge(plan_of(52, remove=1), DEFAULTS, Circumstances())
    assert lift(judged, [approval("max_removals")]) == judged


def test_neither_a_silent_override_nor_a_rejection_lifts_anything() -> None:
    judged = judge(plan_of(52, remove=11), DEFAULTS, Circumstances())
    rejection = replace(approval("max_removals"), decision=Decision.REJECT)
    assert lift(judged, [approval("max_removals", comment=" "), rejection]) == judged
