"""An aggregate's state as lines: what an event changed stands out, contests are named with their sides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.presentation.ages import TimeStyle
from console.presentation.aggregate import differences, facts, state_lines, step_line
from console.presentation.spans import Line, plain, width_of
from engine.events.event import Dot, Event, Origin
from engine.events.merging.values import ABSENT, Candidate, Contest, Verdict, View
from engine.settings.replication import Rule
from tests.doubles.clock import ManualClock
from tests.doubles.event_pages import event

HAMBURG = "hamburg~0000000a"


def view(value: Any, *verdicts: Verdict, heads: tuple[Dot, ...] = ()) -> View:
    return View(aggregate_id="user:ann", value=value, verdicts=verdicts, heads=heads)


def contest(path: tuple[str, ...], base: Any, *sides: tuple[Event, Any]) -> Verdict:
    candidates = tuple(Candidate(event=one, value=value) for one, value in sides)
    asks = Rule(use="ask_operator")
    contested = Contest(path=path, base=base, candidates=candidates)
    return Verdict(contest=contested, rule=asks, position=0, settled=False, value=base)


def text(lines: list[Line]) -> list[str]:
    return [plain(line).rstrip() for line in lines]


CHANGES = {
    "a field is new": ({}, {"a": 1}, [("+", ("a",), ABSENT, 1)]),
    "a field is gone": ({"a": 1, "b": 2}, {"b": 2}, [(" ", ("b",), 2, 2), ("-", ("a",), 1, ABSENT)]),
    "a field within another": ({"a": {"b": 1}}, {"a": {"b": 2}}, [("~", ("a", "b"), 1, 2)]),
    "true is not 1": ({"a": True}, {"a": 1}, [("~", ("a",), True, 1)]),
    "nor within a list": ({"a": [True]}, {"a": [1]}, [("~", ("a",), [True], [1])]),
    "the whole": ("x", "y", [("~", (), "x", "y")]),
    "from nothing": (ABSENT, {"a": None}, [("+", ("a",), ABSENT, None)]),
    "deleted": ({"a": 1}, ABSENT, [("-", ("a",), 1, ABSENT)]),
}


@pytest.mark.parametrize(("before", "after", "changes"), CHANGES.values(), ids=CHANGES)
def test_two_states_differ_field_by_field(before: Any, after: Any, changes: list[Any]) -> None:
    assert list(differences(before, after)) == changes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(before=st.just(ABSENT) | json_values, after=st.just(ABSENT) | json_values, width=st.integers(30, 200))
def test_any_two_states_can_be_shown_at_any_width(before: Any, after: Any, width: int) -> None:
    lines = state_lines(None if before is ABSENT else view(before), view(after), width)
    assert all(width_of(line) <= width for line in lines)


def test_what_changed_stands_beside_what_was_before() -> None:
    lines = text(state_lines(view({"title": "Lead", "name": "Ann"}), view({"title": "Principal", "name": "Ann"}), 60))
    assert lines[0] == "State after it: 1 field changed"
    assert "~ title  Lead → Principal" in lines
    assert "  name   Ann" in lines


def test_long_values_go_on_lines_of_their_own() -> None:
    lines = text(state_lines(view({"bio": "old " * 30}), view({"bio": "new " * 30}), 60))
    assert sum("old" in line for line in lines) > 1
    assert sum("new" in line for line in lines) > 1


def test_a_tombstone_is_said() -> None:
    assert text(state_lines(view({"a": 1}), view(ABSENT), 60))[0] == "✗ Deleted by this event"


def test_a_contest_is_named_with_each_side_and_who_it_is() -> None:
    ours = event(4, "user.changed", "user:ann", {"title": "Principal"}, {"actor": "ann@desk"})
    theirs = event(3, "user.changed", "user:ann", {"title": "Lead"}, {"actor": "hr@hamburg"}, origin=HAMBURG)
    after = view({"title": "Engineer"}, contest(("title",), "Engineer", (theirs, "Lead"), (ours, "Principal")))
    lines = text(state_lines(view({"title": "Lead"}), after, 70))
    assert "≠ 1 contest began" in lines[0]
    assert "≠ title is contested; until settled it shows Engineer" in lines
    assert "    Lead  hamburg, hr@hamburg" in lines
    assert "    Principal  desk, ann@desk" in lines
    ended = text(state_lines(after, view({"title": "Lead"}), 70))
    assert "✓ 1 contest ended" in ended[0]


@pytest.mark.parametrize("width", [60, 78, 118, 196])
def test_a_head_is_marked_and_columns_stand_under_one_another(width: int) -> None:
    now = ManualClock().now()
    one = event(1, "user.changed", "user:ann", {"a": 1}, {"actor": "ann"})
    other = event(2, "実行.完了", "user:ann", None, {"actor": "山田"}, origin="東京~00000001")
    lines = [step_line(each, [one.dot], width, TimeStyle.UTC, now) for each in (one, other)]
    assert plain(lines[0]).startswith("◆ ")
    assert plain(lines[1]).startswith("  ")
    assert plain(lines[1]).endswith("deleted")
    assert width_of(lines[0][:-1]) == width_of(lines[1][:-1])


def test_on_top_stands_how_it_stands_now() -> None:
    events = [event(1, aggregate_id="user:ann"), event(2, aggregate_id="user:ann", origin=HAMBURG)]
    heads = (Dot(Origin("desk~00000001"), 1), Dot(Origin(HAMBURG), 2))
    said = {
        "✓ one head, no contest": view({}, heads=heads[:1]),
        "◆ 2 heads, no contest": view({}, heads=heads),
        "✗ deleted": view(ABSENT, heads=heads[:1]),
        "≠ contested: title": view({}, contest(("title",), 1, (events[0], 2), (events[1], 3)), heads=heads),
    }
    for words, now in said.items():
        (line,) = text(facts("user:ann", events, now, 100))
        assert "2 events of 2 nodes" in line
        assert words in line
