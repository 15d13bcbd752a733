"""Every strategy is a function of the set of sides: those of the table, and another package's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.chain import canonical
from engine.events.event import Event, Origin, Position
from engine.events.merging.rules import judge
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import ABSENT, Candidate, Contest
from engine.settings.replication import Rule

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
numbers = st.integers(-5, 5) | st.floats(-5, 5)
lists = st.lists(st.sampled_from(["a", "b", 1, 1.0, True, {"k": 1}]), max_size=4)
objects = st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, "x", ["l"], {"d": 1}]), max_size=3)
texts = st.sampled_from(["", "a", "a\nb", "ab", "b"])
alike = st.one_of(
    *(st.tuples(kind, st.lists(kind, min_size=2, max_size=5)) for kind in (numbers, lists, objects, texts, json_values))
)
rules = st.sampled_from(
    [
        Rule(use="any"),
        *(Rule(use="prefer_origin", prefer=each) for each in (("n1",), ("n*", "x"), ("?3", "n0"), ("x",))),
    ]
)


def contest(base: Any, values: Sequence[Any], stamps: Sequence[int] | None = None) -> Contest:
    """Return a contest of as many nodes as there are values, n0 first; ABSENT or JSON."""
    candidates = tuple(
        Candidate(event=event_of(number, (stamps or range(1, 99))[number]), value=value)
        for number, value in enumerate(values)
    )
    return Contest(path=("field",), base=base, candidates=candidates)


def event_of(number: int, stamp: int) -> Event:
    return Event(
        position=Position(number + 1),
        id=str(number),
        type="user.changed",
        aggregate_id="user:ann",
        data={},
        metadata={"actor": f"a{number}"},
        origin=Origin(f"n{number}~00000000"),
        seq=1,
        context={},
        hlc=stamp << 16,
        chain="",
    )


def decided(word: str, base: Any, *values: Any, prefer: tuple[str, ...] = ()) -> Any:
    return STRATEGIES[word].decide(contest(base, values), Rule(use=word, prefer=prefer))


def hold_to_the_law(strategy: Strategy, case: tuple[Any, list[Any]], rule: Rule, chance: random.Random) -> None:
    """What every strategy is held to, whoever wrote it."""
    base, values = case
    values = [ABSENT if chance.random() < 0.15 else value for value in values]
    stamps = [chance.randint(1, 3) for _ in values]
    before = contest(base if chance.random() < 0.8 else ABSENT, values, stamps)
    frozen = canonical([before.base, [each.value for each in before.candidates]])
    outcome = strategy.decide(before, rule)
    if isinstance(outcome, Asks):
        assert outcome.reason.endswith("."), "a sentence"
    elif outcome is not ABSENT:
        canonical(outcome)
    for _ in range(3):
        shuffled = list(before.candidates)
        chance.shuffle(shuffled)
        again = strategy.decide(Contest(path=before.path, base=before.base, candidates=tuple(shuffled)), rule)
        assert repr(again) == repr(outcome), "the order of the sides says nothing"
    assert canonical([before.base, [each.value for each in before.candidates]]) == frozen, "nothing is changed"


@pytest.mark.parametrize("word", STRATEGIES)
@settings(max_examples=60)
@given(case=alike, rule=rules, chance=st.randoms(use_true_random=False))
def test_each_row_is_a_function_of_the_set_and_total(
    word: str, case: tuple[Any, list[Any]], rule: Rule, chance: random.Random
) -> None:
    hold_to_the_law(STRATEGIES[word], case, rule, chance)


@pytest.mark.parametrize("word", STRATEGIES)
def test_each_row_has_its_word_and_a_sentence(word: str) -> None:
    strategy = STRATEGIES[word]
    assert strategy.word == word
    assert strategy.summary.endswith(".")
    assert strategy.origin == "syncdeck"


def test_the_law_bites() -> None:
    """A strategy that looks at the order in which the sides come is found out."""
    first = Strategy(word="first", summary="The first that came.", decide=lambda each, rule: each.candidates[0].value)
    with pytest.raises(AssertionError, match="order of the sides"):
        hold_to_the_law(first, (0, [1, 2, 3, 4, 5]), Rule(use="first"), random.Random(1))


CASES: dict[str, tuple[str, Any, list[Any], Any]] = {
    "the last write wins": ("last_write_wins", "old", ["n", "s"], "s"),
    "a removal that came last wins": ("last_write_wins", "old", ["n", ABSENT], ABSENT),
    "the first write wins": ("first_write_wins", "old", ["n", "s"], "n"),
    "what each added is added up": ("keep_both", 10, [13, 8], 11),
    "counting from nothing begins at nought": ("keep_both", ABSENT, [1, 2], 3),
    "a removed number adds nothing": ("keep_both", 10, [ABSENT, 12], 12),
    "fractions add up exactly": ("keep_both", 0.1, [0.2, 0.4], 0.5),
    "lists hold what either holds": ("keep_both", ["a"], [["a", "b"], ["c"]], ["a", "b", "c"]),
    "texts that went on hold both ends": ("keep_both", "log:", ["log: n", "log: s"], "log: n s"),
    "other texts stand below one another": ("keep_both", "x", ["n", "s"], "n\ns"),
    "an edited text outlives a removal": ("keep_both", "x", [ABSENT, "s"], "s"),
    "objects hold the fields of both": ("keep_both", {}, [{"a": [1]}, {"a": [2], "b": 1}], {"a": [1, 2], "b": 1}),
    "fields are merged one by one": (
        "merge_fields",
        {"a": 1, "b": 1, "c": {"d": 1}},
        [{"a": 2, "b": 1, "c": {"d": 1, "e": 1}}, {"a": 1, "c": {"d": 2}}],
        {"a": 2, "c": {"d": 2, "e": 1}},
    ),
    "a field that clashes is the last one's": ("merge_fields", {"a": 1}, [{"a": 2}, {"a": 3}], {"a": 3}),
    "fields that were edited outlive a removal": ("merge_fields", {"a": 1}, [{"a": 2}, ABSENT], {"a": 2}),
    "what either added is in": ("union", ["a"], [["a", "b"], ["a", "c"]], ["a", "b", "c"]),
    "what one removed and none touched is out": ("union", ["a", "b"], [["a", "b", "c"], ["b"]], ["b", "c"]),
    "one and one point nought are two items": ("union", [1], [[1, 1.0], [1, True]], [1, 1.0, True]),
    "a removed list keeps what the other added": ("union", ["a"], [ABSENT, ["a", "b"]], ["b"]),
    "a removal wins": ("remove_wins", "x", ["n", ABSENT], ABSENT),
    "an item that one removed is removed": ("remove_wins", ["a", "b"], [["a"], ["a", "b", "c"]], ["a", "c"]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_strategies_do(name: str) -> None:
    word, base, values, wanted = CASES[name]
    found = decided(word, base, *values)
    assert found == wanted
    assert repr(found) == repr(wanted)


ASKED: dict[str, tuple[str, Any, list[Any], str]] = {
    "an operator, always": ("ask_operator", 1, [2, 3], "asks an operator"),
    "about flags that nobody can add": ("keep_both", False, [True, ABSENT, 1], "different kinds"),
    "about two flags": ("keep_both", ABSENT, [True, False], "true or false"),
    "about a text and a list": ("keep_both", "x", ["y", ["z"]], "different kinds"),
    "about numbers too large to add": ("keep_both", 0, [2**62, 2**62], "more than a number can hold"),
    "about fields of what is no object": ("merge_fields", {}, [{"a": 1}, "text"], "something else"),
    "about a list against a text": ("union", [], [["a"], "b"], "Union is for lists"),
    "about values that nobody removed": ("remove_wins", "x", ["n", "s"], "Nobody removed it"),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_cannot_be_decided_is_asked_in_words(name: str) -> None:
    word, base, values, sentence = ASKED[name]
    outcome = decided(word, base, *values)
    assert isinstance(outcome, Asks)
    assert sentence in outcome.reason


def test_the_first_preferred_node_that_wrote_wins() -> None:
    assert decided("prefer_origin", 0, 1, 2, 3, prefer=("n9", "n1")) == 2
    assert decided("prefer_origin", 0, 1, 2, 3, prefer=("n[12]", "n?")) == 3, "the last of those that are alike"


def test_preferring_nobody_who_wrote_asks() -> None:
    assert "only n0, n1 wrote" in decided("prefer_origin", 0, 1, 2, prefer=("hr-*",)).reason


def test_what_another_package_makes_of_it_becomes_json_or_a_question() -> None:
    def outcome(decide: Any) -> Any:
        strategy = Strategy(word="other", summary="Another's.", decide=decide)
        return judge(contest("base", ["n", "s"]), [Rule(use="other")], {"other": strategy})

    assert outcome(lambda each, rule: {"a": None, "b": (1, 2)}).value == {"b": [1, 2]}
    assert outcome(lambda each, rule: None).value is ABSENT
    failed = outcome(lambda each, rule: 1 / 0)
    assert (failed.settled, failed.value) == (False, "base")
    assert "ZeroDivisionError" in failed.reason
    assert "TypeError" in outcome(lambda each, rule: object()).reason
