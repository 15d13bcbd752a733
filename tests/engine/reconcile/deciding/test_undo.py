"""Taking back what a run did, as a plan like any other."""

from __future__ import annotations

from msgspec.structs import replace

from engine.reconcile.deciding.guards import Circumstances, judge
from engine.reconcile.deciding.planning import Occasion
from engine.reconcile.deciding.staleness import sort_changes
from engine.reconcile.deciding.undo import inverse
from engine.reconcile.history import ItemState, RunId
from engine.reconcile.plan import Change, Plan
from engine.settings.model import GuardSettings, Mode
from tests.engine.reconcile.model import NO_LIMITS, NOW, DictTarget, Record, all_done, batch_of, only, planned, sync_of

SYNC = sync_of(attributes={"name": "name", "number": "number"}, rename_by="number", mode=Mode.REMOVE_ADD)
SOURCE = batch_of(
    [
        ("Ann", {"name": "Ann", "number": 1}),
        ("bob", {"name": "Bob", "number": 2}),
        ("new", {"name": "Di", "number": 4}),
    ]
)
HELD: list[Record] = [
    ("BOB", {"name": "B.", "number": 2}),
    ("Cy", {"name": "Cy", "number": 3}),
    ("Old", {"name": "Di", "number": 4}),
]
PLAN = planned(SYNC, SOURCE, batch_of(HELD))
OCCASION = Occasion(now=NOW, actor="eve", config_digest="c" * 64)


def undone(plan: Plan = PLAN, **guards: object) -> Plan:
    sync = replace(SYNC, guards=replace(NO_LIMITS, **guards))
    return inverse(plan, RunId(12), all_done(plan), sync, OCCASION)


def test_each_change_is_turned_round_with_what_the_run_left_as_its_precondition() -> None:
    told = [(str(change.action), change.spelling, change.renamed_to, change.why) for change in only(undone()).changes]
    assert told == [
        ("rename", "new", "Old", "Renamed by run 12."),
        ("add", "Cy", "", "Removed by run 12."),
        ("update", "BOB", "", "Updated by run 12."),
        ("remove", "Ann", "", "Added by run 12."),
    ]
    removal: Change = only(undone()).changes[-1]
    assert (removal.before, removal.after) == ({"name": "Ann", "number": 1}, None)


def test_only_what_was_done_is_taken_back() -> None:
    items = [replace(item, state=ItemState.REFUSED) for item in all_done(PLAN)]
    items[0] = replace(items[0], state=ItemState.DONE)
    back = inverse(PLAN, RunId(12), items, SYNC, OCCASION)
    assert len(only(back).changes) == 1


def test_an_inverse_plan_says_what_it_undoes_and_has_no_source() -> None:
    back = undone()
    assert (back.undoes, back.source, back.created_by, back.parent) == ("12", None, "eve", "")


def test_it_says_what_of_those_who_come_back_is_not_restored() -> None:
    (note,) = undone().notes
    assert note == (
        "1 member that run 12 removed comes back with name, number alone: whatever else a target held of it (other "
        "fields, roles, history) was not read and is not restored."
    )


def test_members_that_are_bare_keys_come_back_bare() -> None:
    bare = sync_of()
    plan = planned(bare, batch_of([("Ann", {})]), batch_of([("Cy", {}), ("Di", {})]))
    (note,) = inverse(plan, RunId(12), all_done(plan), bare, OCCASION).notes
    assert note.startswith("2 members that run 12 removed come back with their keys alone: whatever else")


def test_an_inverse_plan_that_brings_nobody_back_has_no_note() -> None:
    plan = planned(SYNC, SOURCE, batch_of([("BOB", {"name": "B.", "number": 2})]))
    assert inverse(plan, RunId(12), all_done(plan), SYNC, OCCASION).notes == ()


def test_an_inverse_plan_is_judged_like_any_other() -> None:
    judged = judge(undone(), GuardSettings(max_removals=0), Circumstances())
    assert [one.guard for one in judged.refusals] == ["max_removals"]


def test_whoever_is_protected_by_now_stays() -> None:
    target = only(undone(protect=("ann",)))
    assert "Ann" not in [change.spelling for change in target.changes]
    assert [(one.spelling, one.reason) for one in target.parked] == [
        ("Ann", "Protected (guards.protect) since the run; it stays as the run left it.")
    ]


def test_somebody_elses_change_since_the_run_shows_when_the_target_is_read() -> None:
    target = DictTarget(HELD, ("name", "number"))
    target.carry_out(only(PLAN).changes)
    back = undone()
    untouched = sort_changes(only(back), target.held(back, SYNC))
    assert (len(untouched.needed), untouched.unplanned) == (4, ())
    target.members |= DictTarget([("flo", {"name": "Flo"}), ("Ann", {"name": "Anne", "number": 1})]).members
    changed = sort_changes(only(back), target.held(back, SYNC))
    assert changed.drifted_removals == (3,)
    assert "1 other members instead of 0" in changed.unplanned[0]
