"""Which rule decides, and what a view makes of it."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.merging.patterns import matches
from engine.events.merging.rules import applies, fingerprint, first_match, judge
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.values import Contest
from engine.events.merging.view import view_of
from engine.settings.replication import Condition, Rule
from tests.engine.events.merging.histories import AGGREGATE, Writers
from tests.engine.events.merging.test_strategies import contest


def two_nodes() -> Contest:
    return contest("old", ["n", "s"])


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True),
        ("user.*", "user.changed", True),
        ("user.*", "userchanged", False),
        ("us?r", "user", True),
        ("[ab]", "a", False),
        ("a**b", "a.b", True),
        ("User", "user", False),
        ("*a" * 500 + "b", "a" * 1_000, False),
    ],
)
def test_patterns_know_star_and_question_mark_only(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits


@given(st.text("ab*?", max_size=8), st.text("ab*?[", max_size=10))
def test_patterns_are_what_everybody_takes_them_for(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatchcase(text, pattern)


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        (Condition(), True),
        (Condition(type="user.*"), True),
        (Condition(type="order.*"), False),
        (Condition(aggregate="user:?nn"), True),
        (Condition(aggregate="user:b*"), False),
        (Condition(field="f*d"), True),
        (Condition(field="field.*"), False),
        (Condition(origin="n1"), True),
        (Condition(origin="n7"), False),
        (Condition(metadata={"actor": "a?"}), True),
        (Condition(metadata={"team": "*"}), False),
        (Condition(origin="n1", metadata={"actor": "a1"}), True),
        (Condition(origin="n1", metadata={"actor": "a0"}), False),
    ],
)
def test_all_that_is_given_must_hold_for_one_and_the_same_side(when: Condition, fits: bool) -> None:
    assert applies(when, two_nodes()) is fits


def test_the_first_match_decides() -> None:
    rules = [
        Rule(use="ask_operator", when=Condition(field="other")),
        Rule(use="first_write_wins"),
        Rule(use="last_write_wins"),
    ]
    assert first_match(two_nodes(), rules) == (2, rules[1])
    assert judge(two_nodes(), rules, STRATEGIES).value == "n"


def test_without_a_match_an_operator_is_asked_and_the_base_shows() -> None:
    verdict = judge(two_nodes(), [Rule(use="last_write_wins", when=Condition(field="other"))], STRATEGIES)
    assert (verdict.position, verdict.settled, verdict.value) == (0, False, "old")
    assert verdict.reason == "No rule matches."


def test_a_strategy_that_is_not_installed_asks() -> None:
    verdict = judge(two_nodes(), [Rule(use="acme_best")], STRATEGIES)
    assert not verdict.settled
    assert "acme_best does not exist here" in verdict.reason


def test_a_view_shows_what_rules_settle_and_the_base_of_the_rest() -> None:
    writers = Writers("north", "south")
    writers.write("north", {"a": {"b": 0, "c": 0}, "d": 0})
    writers.meet()
    for number, name in enumerate(("north", "south"), 1):
        writers.write(name, {"a": {"b": number, "c": number}, "d": None if number == 2 else number})
    rules = [
        Rule(use="last_write_wins", when=Condition(field="a.b")),
        Rule(use="remove_wins", when=Condition(field="d")),
    ]
    view = view_of(AGGREGATE, writers.all, rules, STRATEGIES)
    assert view.value == {"a": {"b": 2, "c": 0}}
    assert [verdict.contest.path for verdict in view.open] == [("a", "c")]
    assert [verdict.position for verdict in view.verdicts] == [1, 0, 2]


def test_the_fingerprint_of_rules_is_that_of_what_they_say() -> None:
    one = [Rule(use="union", when=Condition(field="tags", metadata={"a": "1", "b": "2"}))]
    same = [Rule(use="union", name="tags", when=Condition(field="tags", metadata={"b": "2", "a": "1"}))]
    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(one) != fingerprint([*one, Rule(use="union")])
    assert fingerprint([Rule(use="union"), *one]) != fingerprint([*one, Rule(use="union")])
