"""What sync programs before this one got wrong, each as a story that must end well here."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from engine.reconcile.deciding.planfile import encode
from engine.reconcile.plan import ORDER, Action
from engine.settings.model import GuardSettings, Mode, SyncSettings
from tests.engine.reconcile.model import NO_LIMITS, DictTarget, Record, acts, batch_of, only, planned, sync_of

THREE = batch_of([("a", {}), ("b", {}), ("c", {})])


def test_an_empty_source_under_default_settings_removes_nobody() -> None:
    plan = planned(sync_of(guards=GuardSettings()), batch_of([]), THREE)
    assert "min_source" in {verdict.guard for verdict in plan.refusals}
    assert not plan.applyable


def test_the_default_mode_adds_before_it_removes() -> None:
    assert SyncSettings(name="s", source="a", targets=("b",)).mode is Mode.ADD_REMOVE
    plan = planned(sync_of(), batch_of([("new", {})]), batch_of([("old", {})]))
    assert [action for action, _ in acts(plan)] == ["add", "remove"]


def test_limits_judge_the_whole_plan_before_its_first_change() -> None:
    guards = replace(NO_LIMITS, max_additions=2)
    source = batch_of([(f"new{number}", {}) for number in range(4)])
    plan = planned(sync_of(guards=guards, mode=Mode.REMOVE_ADD), source, THREE)
    assert next(action for action, _ in acts(plan)) == "remove"
    assert not plan.applyable


def test_letter_case_is_compared_away_and_still_kept_for_calls() -> None:
    target = DictTarget([("Ann@Example.com", {}), ("Leaver@Example.COM", {})])
    plan = planned(sync_of(), batch_of([("ann@example.com", {})]), target.read())
    assert acts(plan) == [("remove", "Leaver@Example.COM")]
    target.carry_out(only(plan).changes)
    assert [spelling for spelling, _ in target.members.values()] == ["Ann@Example.com"]


def test_an_unknown_mode_is_an_error_and_every_known_one_does_something() -> None:
    fields = {"name": "eng", "source": "people", "targets": ["list"], "mode": "mirror"}
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'mirror'"):
        msgspec.convert(fields, SyncSettings)
    assert ORDER.keys() == set(Mode)
    assert all(ORDER.values())


def test_a_second_plan_sees_what_came_meanwhile() -> None:
    source: list[Record] = [("a", {}), ("c", {})]
    first = planned(sync_of(), batch_of(source), THREE)
    second = planned(sync_of(), batch_of([*source, ("b", {})]), THREE)
    assert (acts(first), acts(second)) == ([("remove", "b")], [])


def test_a_preview_is_data_also_when_it_is_refused() -> None:
    plan = planned(sync_of(guards=replace(NO_LIMITS, max_removals=0)), batch_of([]), THREE)
    assert plan.refusals
    assert [change.key for change in only(plan).changes] == ["a", "b", "c"]


def test_the_order_of_changes_is_the_same_every_time() -> None:
    names = [f"user{number}" for number in range(40)]
    plans = [planned(sync_of(), batch_of([(name, {}) for name in order]), THREE) for order in (names, names[::-1])]
    assert acts(plans[0]) == acts(plans[1])
    assert encode(plans[0]).digest == encode(plans[1]).digest


def test_members_without_an_address_do_not_collide_in_the_empty_key() -> None:
    target = batch_of([("", {"name": "Deploy bot"}), ("", {"name": "Guest"}), ("ann", {"name": "Ann"})])
    plan = planned(sync_of(attributes={"name": "name"}), batch_of([("ann", {"name": "Ann"})]), target)
    snapshot = only(plan).snapshot
    assert acts(plan) == []
    assert snapshot is not None
    assert [carried.label for carried in snapshot.carried] == ["Deploy bot", "Guest"]


def test_a_failed_item_leaves_a_plan_that_converges_on_the_next_run() -> None:
    target = DictTarget([("old", {})])
    plan = planned(sync_of(), batch_of([("new", {})]), target.read())
    target.carry_out([change for change in only(plan).changes if change.action is Action.REMOVE])
    assert acts(planned(sync_of(), batch_of([("new", {})]), target.read())) == [("add", "new")]
