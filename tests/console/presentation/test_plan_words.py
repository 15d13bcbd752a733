"""What is said about a plan and asked before it is decided."""

from __future__ import annotations

import pytest

from console.presentation.guards import gauge
from console.presentation.plan_comparison import compare, comparison_lines
from console.presentation.plan_words import Deed, approval_matter, facts, override_matter, rejection_matter
from console.presentation.spans import Line, plain, width_of
from console.presentation.wording import emphasised
from engine.reconcile.history import PlanState
from engine.reconcile.plan import Plan, TargetPlan
from engine.reconcile.results import Readiness, StoredPlan
from tests.doubles.plans import NOW, addition, digest_of, plan, refused_plan, removal, sample_plan, update


def stored(made: Plan, state: PlanState = PlanState.OPEN) -> StoredPlan:
    return StoredPlan(digest=digest_of(made), plan=made, state=state)


def readiness(made: Plan, **more: object) -> Readiness:
    return Readiness(digest=digest_of(made), state=PlanState.OPEN, refusals=made.refusals, **more)  # type: ignore[arg-type]


def text(lines: list[Line] | tuple[Line, ...]) -> str:
    return "\n".join(plain(line) for line in lines)


@pytest.mark.parametrize("width", [78, 158])
def test_the_facts_fit_and_name_what_matters(width: int) -> None:
    lines = facts(stored(sample_plan(), PlanState.WAITING), width, NOW)
    assert all(width_of(line) <= width for line in lines)
    for words in ("engineering", "waits for approval", "512 records, read 2 m ago", "expires in 23 h"):
        assert words in text(lines)


def test_a_refusal_stands_on_top_with_number_limit_and_way_out() -> None:
    brief = text(facts(stored(refused_plan()), 78, NOW))
    assert "removes 40 of 52 members of list; at most 20 % may go in one plan." in brief
    assert "O lifts it for this plan" in brief


def test_nothing_in_the_way_asks_to_apply_and_to_type_what_the_engine_says() -> None:
    matter = approval_matter(stored(sample_plan()), readiness(sample_plan(), confirm_word="wiki"), 0, 64)
    assert (matter.deed, matter.typed, matter.button) == (Deed.APPLY, "wiki", "Apply 8 changes")
    assert "-2  >1  +2  ~1" in text(matter.lines)
    assert "of 120 members" in text(matter.lines)


def test_a_missing_approval_asks_to_approve_only() -> None:
    waiting = readiness(sample_plan(), needs_approval=True, obstacles=("It waits for an approval.",))
    matter = approval_matter(stored(sample_plan()), waiting, 0, 64)
    assert (matter.deed, matter.button) == (Deed.APPROVE, "Approve")


def test_who_may_not_approve_can_do_nothing_but_read_why() -> None:
    waiting = readiness(sample_plan(), needs_approval=True, may_approve=False, obstacles=("Four eyes.",))
    matter = approval_matter(stored(sample_plan()), waiting, 0, 64)
    assert matter.deed is None
    assert "Four eyes." in text(matter.lines)


def test_what_is_left_out_is_counted_before_the_decision() -> None:
    matter = approval_matter(stored(sample_plan()), readiness(sample_plan()), 3, 64)
    assert "3 changes of the plan left out" in text(matter.lines)


def test_an_override_names_the_guard_and_asks_for_a_reason_and_the_number() -> None:
    made = refused_plan()
    matter = override_matter(stored(made), readiness(made), 64)
    assert "max_removal_percent" in matter.title
    assert (matter.typed, matter.comment_needed) == ("remove 40 list", True)


def test_a_rejection_says_that_it_is_for_good() -> None:
    assert "never be applied" in text(rejection_matter(stored(sample_plan()), 64).lines)


def test_two_plans_differ_by_what_is_new_gone_and_asked_otherwise() -> None:
    before = plan(TargetPlan(target="wiki", changes=(addition("a@x"), removal("b@x"), update("c@x"))))
    now = plan(TargetPlan(target="wiki", changes=(addition("a@x"), removal("d@x"), update("c@x", after="Chief"))))
    compared = compare(now, before)
    assert [change.spelling for _, change in compared.new] == ["d@x"]
    assert [change.spelling for _, change in compared.gone] == ["b@x"]
    assert [change.spelling for _, change in compared.otherwise] == ["c@x"]
    assert compared.same == 1
    assert "1 new · 1 gone · 1 with other values · 1 change the same" in text(
        list(comparison_lines(compared, before, NOW))
    )


GAUGES = {
    "nothing": (0, 10, "····"),
    "a trace shows": (0.01, 10, "█···"),
    "almost is not full": (9.99, 10, "███·"),
    "the limit fills it": (10, 10, "████"),
    "beyond stays full": (77, 20, "████"),
    "no limit at all": (0, 0, "····"),
}


@pytest.mark.parametrize(("observed", "limit", "bar"), GAUGES.values(), ids=GAUGES)
def test_a_gauge_is_full_at_its_limit_and_not_before(observed: float, limit: float, bar: str) -> None:
    assert gauge(observed, limit, 4) == bar


def test_words_that_stay_are_quiet_and_words_that_change_are_marked() -> None:
    old, new = emphasised("Junior Engineer, Berlin", "Senior Engineer, Berlin")
    assert [span.text for span in old if span.role == "old"] == ["Junior"]
    assert [span.text for span in new if span.role == "new"] == ["Senior"]


def test_values_of_megabytes_are_told_by_their_size() -> None:
    old, new = emphasised("x" * 10_000_000, "y")
    assert "(10,000,000 characters)" in plain(old)
    assert plain(new) == "y"


def test_a_plan_that_could_not_see_everything_does_not_say_there_is_nothing_to_do() -> None:
    unread = TargetPlan(target="list", error="list cannot be reached.")
    blind = text(facts(stored(plan(unread), PlanState.EMPTY), 78, NOW))
    assert "incomplete" in blind
    assert "nothing to do" not in blind
    seen = text(facts(stored(plan(TargetPlan(target="list")), PlanState.EMPTY), 78, NOW))
    assert "nothing to do" in seen
