"""From an operator's choices to the patch that says so, and the state that it makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EventRefused
from engine.events.merging.choices import chosen, fitting, patch_for, preview_of, refusal, settles, sides_of
from engine.events.merging.evaluate import evaluate
from engine.events.merging.patches import at
from engine.events.merging.queue import Choice, Take
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.values import ABSENT, View
from engine.events.merging.view import view_of
from engine.settings.replication import Condition, Rule
from tests.engine.events.merging.histories import AGGREGATE, Writers
from tests.engine.events.merging.test_strategies import contest

BOTH = Choice(take=Take.BOTH)

values = st.recursive(
    st.sampled_from([1, 2.5, "x", True, [], [1, None], {}]),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        (Choice(take=Take.CANDIDATE, candidate=1), "s"),
        (Choice(take=Take.NEWEST), "s"),
        (Choice(take=Take.NODE, value="n0"), "n"),
        (Choice(take=Take.BASE), "old"),
        (Choice(take=Take.VALUE, value={"work": "w", "home": None}), {"work": "w"}),
        (Choice(take=Take.REMOVE), ABSENT),
        (BOTH, "n\ns"),
    ],
)
def test_what_a_choice_gives_the_field(choice: Choice, value: Any) -> None:
    assert chosen(contest("old", ["n", "s"]), choice) == value


@pytest.mark.parametrize(
    ("sides", "choice", "words"),
    [
        (["n", "s"], Choice(take=Take.CANDIDATE, candidate=2), "has 2 sides"),
        (["n", "s"], Choice(take=Take.CANDIDATE, candidate=-1), "has 2 sides"),
        (["n", "s"], Choice(take=Take.NODE, value="n7"), "no side of n7"),
        (["n", "s"], Choice(take=Take.VALUE), "null removes"),
        ([1, 2], BOTH, "a number"),
        ([True, False], BOTH, "true or false"),
        (["n", ["s"]], BOTH, "different kinds"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(sides: list[Any], choice: Choice, words: str) -> None:
    assert words in refusal(contest("old", sides), choice)
    with pytest.raises(EventRefused, match=words):
        chosen(contest("old", sides), choice)


def test_both_outlives_a_removal() -> None:
    assert chosen(contest("old", [ABSENT, "s"]), BOTH) == "s"


def test_whose_sides_they_are() -> None:
    assert sides_of(contest("old", [1, 2, 3]), "n1") == ([1], [0, 2])
    assert sides_of(contest("old", [1, 2]), "elsewhere") == ([], [0, 1])


def apart(*data: Any, start: Any = None) -> Writers:
    """Let as many writers as there are data write them, none knowing of another."""
    writers = Writers(*(f"n{number}" for number in range(len(data))))
    if start is not None:
        writers.write("n0", start)
        writers.meet()
    for number, patch in enumerate(data):
        writers.write(f"n{number}", patch)
    return writers


def view(writers: Writers, *rules: Rule) -> View:
    return view_of(AGGREGATE, writers.all, rules, STRATEGIES)


@given(st.lists(values, min_size=2, max_size=3), values)
def test_whatever_is_chosen_is_exactly_what_becomes(sides: list[Any], wanted: Any) -> None:
    """Also where sides wrote inside what is replaced, and removed what is kept."""
    writers = apart(*({"f": side} for side in sides), {"f": None}, start={"f": {"a": 1, "b": {"c": 2}}, "g": 1})
    contests = evaluate(writers.all).contests
    path = ("f",)
    if path not in [each.path for each in contests]:
        return
    writers.meet()
    writers.resolve("n0", patch_for(contests, {path: Choice(take=Take.VALUE, value=wanted)}))
    aggregate = evaluate(writers.all)
    assert aggregate.contests == ()
    assert at(aggregate.value, path) == wanted
    assert at(aggregate.value, ("g",)) == 1


def test_what_the_sides_wrote_inside_is_removed_when_it_is_not_chosen() -> None:
    writers = apart({"p": "text"}, {"p": {"a": 1, "b": {"c": 2}}})
    (found,) = evaluate(writers.all).contests
    assert found.inside == (("p", "a"), ("p", "b", "c"))
    patch = patch_for([found], {("p",): Choice(take=Take.VALUE, value={"a": 9, "d": {}})})
    assert patch == {"p": {"a": 9, "b": None, "d": {}}}


def test_several_fields_are_one_patch() -> None:
    writers = apart({"p": {"a": 1, "b": 1}, "q": 1}, {"p": {"a": 2, "b": 2}, "q": 2})
    contests = evaluate(writers.all).contests
    patch = patch_for(
        contests,
        {("p", "a"): Choice(take=Take.CANDIDATE), ("p", "b"): Choice(take=Take.REMOVE), ("q",): Choice(take=Take.BASE)},
    )
    assert patch == {"p": {"a": 1, "b": None}, "q": None}


def test_choosing_the_deletion_is_a_tombstone() -> None:
    writers = apart(None, {"name": "Bea"}, start={"name": "Ann"})
    contests = evaluate(writers.all).contests
    assert patch_for(contests, {(): Choice(take=Take.CANDIDATE, candidate=0)}) is None
    assert patch_for(contests, {(): Choice(take=Take.CANDIDATE, candidate=1)}) == {"name": "Bea"}


def test_a_field_that_is_not_contested_cannot_be_decided() -> None:
    writers = apart({"a": 1}, {"a": 2})
    with pytest.raises(EventRefused, match="the whole is not contested; contested: a"):
        patch_for(evaluate(writers.all).contests, {(): Choice(take=Take.REMOVE)})


def test_a_preview_tells_what_stays_open_and_what_rules_would_still_do() -> None:
    writers = apart({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "c": 2})
    last = Rule(use="last_write_wins", when=Condition(field="c"))
    before = view(writers, last)
    preview = preview_of(before, writers.all, {("a",): Choice(take=Take.CANDIDATE)}, (last,), STRATEGIES)
    assert preview.undecided == (("b",),)
    assert (preview.before, preview.after) == ({"c": 2}, {"a": 1, "c": 2})
    assert len(writers.all) == 2


def test_an_operator_may_overrule_a_rule() -> None:
    writers = apart({"c": 1}, {"c": 2})
    last = Rule(use="last_write_wins")
    preview = preview_of(view(writers, last), writers.all, {("c",): Choice(take=Take.CANDIDATE)}, (last,), STRATEGIES)
    assert preview.after == {"c": 1}


def test_a_resolution_names_the_sides_it_settles_and_no_others() -> None:
    writers = apart({"a": 1}, {"a": 2, "b": 2}, {"b": 3})
    dots = [str(event.dot) for event in writers.all]
    assert settles(view(writers), {("a",): BOTH}) == sorted(dots[:2])
    assert settles(view(writers), {("a",): BOTH, ("b",): BOTH}) == sorted(dots)


def test_one_choice_for_all_fields_that_it_fits() -> None:
    writers = apart({"tags": ["a"], "n": 1, "note": "x"}, {"tags": ["b"], "n": 2, "note": "y"})
    assert fitting(view(writers), BOTH).keys() == {("note",), ("tags",)}
    assert fitting(view(writers), BOTH, "t*").keys() == {("tags",)}
    assert fitting(view(writers), Choice(take=Take.CANDIDATE, candidate=2)) == {}


@pytest.mark.parametrize(
    ("base", "sides", "together"),
    [
        ([], [[1], [2], [1]], [1, 2]),
        ("see: ", ["see: a", "see: b"], "see: ab"),
        ("", ["a", "b", "a"], "a\nb"),
        ({}, [{"a": {"x": 1}}, {"a": {"y": 2}, "b": "t"}], {"a": {"x": 1, "y": 2}, "b": "t"}),
        ({"n": 0}, [{"n": 1}, {"n": 2}], {"n": 2}),
    ],
)
def test_both_is_what_every_side_put_in(base: Any, sides: list[Any], together: Any) -> None:
    assert chosen(contest(base, sides), BOTH) == together
