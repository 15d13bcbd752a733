"""The lines of the queue, of the workbench, and of many conflicts at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from console.presentation import bulk, conflict_filter
from console.presentation.bulk import Order, Outcome, Way
from console.presentation.conflict_detail import field_detail, history_lines
from console.presentation.conflict_fields import FieldRow, field_line, heading, result_line
from console.presentation.conflict_words import TYPED_FROM, bulk_matter
from console.presentation.conflict_work import Sides, rows_of, turned
from console.presentation.conflicts import conflict_line, fields_text, state_span
from console.presentation.json_words import differing_fields
from console.presentation.rule_words import back_test_lines, proposed, rule_line
from console.presentation.spans import plain, width_of
from console.presentation.staging import Staging
from engine.events.merging.queue import BackTest, Choice, ConflictState, Preview, Take, Tried
from engine.events.merging.values import ABSENT, Verdict
from engine.settings.replication import Rule
from tests.doubles.conflicts import asked_about, conflict, contest, settled_by

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TITLE = contest(("title",), "Engineer I", ("hamburg", "Engineer II"), ("berlin", "Staff Engineer"))
MANAGER = contest(("manager",), "a", ("hamburg", "b"), ("berlin", "c"), ("oslo", "d"))
GROUPS = contest(("groups",), ["eng"], ("hamburg", ["eng", "leads"]), ("berlin", ["eng", "oncall"]))
AGE = contest(("age",), 1, ("hamburg", 2), ("berlin", 3))
ANN = conflict("aa11", "user:ann", *(asked_about(each) for each in (TITLE, MANAGER, GROUPS, AGE)))
WIDTHS = (40, 78, 160)


def row(verdict: Verdict, **more: Any) -> FieldRow:
    return FieldRow(verdict=verdict, **more)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_line_keeps_to_its_width(width: int) -> None:
    rows = rows_of(ANN, Staging(), {})
    lines = [conflict_line(ANN.summary, 2, width, NOW), heading(rows, width)]
    lines += [field_line(each, width, rows) for each in rows]
    lines += [line for each in rows for line in field_detail(each, width, NOW)]
    lines += history_lines(ANN, width, NOW)
    lines += [bulk.item_line(item, width) for item in bulk.items_for([ANN], Order(way=Way.BOTH), Staging())]
    assert all(width_of(line) <= width + 2 for line in lines)


def test_a_state_is_a_sign_and_a_word_and_two_settlements_at_once_stand_out() -> None:
    assert state_span(ANN.summary).text == "● open"
    settled = replace(ANN.summary, state=ConflictState.SETTLED, settled_by="bob", reviewed=True)
    assert state_span(settled).text == "✓ settled"
    assert state_span(replace(settled, reviewed=False)).text == "! settled twice"


@pytest.mark.parametrize(
    ("width", "shown"), [(40, "title, manager, groups"), (16, "title +2"), (18, "title, manager +1"), (4, "3 fields")]
)
def test_as_many_fields_are_named_as_there_is_room_for(width: int, shown: str) -> None:
    assert fields_text([("title",), ("manager",), ("groups",)], width) == shown


def test_the_result_says_in_sign_and_word_where_it_comes_from() -> None:
    verdict = asked_about(MANAGER)
    shown = {
        "? undecided": row(verdict),
        "⟳ changed since": row(verdict, changed=True),
        "◀ left  b": row(verdict, choice=Choice(take=Take.CANDIDATE, candidate=0)),
        "▶ right  c": row(verdict, choice=Choice(take=Take.CANDIDATE, candidate=1)),
        "● side 3  d": row(verdict, choice=Choice(take=Take.CANDIDATE, candidate=2)),
        "= base  a": row(verdict, choice=Choice(take=Take.BASE)),
        "✎ edited  z": row(verdict, choice=Choice(take=Take.VALUE, value="z")),
        "✗ removed": row(verdict, choice=Choice(take=Take.REMOVE)),
        "· union  a": row(settled_by(MANAGER, Rule(use="union"), 1, "a")),
    }
    for text, each in shown.items():
        assert plain(result_line(each)) == text


def test_a_third_side_takes_the_place_of_one_that_is_shown() -> None:
    first = row(asked_about(MANAGER))
    assert turned(first, 1) == Sides(0, 2)
    assert turned(first, 0) == Sides(2, 1)
    assert turned(row(asked_about(MANAGER), left=0, right=2), 1) == Sides(0, 1)


def test_the_rule_is_said_with_its_place_and_name_or_that_there_is_none() -> None:
    assert plain(rule_line(asked_about(TITLE))) == "no rule matches: an operator decides"
    named = Rule(use="prefer_origin", name="HR owns titles", prefer=("hr-*",))
    assert plain(rule_line(settled_by(TITLE, named, 3, "Engineer II"))) == (
        "rule 3 “HR owns titles” → prefer_origin: Engineer II"
    )


# -- the filter --


@pytest.mark.parametrize(
    "text", ["", "field:title", "field:ti*", "aggregate:user:*", "node:berlin", "node:b*", "ann", "TITLE ann", "aa1"]
)
def test_a_filter_lets_through_what_fits_all_of_it(text: str) -> None:
    assert conflict_filter.parse(text).lets_through(ANN.summary)


@pytest.mark.parametrize("text", ["field:name", "aggregate:team:*", "node:rome", "by:bob", "zoe", "ann field:name"])
def test_a_filter_keeps_back_what_does_not(text: str) -> None:
    assert not conflict_filter.parse(text).lets_through(ANN.summary)


@pytest.mark.parametrize("text", ["feild:title", "field:", "field:a field:b"])
def test_a_filter_that_cannot_be_understood_says_why(text: str) -> None:
    assert conflict_filter.parse(text).problem.endswith((".", "?", "title"))


# -- many at once --


def taken(way: Way, **more: Any) -> dict[str, Any]:
    (item,) = bulk.items_for([ANN], Order(way=way, **more), Staging())
    return {".".join(path): choice for path, choice in item.choices.items()}


def test_the_newest_side_is_the_last_of_however_many() -> None:
    chosen = taken(Way.NEWEST)
    assert chosen["title"].candidate == 1
    assert chosen["manager"].candidate == 2


def test_both_is_left_out_where_it_makes_no_sense() -> None:
    assert set(taken(Way.BOTH)) >= {"groups"}
    assert "age" not in taken(Way.BOTH)
    (item,) = bulk.items_for([ANN], Order(way=Way.BOTH, field="age"), Staging())
    assert item.outcome is Outcome.LEFT_OUT
    assert item.reason.startswith("age: ")


def test_a_node_s_side_is_taken_only_where_it_has_one() -> None:
    assert set(taken(Way.NODE, node="oslo")) == {"manager"}
    assert taken(Way.NODE, node="oslo")["manager"].candidate == 2


def test_one_field_can_be_settled_alone() -> None:
    assert set(taken(Way.LEFT, field="t*")) == {"title"}


def test_nothing_is_chosen_before_somebody_chooses() -> None:
    assert taken(Way.OPEN) == {}


def test_what_was_decided_one_by_one_is_taken_as_it_was_decided() -> None:
    staging = Staging()
    staging.stage("user:ann", [(TITLE, Choice(take=Take.BASE))])
    (item,) = bulk.items_for([ANN], Order(way=Way.STAGED), staging)
    assert item.choices == {("title",): Choice(take=Take.BASE)}


def preview(number: int) -> Preview:
    name = f"user:{number}"
    return Preview(conflict=ANN.summary.id, aggregate_id=name, patch={}, before={"a": 1}, after={"a": 2})


@pytest.mark.parametrize(("number", "typed"), [(TYPED_FROM, ""), (TYPED_FROM + 1, str(TYPED_FROM + 1))])
def test_a_large_number_has_to_be_typed(number: int, typed: str) -> None:
    matter = bulk_matter([preview(each) for each in range(number)], "the left side", 2, 64)
    assert matter.typed == typed
    assert "2 conflicts left out" in "\n".join(plain(line) for line in matter.lines)


def test_what_changes_is_told_leaf_by_leaf() -> None:
    before: dict[str, Any] = {"a": 1, "b": {"c": 1, "d": 2}, "e": True, "g": [0]}
    after: dict[str, Any] = {"a": 1, "b": {"c": 3}, "e": 1, "f": {}, "g": [False]}
    assert list(differing_fields(before, after)) == [
        (("b", "c"), 1, 3),
        (("b", "d"), 2, ABSENT),
        (("e",), True, 1),
        (("g",), [0], [False]),
        (("f",), ABSENT, {}),
    ]


# -- rules --


@pytest.mark.parametrize(
    ("choice", "use"),
    [
        (None, "last_write_wins"),
        (Choice(take=Take.BOTH), "union"),
        (Choice(take=Take.REMOVE), "remove_wins"),
        (Choice(take=Take.CANDIDATE, candidate=1), "prefer_origin"),
        (Choice(take=Take.VALUE, value=["x"]), "ask_operator"),
    ],
)
def test_a_decision_suggests_the_rule_that_would_have_made_it(choice: Choice | None, use: str) -> None:
    rule = proposed("user:ann", GROUPS, choice)
    assert rule["use"] == use
    assert rule["when"] == {"aggregate": "user:*", "field": "groups"}
    assert rule.get("prefer", ["berlin"]) == ["berlin"]


def test_a_back_test_counts_and_shows_first_where_people_decided_otherwise() -> None:
    def tried(chosen: Any, outcome: Any, agrees: bool | None, position: int = 1) -> Tried:
        return Tried(
            conflict=ANN.summary.id,
            aggregate_id="user:ann",
            path=("title",),
            rule=Rule(use="last_write_wins"),
            position=position,
            chosen=chosen,
            outcome=outcome,
            asks=False,
            agrees=agrees,
        )

    found = BackTest(
        tried=(tried("a", "a", True), tried("b", "c", False), tried(ABSENT, "d", None), tried(1, 1, True, 2))
    )
    text = [plain(line) for line in back_test_lines(found, 1, 60)]
    assert "✓ 1 as people decided" in text
    assert "≠ 1 otherwise than people decided" in text
    assert "● 1 open now, settled by it" in text
    first = text.index("Otherwise than people decided") + 1
    assert text[first].endswith("b → c")
    assert "1 others stay with the other rules or people" in text


def test_a_rule_that_never_decided_anything_says_so() -> None:
    text = " ".join(plain(line) for line in back_test_lines(BackTest(tried=()), 1, 60))
    assert "decides nothing that ever happened" in text
