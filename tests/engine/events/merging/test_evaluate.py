"""What stands against what: small stories of writers who did not know of one another."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.events.event import Event
from engine.events.merging.evaluate import conflict_id, evaluate, quiet, state_hash
from engine.events.merging.values import ABSENT
from tests.engine.events.merging.histories import AGGREGATE, Writers


def north_and_south(start: Any = None) -> Writers:
    writers = Writers("north", "south")
    if start is not None:
        writers.write("north", start)
        writers.meet()
    return writers


def sides(events: list[Event]) -> dict[str, list[Any]]:
    return {
        ".".join(contest.path): [candidate.value for candidate in contest.candidates]
        for contest in evaluate(events).contests
    }


def test_two_values_for_one_field_are_a_contest_and_the_base_shows() -> None:
    writers = north_and_south({"email": "old", "name": "Ann"})
    writers.write("north", {"email": "n"})
    writers.write("south", {"email": "s"})
    aggregate = evaluate(writers.all)
    (contest,) = aggregate.contests
    assert (contest.path, contest.base) == (("email",), "old")
    assert [each.value for each in contest.candidates] == ["n", "s"]
    assert aggregate.value == {"email": "old", "name": "Ann"}
    assert aggregate.heads == (writers.all[1].dot, writers.all[2].dot)


def test_edits_of_different_fields_go_together() -> None:
    writers = north_and_south({"profile": {"title": "Eng"}})
    writers.write("north", {"profile": {"title": "Eng II"}})
    writers.write("south", {"profile": {"phone": "1"}, "tags": ["a"]})
    aggregate = evaluate(writers.all)
    assert aggregate.value == {"profile": {"title": "Eng II", "phone": "1"}, "tags": ["a"]}
    assert aggregate.contests == ()


def test_who_changed_it_back_did_not_change_it() -> None:
    writers = north_and_south({"title": "Eng"})
    writers.write("north", {"title": "Lead"})
    writers.write("north", {"title": "Eng"})
    writers.write("south", {"title": "Head"})
    assert evaluate(writers.all).value == {"title": "Head"}
    assert evaluate(writers.all).contests == ()


def test_deleting_and_editing_are_a_contest_of_the_whole() -> None:
    writers = north_and_south({"name": "Ann", "title": "Eng"})
    writers.write("north", None)
    writers.write("south", {"title": "Lead"})
    aggregate = evaluate(writers.all)
    assert sides(writers.all) == {"": [ABSENT, {"name": "Ann", "title": "Lead"}]}
    assert aggregate.value == {"name": "Ann", "title": "Eng"}


def test_deleting_what_somebody_only_looked_at_deletes_it() -> None:
    writers = north_and_south({"name": "Ann"})
    writers.write("north", None)
    writers.write("south", {}, "user.seen")
    assert evaluate(writers.all).value is ABSENT
    assert evaluate(writers.all).contests == ()


def test_a_value_and_a_field_inside_it_are_a_contest_at_the_upper_one() -> None:
    writers = north_and_south({"profile": {"title": "Eng"}})
    writers.write("north", {"profile": "see HR"})
    writers.write("south", {"profile": {"phone": "1"}})
    assert sides(writers.all) == {"profile": ["see HR", {"title": "Eng", "phone": "1"}]}


def test_an_informed_event_that_does_not_write_the_field_leaves_it_contested() -> None:
    writers = north_and_south({"email": "old"})
    writers.write("north", {"email": "n"})
    writers.write("south", {"email": "s"})
    before = evaluate(writers.all)
    writers.meet()
    writers.write("north", {"phone": "1"})
    after = evaluate(writers.all)
    assert after.contests == before.contests
    assert after.value == {"email": "old", "phone": "1"}
    assert len(after.heads) == 1
    assert not quiet(writers.all), "one head, and still something to decide"


def test_an_informed_event_that_writes_the_field_decides_it() -> None:
    writers = north_and_south({"email": "old"})
    writers.write("north", {"email": "n"})
    writers.write("south", {"email": "s"})
    writers.meet()
    writers.write("south", {"email": "agreed"})
    assert evaluate(writers.all).value == {"email": "agreed"}
    assert quiet(writers.all)


def test_going_on_beside_a_deletion_leaves_the_decision_to_an_operator() -> None:
    writers = north_and_south({"name": "Ann", "title": "Eng"})
    deletion = writers.write("north", None)
    writers.write("south", {"title": "Lead"})
    writers.meet()
    later = writers.write("north", {"phone": "1"})
    (contest,) = evaluate(writers.all).contests
    assert [each.event for each in contest.candidates] == [deletion, later]
    assert [each.value for each in contest.candidates] == [ABSENT, {"name": "Ann", "title": "Lead", "phone": "1"}]
    assert evaluate(writers.all).value == {"name": "Ann", "title": "Eng"}


def test_who_knew_only_the_deletion_makes_it_anew() -> None:
    writers = north_and_south({"name": "Ann", "title": "Eng"})
    writers.write("north", None)
    writers.write("north", {"name": "Ann II"})
    assert evaluate(writers.all).value == {"name": "Ann II"}


def test_choosing_one_edit_against_a_deletion_keeps_the_other_edit() -> None:
    writers = Writers("north", "south", "west")
    writers.write("north", {"name": "Ann"})
    writers.meet()
    writers.write("north", None)
    writers.write("south", {"title": "Lead"})
    writers.write("west", {"phone": "1"})
    both = {"name": "Ann", "title": "Lead", "phone": "1"}
    assert sides(writers.all) == {"": [ABSENT, both, both]}


def test_two_resolutions_at_once_stand_against_one_another() -> None:
    writers = north_and_south({"email": "old"})
    writers.write("north", {"email": "n"})
    writers.write("south", {"email": "s"})
    writers.meet()
    writers.resolve("north", {"email": "n"})
    writers.resolve("south", {"email": "s"})
    (contest,) = evaluate(writers.all).contests
    assert [each.value for each in contest.candidates] == ["n", "s"]
    assert contest.base == "old", "what showed while nobody had decided"
    assert {each.event.type for each in contest.candidates} == {"conflict.resolved"}


def test_who_decides_that_all_stays_as_it_was_has_decided() -> None:
    """A resolution that keeps the base must not give way to another one as if it had changed nothing."""
    writers = north_and_south({"email": "old"})
    writers.write("north", {"email": "n"})
    writers.write("south", {"email": "s"})
    writers.meet()
    writers.resolve("north", {"email": "old"})
    writers.resolve("south", {"email": "s"})
    assert sides(writers.all) == {"email": ["old", "s"]}


def test_one_true_and_one_point_nought_are_three_values() -> None:
    writers = Writers("north", "south", "west")
    for name, value in (("north", 1), ("south", True), ("west", 1.0)):
        writers.write(name, {"flag": value})
    (contest,) = evaluate(writers.all).contests
    assert [repr(each.value) for each in contest.candidates] == ["1", "True", "1.0"]


def test_only_the_newest_of_a_side_stands_for_it() -> None:
    writers = north_and_south({"n": 0})
    writers.write("north", {"n": 1})
    writers.write("north", {"n": 2})
    writers.write("south", {"n": 3})
    assert sides(writers.all) == {"n": [2, 3]}


def test_the_name_of_a_conflict_is_that_of_its_sides() -> None:
    writers = north_and_south({"n": 0})
    writers.write("north", {"n": 1, "m": 1})
    writers.write("south", {"n": 2, "m": 2})
    name = conflict_id(AGGREGATE, evaluate(writers.all).contests)
    assert len(name) == 12
    assert conflict_id(AGGREGATE, reversed(evaluate(reversed(writers.all)).contests)) == name
    writers.write("south", {"n": 3})
    assert conflict_id(AGGREGATE, evaluate(writers.all).contests) != name


def test_two_runs_of_the_same_number_are_two_runs() -> None:
    """The journal of a workspace replicates as history; it is nobody's opinion."""
    writers = Writers("north", "south", aggregate="run:12")
    writers.write("north", {"state": "done"})
    writers.write("south", {"state": "failed"})
    assert evaluate(writers.all).contests == ()
    assert quiet(writers.all)


def test_a_redacted_event_writes_nothing_and_is_told_of() -> None:
    writers = north_and_south({"name": "Ann"})
    second = writers.write("north", {"name": "Ann Lee", "phone": "1"})
    gone = msgspec.structs.replace(second, data={}, metadata={}, redacted=True)
    aggregate = evaluate([writers.all[0], gone])
    assert (aggregate.value, aggregate.redacted) == ({"name": "Ann"}, True)
    assert aggregate.heads == (second.dot,)


def test_a_redacted_touch_does_not_bring_back_what_was_deleted() -> None:
    writers = north_and_south({"name": "Ann"})
    writers.write("north", None)
    gone = msgspec.structs.replace(writers.write("north", {"x": 1}), data={}, metadata={}, redacted=True)
    assert evaluate([*writers.all[:2], gone]).value is ABSENT


def test_events_that_are_not_here_are_named_and_still_count_as_known() -> None:
    writers = north_and_south({"name": "Ann"})
    left_out = writers.write("north", {"phone": "1"})
    writers.write("north", {"phone": None, "name": "Ann Lee"})
    here = [event for event in writers.all if event is not left_out]
    aggregate = evaluate(here)
    assert aggregate.missing == (left_out.dot,)
    assert aggregate.value == {"name": "Ann Lee"}
    assert aggregate.contests == ()
    assert len(aggregate.heads) == 1


def test_nothing_is_nothing() -> None:
    assert evaluate([]).value is ABSENT
    assert quiet([])
    assert state_hash("user:ann", []) != state_hash("user:bob", [])


def test_an_origin_knows_its_own_past_whatever_a_context_says() -> None:
    """A peer that forgets, or pretends, cannot make an aggregate of a thousand heads."""
    writers = north_and_south()
    for number in range(1_000):
        writers.write("north", {"n": number})
    forgetful = [msgspec.structs.replace(event, context={}) for event in writers.all]
    aggregate = evaluate(forgetful)
    assert (aggregate.value, aggregate.contests) == ({"n": 999}, ())
    assert aggregate.heads == (writers.all[-1].dot,)
