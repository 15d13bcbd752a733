"""Events that say nothing any more may go: the state, the heads, and all that is written later stay the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.event import Event, Origin, Position
from engine.events.merging.evaluate import evaluate, state_hash
from engine.events.merging.superseded import superseded

LATER = 2**62


def history(*patches: Any, kind: str = "user.changed") -> list[Event]:
    return [event(seq, patch, {"a~1": seq - 1} if seq > 1 else {}, kind=kind) for seq, patch in enumerate(patches, 1)]


def event(
    seq: int, patch: Any, context: dict[str, int], *, origin: str = "a~1", position: int = 0, kind: str = "user.changed"
) -> Event:
    return Event(
        position=Position(position or seq),
        id=f"{origin}-{seq}",
        type=kind,
        aggregate_id="user:1",
        data=patch,
        metadata={},
        origin=Origin(origin),
        seq=seq,
        context=context,
        hlc=(position or seq) * 1_000,
        chain="",
    )


def gone(events: list[Event], before: int = LATER) -> list[int]:
    return [each.seq for each in superseded(events, before)]


@pytest.mark.parametrize(
    ("patches", "seqs"),
    {
        "a field written again": ([{"a": 1}, {"a": 2}], [1]),
        "of two fields one": ([{"a": 1, "b": 1}, {"a": 2}], []),
        "of two fields both, by two events": ([{"a": 1, "b": 1}, {"a": 2}, {"b": 2}], [1]),
        "a removal written over": ([{"a": 1}, {"a": None}, {"a": 2}], [1, 2]),
        "a removal that stands": ([{"a": 1}, {"a": None}], [1]),
        "all before a tombstone": ([{"a": 1}, {"b": 1}, None], [1, 2]),
        "a new life after a tombstone": ([{"a": 1}, None, {"b": 1}], [1]),
        "a field within one that was replaced": ([{"p": {"x": 1}}, {"p": 5}], [1]),
        "an object is not covered by a field within": ([{"p": {"x": 1}}, {"p": {"y": 1}}], []),
        "what would show again through a gap stays": ([{"p": {"x": 1}}, {"p": 5}, {"p": {"y": 1}}], [1]),
        "an event that wrote nothing": ([{"a": 1}, {}, {"a": 2}], [1]),
        "the only event": ([{"a": 1}], []),
        "no event": ([], []),
    }.values(),
)
def test_what_was_written_again_may_go_and_the_rest_stays(patches: list[Any], seqs: list[int]) -> None:
    assert gone(history(*patches)) == seqs


def test_only_events_before_a_time_go() -> None:
    assert gone(history({"a": 1}, {"a": 2}, {"a": 3}), before=2_000) == [1]


def test_what_an_operator_settled_stays_whole() -> None:
    assert gone(history({"a": 1}, {"a": 2}, kind="conflict.resolved")) == []


def test_concurrent_edits_that_were_overwritten_together_may_go() -> None:
    first = event(1, {"a": 1}, {})
    left = event(2, {"a": 2}, {"a~1": 1})
    right = event(1, {"a": 3}, {"a~1": 1}, origin="b~1", position=3)
    both = event(3, {"a": 4}, {"a~1": 2, "b~1": 1}, position=4)

    assert gone([first, left, right]) == []
    assert len(superseded([first, left, right, both], LATER)) == 3


scalars = st.none() | st.integers(0, 2)
patches = st.recursive(
    st.dictionaries(st.sampled_from("abc"), scalars, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), scalars | inner, max_size=3),
    max_leaves=4,
)
histories = st.lists(patches | st.none() | st.integers(0, 1), max_size=9)


@settings(max_examples=300)
@given(histories, st.integers(0, 10), histories)
def test_without_them_everything_is_and_becomes_the_same(story: list[Any], before: int, later: list[Any]) -> None:
    events = history(*story, *later)
    mine, others = events[: len(story)], events[len(story) :]
    away = {each.dot for each in superseded(mine, before * 1_000)}
    rest = [each for each in mine if each.dot not in away]

    for upto in range(len(others) + 1):
        whole, left = mine + others[:upto], rest + others[:upto]
        assert state_hash("user:1", left) == state_hash("user:1", whole)
        assert evaluate(left).heads == evaluate(whole).heads


@settings(max_examples=200)
@given(histories.filter(bool), patches, patches)
def test_edits_that_are_concurrent_later_make_the_same_contest(story: list[Any], left: Any, right: Any) -> None:
    mine = history(*story)
    known = {"a~1": len(story)}
    sides = [
        event(len(story) + 1, left, known, position=90),
        event(1, right, known, origin="b~1", position=91),
    ]
    away = {each.dot for each in superseded(mine, LATER)}
    rest = [each for each in mine if each.dot not in away]

    assert state_hash("user:1", rest + sides) == state_hash("user:1", mine + sides)
