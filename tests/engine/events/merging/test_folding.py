"""Where nothing is concurrent, state is what RFC 7396 says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.merging.evaluate import evaluate
from engine.events.merging.values import ABSENT
from tests.engine.events.merging.histories import Writers, patches

NOTHING: Any = object()

APPENDIX_A = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, ABSENT),
    ({"a": "foo"}, "bar", "bar"),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


def merge_patch(target: Any, patch: Any) -> Any:
    """The pseudo code of RFC 7396, section 2, letter by letter; null at the top deletes the aggregate."""
    if isinstance(patch, dict):
        result = dict(target) if isinstance(target, dict) else {}
        for name, value in patch.items():
            if value is None:
                result.pop(name, None)
            else:
                result[name] = merge_patch(result.get(name), value)
        return result
    return ABSENT if patch is None else patch


@pytest.mark.parametrize(("original", "patch", "result"), APPENDIX_A)
def test_the_examples_of_appendix_a(original: Any, patch: Any, result: Any) -> None:
    writers = Writers("north")
    writers.write("north", original)
    writers.write("north", patch)
    assert evaluate(writers.all).value == result


@given(st.lists(patches, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_linear_history_is_folded_whoever_wrote_it(data: list[Any], chance: Any) -> None:
    writers = Writers("north", "south")
    expected: Any = ABSENT
    for patch in data:
        writers.write(chance.choice(["north", "south"]), patch)
        writers.meet()
        expected = merge_patch(expected, patch)
    shuffled = list(writers.all)
    chance.shuffle(shuffled)
    for events in (writers.all, shuffled):
        aggregate = evaluate(events)
        assert repr(aggregate.value) == repr(expected) or aggregate.value == expected
        assert aggregate.contests == ()
        assert aggregate.heads == (writers.all[-1].dot,)


@given(st.lists(patches, min_size=1, max_size=6))
def test_the_tree_of_live_writes_folds_a_linear_history_too(data: list[Any]) -> None:
    """As if something far back had been concurrent, so that nothing could be folded beforehand."""
    writers = Writers("north", "south")
    writers.write("south", {"z": 1})
    expected: Any = {"z": 1}
    writers.known["north"] = {}
    writers.write("north", {"z": 1})
    writers.pull("north", "south")
    for patch in data:
        writers.write("north", patch)
        expected = merge_patch(expected, patch)
    assert evaluate(writers.all).value == expected


def test_what_events_hold_is_never_changed() -> None:
    writers = Writers("north")
    first = writers.write("north", {"a": {"b": 1}})
    writers.write("north", {"a": {"c": 2}})
    assert evaluate(writers.all).value == {"a": {"b": 1, "c": 2}}
    assert first.data == {"a": {"b": 1}}
