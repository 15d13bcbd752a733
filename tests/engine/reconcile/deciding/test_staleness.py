"""What a second reading says about every change: needed, already so, drifted; and what nobody planned."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.reconcile.deciding.staleness import HeldCollector, Sorted, respelled, sort_changes
from engine.reconcile.plan import Plan
from engine.reconcile.records import Batch, Value
from tests.engine.reconcile.model import NOW, DictTarget, Record, batch_of, only, planned, sync_of

SYNC = sync_of(attributes={"name": "name", "number": "number"}, rename_by="number")


def record(spelling: str, name: str, number: Value = "") -> Record:
    return (spelling, {"name": name, "number": number})


BEFORE = [record("Bob", "B."), record("cy", "Cy"), record("Old", "Di", 4), record("ed", "Ed")]
PLAN: Plan = planned(
    SYNC,
    batch_of([record("ann", "Ann"), record("bob", "Bob"), record("new", "Di", 4), record("ed", "Ed")]),
    batch_of(BEFORE),
)
RENAME, ADD, UPDATE, REMOVE = range(4)


def sorted_for(*records: Record) -> Sorted:
    return sort_changes(only(PLAN), DictTarget(records, ("name", "number")).held(PLAN, SYNC))


def test_the_plan_has_one_change_of_each_action() -> None:
    assert [str(change.action) for change in only(PLAN).changes] == ["rename", "add", "update", "remove"]


def test_an_unchanged_target_needs_everything() -> None:
    assert sorted_for(*BEFORE) == Sorted(needed=(0, 1, 2, 3), already=(), drifted={})


def test_a_finished_target_needs_nothing() -> None:
    after = [record("ann", "Ann"), record("Bob", "Bob"), record("new", "Di", "4"), record("ed", "Ed")]
    assert sorted_for(*after) == Sorted(needed=(), already=(0, 1, 2, 3), drifted={})


DRIFT = {
    "somebody added her with another name": (ADD, [record("Ann", "Anna")], []),
    "somebody removed who should be updated": (UPDATE, [], ["Bob"]),
    "somebody renamed who should be updated": (UPDATE, [record("Bob", "Robert")], []),
    "somebody changed who should be removed": (REMOVE, [record("cy", "Cyrus")], []),
    "somebody removed who should be renamed": (RENAME, [], ["Old"]),
    "somebody changed who should be renamed": (RENAME, [record("Old", "Dee", 4)], []),
    "somebody took the new name": (RENAME, [record("new", "Nu", 5)], []),
}


@pytest.mark.parametrize("story", DRIFT)
def test_a_change_whose_precondition_is_gone_has_drifted(story: str) -> None:
    place, changed, gone = DRIFT[story]
    kept = {spelling: attributes for spelling, attributes in BEFORE if spelling not in gone} | dict(changed)
    outcome = sorted_for(*kept.items())
    assert list(outcome.drifted) == [place]
    assert set(outcome.needed) == {RENAME, ADD, UPDATE, REMOVE} - {place}
    assert outcome.drifted_removals == ((place,) if place in (REMOVE, RENAME) else ())


def test_a_drifted_removal_says_in_words_what_has_changed() -> None:
    outcome = sorted_for(*[one for one in BEFORE if one[0] != "cy"], record("cy", "Cyrus"))
    (place,) = outcome.drifted_removals
    assert "cy was changed by somebody else: name is 'Cyrus'" in outcome.drifted[place]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([record("ed", "Ed"), record("flo", "Flo")], "2 other members instead of 1"),
        ([], "0 other members instead of 1"),
        ([record("ed", "Eduard")], "other members have other attributes or names"),
    ],
)
def test_what_nobody_planned_is_reported(others: list[Record], told: str) -> None:
    outcome = sorted_for(*BEFORE[:3], *others)
    assert outcome.needed == (0, 1, 2, 3)
    assert outcome.unplanned == (
        (
            f"list was changed by others since the plan was made, beside what the plan covers ({told}). Make a new "
            f"plan "
            "to see it."
        ),
    )


def held_of(batch: Batch) -> Sorted:
    collector = HeldCollector(only(PLAN), SYNC)
    collector.add(batch)
    return sort_changes(only(PLAN), collector.finish(NOW))


def test_somebody_who_is_there_twice_by_now_is_left_alone() -> None:
    outcome = held_of(batch_of([*BEFORE, record("CY", "Cy")]))
    assert outcome.drifted == {REMOVE: "cy is there twice by now."}


def test_another_account_under_the_same_name_has_drifted() -> None:
    sync = sync_of()
    members = Batch(spellings=["ann"], native_ids=["U1"], proof="end")
    plan = planned(sync, batch_of([]), members)
    collector = HeldCollector(only(plan), sync)
    collector.add(replace(members, native_ids=["U2"]))
    outcome = sort_changes(only(plan), collector.finish(NOW))
    assert outcome.drifted == {0: "ann is another account by now (U2, was U1)."}


def test_a_change_calls_its_member_as_the_target_spells_it_now() -> None:
    target = DictTarget([record("BOB", "B."), *BEFORE[1:]], ("name", "number"))
    held = target.held(PLAN, SYNC)
    assert sort_changes(only(PLAN), held).needed == (0, 1, 2, 3)
    spelled = [change.spelling for change in respelled(only(PLAN), held).changes]
    assert spelled == ["Old", "ann", "BOB", "cy"]


def test_the_whole_fingerprint_of_an_unchanged_target_is_the_plans() -> None:
    held = DictTarget(BEFORE, ("name", "number")).held(PLAN, SYNC)
    snapshot = only(PLAN).snapshot
    assert snapshot is not None
    assert held.whole == snapshot.fingerprint
