"""What a plan says, by example: spelling, reasons, look-ups, modes, limits, protection."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from engine.reconcile.deciding.planning import Occasion, TargetReading, configuration_digest, make_plan
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss
from engine.reconcile.records import Batch, RecordKey
from engine.settings.model import AdapterSettings, ApprovalSettings, FreezeWindow, GuardSettings, Mode, SyncSettings
from tests.engine.reconcile.model import (
    EVERYTHING,
    NO_LIMITS,
    NOW,
    acts,
    batch_of,
    compared,
    only,
    planned,
    reasons,
    sync_of,
    wanted_of,
)

OCCASION = Occasion(now=NOW, actor="ann", config_digest="c" * 64)


def named(*records: tuple[str, str]) -> Batch:
    return batch_of([(spelling, {"name": name}) for spelling, name in records], ("name",))


NAMED = {"name": "name"}


def test_a_removal_is_spelled_as_the_target_spells_it() -> None:
    plan = planned(sync_of(), batch_of([("ann@x.com", {})]), batch_of([("ANN@x.com", {}), ("Bob@X.Com", {})]))
    assert acts(plan) == [("remove", "Bob@X.Com")]


def test_an_addition_is_spelled_as_the_source_spells_it() -> None:
    assert acts(planned(sync_of(), batch_of([("Ann@X.com", {})]), batch_of([]))) == [("add", "Ann@X.com")]


def test_changes_stand_in_the_order_of_the_mode_and_then_by_key() -> None:
    source = named(("d", "D"), ("c", "C"), ("b", "new"))
    target = named(("z", "Z"), ("b", "old"), ("y", "Y"))
    by_mode = {mode: acts(planned(sync_of(mode=mode, attributes=NAMED), source, target)) for mode in Mode}
    adds, updates, removals = [("add", "c"), ("add", "d")], [("update", "b")], [("remove", "y"), ("remove", "z")]
    assert by_mode == {
        Mode.ADD_REMOVE: adds + updates + removals,
        Mode.REMOVE_ADD: removals + adds + updates,
        Mode.ADD_ONLY: adds + updates,
        Mode.REMOVE_ONLY: removals,
    }


def test_what_a_mode_does_not_do_is_counted_as_left_alone() -> None:
    plan = planned(sync_of(mode=Mode.ADD_ONLY), named(("a", "A")), named(("y", "Y"), ("z", "Z")))
    assert only(plan).left_alone == {"remove": 2}


def test_an_update_holds_what_is_there_what_is_wanted_and_which_attributes_differ() -> None:
    attributes = {"name": "name", "role": "title"}
    source = batch_of([("ann", {"name": "Ann", "title": "lead"})])
    target = batch_of([("Ann", {"name": "Ann", "role": "dev", "phone": "1"})])
    (change,) = only(planned(sync_of(attributes=attributes), source, target)).changes
    assert change == Change(
        action=Action.UPDATE,
        key=RecordKey("ann"),
        spelling="Ann",
        before={"name": "Ann", "role": "dev"},
        after={"name": "Ann", "role": "lead"},
        why="role differs from people.",
    )
    assert change.fields() == [("role", "dev", "lead")]


def test_values_that_read_the_same_are_no_difference() -> None:
    plan = planned(sync_of(attributes=NAMED), batch_of([("a", {"name": 42})]), batch_of([("a", {"name": "42"})]))
    assert acts(plan) == []


def test_the_reason_tells_a_leaver_from_somebody_who_left_the_scope() -> None:
    source = batch_of([("ann", {"dep": "eng"}), ("bob", {"dep": "ops"})])
    target = batch_of([("bob", {}), ("cy", {})])
    plan = planned(sync_of(where="dep == 'eng'"), source, target)
    assert [(change.spelling, change.why) for change in only(plan).changes] == [
        ("ann", "In people (where: dep == 'eng') and not in list."),
        ("bob", "Left the scope (where: dep == 'eng')."),
        ("cy", "Not in people any more."),
    ]


def test_somebody_whom_the_target_does_not_know_is_parked_with_its_reason() -> None:
    miss = Miss(reason="No Slack user has the address ann@x.com.")
    plan = planned(sync_of(), batch_of([("ann@x.com", {}), ("bob@x.com", {})]), batch_of([]), {"ann@x.com": miss})
    assert acts(plan) == [("add", "bob@x.com")]
    assert reasons(plan) == {"ann@x.com": "No Slack user has the address ann@x.com."}


def test_a_look_up_that_says_nothing_parks_the_record() -> None:
    sync = sync_of()
    difference = compared(sync, batch_of([("ann", {})]), batch_of([]))
    reading = TargetReading(target="list", difference=difference, limits=EVERYTHING)
    plan = make_plan(sync, wanted_of(sync, batch_of([("ann", {})])), [reading], OCCASION)
    assert acts(plan) == []
    assert reasons(plan) == {"ann": "list gave no answer when it was looked up."}


def test_an_alias_of_a_member_is_neither_added_nor_is_the_member_removed() -> None:
    source, target = named(("ann.smith@x.com", "Ann")), named(("Ann@x.com", "Ann"))
    answers = {"ann.smith@x.com": Found(spelling="ann@x.com")}
    for mode in (Mode.ADD_REMOVE, Mode.REMOVE_ONLY):
        plan = planned(sync_of(attributes=NAMED, mode=mode), source, target, answers)
        assert acts(plan) == []
        assert only(plan).in_step == 1


def test_an_alias_with_other_attributes_updates_the_member_under_its_own_name() -> None:
    answers = {"ann.smith@x.com": Found(spelling="ann@x.com", native_id="U1")}
    plan = planned(
        sync_of(attributes=NAMED), named(("ann.smith@x.com", "Ann Smith")), named(("Ann@x.com", "Ann")), answers
    )
    assert acts(plan) == [("update", "Ann@x.com")]


def test_the_same_account_under_another_address_is_known_by_its_native_id() -> None:
    target = Batch(spellings=["old@x.com"], native_ids=["U7"], proof="end")
    plan = planned(sync_of(), batch_of([("new@x.com", {})]), target, {"new@x.com": Found(native_id="U7")})
    assert acts(plan) == []


def test_an_alias_and_its_primary_both_in_the_source_do_not_add_twice() -> None:
    answers = {"alias@x.com": Found(spelling="ann@x.com")}
    source = named(("alias@x.com", "Ann"), ("ann@x.com", "Ann"))
    plan = planned(sync_of(attributes=NAMED), source, batch_of([]), answers)
    assert acts(plan) == [("add", "ann@x.com")]
    assert reasons(plan) == {"alias@x.com": "list knows it as ann@x.com, as it does ann@x.com; once is enough."}


def test_two_records_that_want_different_things_of_one_account_are_both_parked() -> None:
    answers = {"a@x.com": Found(spelling="ann@x.com"), "b@x.com": Found(spelling="ann@x.com")}
    source = named(("a@x.com", "A"), ("b@x.com", "B"))
    plan = planned(sync_of(attributes=NAMED), source, named(("ann@x.com", "Ann")), answers)
    assert acts(plan) == []
    assert set(reasons(plan)) == {"a@x.com", "b@x.com"}


def test_an_addition_is_called_what_the_look_up_answered() -> None:
    plan = planned(
        sync_of(), batch_of([("alias@x.com", {})]), batch_of([]), {"alias@x.com": Found(spelling="Ann@X.com")}
    )
    (change,) = only(plan).changes
    assert (change.key, change.spelling) == ("ann@x.com", "Ann@X.com")


NUMBERED = {"number": "number"}


def test_a_new_key_for_the_same_number_is_a_rename() -> None:
    source = batch_of([("ann.new@x.com", {"number": 7})])
    target = batch_of([("Ann.Old@x.com", {"number": "7"})])
    (change,) = only(planned(sync_of(attributes=NUMBERED, rename_by="number"), source, target)).changes
    assert change == Change(
        action=Action.RENAME,
        key=RecordKey("ann.old@x.com"),
        spelling="Ann.Old@x.com",
        before={"number": "7"},
        after={"number": 7},
        renamed_to="ann.new@x.com",
        why="Known by its number; only the key is new.",
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([("a", 7), ("b", 7)], [("old", 7)]),
        ([("a", 7)], [("old", 7), ("older", 7)]),
        ([("a", "")], [("old", "")]),
        ([("a", None)], [("old", "")]),
    ],
)
def test_a_number_that_does_not_point_to_one_record_renames_nobody(
    ours: list[tuple[str, object]], theirs: list[tuple[str, object]]
) -> None:
    source = batch_of([(key, {"number": number}) for key, number in ours])  # type: ignore[dict-item]
    target = batch_of([(key, {"number": number}) for key, number in theirs])  # type: ignore[dict-item]
    plan = planned(sync_of(attributes=NUMBERED, rename_by="number"), source, target)
    assert [action for action, _ in acts(plan)] == ["add"] * len(ours) + ["remove"] * len(theirs)


def test_a_target_that_cannot_rename_gets_an_addition_and_a_removal() -> None:
    limits = Limits(actions=frozenset({Action.ADD, Action.REMOVE, Action.UPDATE}))
    source, target = batch_of([("new", {"number": 7})]), batch_of([("old", {"number": 7})])
    plan = planned(sync_of(attributes=NUMBERED, rename_by="number"), source, target, limits=limits)
    assert acts(plan) == [("add", "new"), ("remove", "old")]


def test_what_a_target_cannot_do_is_parked_and_said_once() -> None:
    target = named(("a", "x"), ("b", "y"), ("c", "z"))
    limits = Limits(actions=frozenset({Action.ADD, Action.REMOVE}))
    plan = planned(sync_of(attributes=NAMED), named(("a", "A"), ("b", "B"), ("c", "C")), target, limits=limits)
    assert acts(plan) == []
    assert reasons(plan) == {"a and 2 more": "list cannot update records, so they stay as they are."}


def test_a_protected_member_is_never_removed_renamed_or_updated() -> None:
    guards = replace(NO_LIMITS, protect=("*@Contractor.example", "boss", "admin?"))
    source = batch_of([("boss", {"number": 1}), ("new", {"number": 9})])
    target = batch_of(
        [
            ("Boss", {"number": 2}),
            ("jo@CONTRACTOR.example", {"number": 3}),
            ("admin1", {"number": 9}),
            ("admin12", {"number": 4}),
        ]
    )
    plan = planned(sync_of(guards=guards, attributes=NUMBERED, rename_by="number"), source, target)
    assert acts(plan) == [("remove", "admin12")]
    assert reasons(plan) == {
        "Boss": "Protected (guards.protect); it would otherwise be updated.",
        "admin1": "Protected (guards.protect); it would otherwise be renamed.",
        "jo@CONTRACTOR.example": "Protected (guards.protect); it would otherwise be removed.",
    }


def test_managed_only_removes_only_what_syncdeck_owns() -> None:
    guards = replace(NO_LIMITS, managed_only=True)
    target = batch_of([("ours", {}), ("theirs", {})])
    plan = planned(sync_of(guards=guards), batch_of([]), target, owned=frozenset({RecordKey("ours")}))
    assert acts(plan) == [("remove", "ours")]
    assert list(reasons(plan)) == ["theirs"]


def test_what_either_side_holds_twice_is_parked_and_never_acted_on() -> None:
    source = named(("ann", "Ann"), ("Ann", "Anna"), ("bob", "Bob"))
    target = named(("ANN", "x"), ("bob", "x"), ("BOB", "Bob"), ("old", "1"), ("OLD", "2"))
    plan = planned(sync_of(attributes=NAMED), source, target)
    assert acts(plan) == []
    assert reasons(plan) == {
        "ANN": "Ann and ann are the same key with different attributes in people.",
        "bob": "list holds it twice; mend that there.",
        "old": "list holds it twice; mend that there.",
    }


def test_a_failed_source_plans_no_target_and_says_why() -> None:
    plan = make_plan(sync_of(), "people.csv is missing.", [TargetReading(target="list")], OCCASION)
    assert plan.targets == ()
    assert (plan.errored, plan.complete, plan.applyable, plan.error) == (True, False, False, "people.csv is missing.")


def test_a_failed_target_leaves_the_others_planned() -> None:
    sync = sync_of(targets=("list", "wiki"))
    source = batch_of([("ann", {})])
    difference = compared(sync, source, batch_of([]))
    readings = [
        TargetReading(target="list", difference=difference, answers={"ann": Found()}, limits=EVERYTHING),
        TargetReading(target="wiki", error="wiki is away."),
    ]
    plan = make_plan(sync, wanted_of(sync, source), readings, OCCASION)
    assert [(target.target, len(target.changes), target.error) for target in plan.targets] == [
        ("list", 1, ""),
        ("wiki", 0, "wiki is away."),
    ]
    assert (plan.errored, plan.applyable) == (True, True)


def test_a_plan_expires_as_the_sync_says() -> None:
    sync = sync_of()
    plan = planned(sync, batch_of([]), batch_of([]))
    assert plan.expires_at - plan.created_at == sync.approval.expires


ADAPTERS = [
    AdapterSettings(name="people", type="csv_file", settings=GuardSettings()),
    AdapterSettings(name="list", type="yaml_file", settings=GuardSettings()),
    AdapterSettings(name="other", type="yaml_file", settings=GuardSettings()),
]


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"where": "a == 'b'"}, True),
        ({"attributes": {"name": "name"}}, True),
        ({"case_sensitive": True}, True),
        ({"mode": Mode.ADD_ONLY}, True),
        ({"guards": replace(NO_LIMITS, protect=("x",))}, True),
        ({"guards": replace(NO_LIMITS, freeze=(FreezeWindow(cron="0 0 * * *", duration=timedelta(hours=1)),))}, False),
        ({"approval": ApprovalSettings(required=True)}, False),
        ({"paused": True}, False),
    ],
)
def test_a_plan_depends_on_what_it_compares_and_by_which_rules(change: dict[str, object], matters: bool) -> None:
    changed: SyncSettings = msgspec.structs.replace(sync_of(), **change)
    before, after = configuration_digest(sync_of(), ADAPTERS), configuration_digest(changed, ADAPTERS)
    assert (before != after) is matters


def test_a_plan_depends_on_the_adapters_it_names_and_on_no_others() -> None:
    digest = configuration_digest(sync_of(), ADAPTERS)
    other = [*ADAPTERS[:2], replace(ADAPTERS[2], type="csv_file")]
    moved = [replace(ADAPTERS[0], type="json_file"), *ADAPTERS[1:]]
    assert configuration_digest(sync_of(), other[::-1]) == digest
    assert configuration_digest(sync_of(), moved) != digest
