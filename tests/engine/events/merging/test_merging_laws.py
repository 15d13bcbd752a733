"""Laws of merging: a function of the set, exact detection, causality above clocks, decisions that close and reopen."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.event import Event
from engine.events.merging.choices import patch_for
from engine.events.merging.evaluate import Aggregate, conflict_id, evaluate, quiet, state_hash
from engine.events.merging.queue import Choice, Take
from engine.events.merging.values import ABSENT
from tests.engine.events.merging.histories import (
    AGGREGATE,
    NAMES,
    TEN_YEARS_MS,
    Writers,
    deciding_histories,
    histories,
    patches,
)
from tests.engine.events.merging.oracle import Oracle


def told(aggregate: Aggregate) -> list[tuple[Any, ...]]:
    return [
        (contest.path, contest.base, [(each.event.dot, each.value) for each in contest.candidates])
        for contest in aggregate.contests
    ]


@given(histories, st.integers(0, 2**32))
@settings(max_examples=300)
def test_order_and_repetition_never_matter(events: list[Event], seed: int) -> None:
    again = events + (random.Random(seed).choices(events, k=len(events)) if events else [])
    random.Random(seed).shuffle(again)
    assert evaluate(again) == evaluate(events)
    assert state_hash(AGGREGATE, again) == state_hash(AGGREGATE, events)
    assert quiet(again) == quiet(events)


@given(deciding_histories)
@settings(max_examples=500)
def test_the_slow_way_finds_the_same_state_and_the_same_contests(events: list[Event]) -> None:
    """Read off the whole graph, definition by definition: no false conflict, none missed."""
    oracle = Oracle(events)
    aggregate = evaluate(events)
    assert aggregate.value == oracle.value
    assert told(aggregate) == oracle.contests


@given(histories, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_stamps_that_lie_change_no_order_of_cause_and_effect(events: list[Event], chance: random.Random) -> None:
    """Effects stamped long before their causes are still effects; arrival in the order of stamps does not fool it."""
    lying = [msgspec.structs.replace(event, hlc=chance.randint(0, 5) << 16) for event in events]
    oracle = Oracle(lying)
    aggregate = evaluate(sorted(lying, key=lambda event: event.hlc))
    assert (aggregate.value, told(aggregate)) == (oracle.value, oracle.contests)


@given(deciding_histories, st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_contexts_that_lie_make_nobody_wait_and_mean_the_same_everywhere(
    events: list[Event], chance: random.Random
) -> None:
    """A hostile peer's events may know each other in circles, or what their causes did not."""
    origins = sorted({event.origin for event in events})
    lying = [
        msgspec.structs.replace(event, context={origin: chance.randint(0, 5) for origin in origins})
        if chance.random() < 0.7
        else event
        for event in events
    ]
    expected = evaluate(lying)
    chance.shuffle(lying)
    assert evaluate(lying) == expected


@given(st.lists(patches, min_size=3, max_size=4), st.randoms(use_true_random=False))
def test_merging_in_any_grouping_is_evaluating_the_set(data: list[Any], chance: random.Random) -> None:
    """Four nodes that wrote apart, and then merge two by two in any order, see what one sees who got all at once."""
    names = [f"n{number}" for number in range(len(data))]
    writers = Writers("root", *names)
    writers.write("root", {"a": 1, "b": {"c": 2}})
    writers.meet()
    for name, patch in zip(names, data, strict=True):
        writers.write(name, patch)
    at_once = evaluate(writers.all)
    groups = [dict(writers.known[name]) for name in names]
    while len(groups) > 1:
        chance.shuffle(groups)
        groups.append(groups.pop() | groups.pop())
        evaluate(groups[-1].values())
    assert evaluate(groups[0].values()) == at_once


def test_every_order_of_six_heads_gives_the_same() -> None:
    writers = Writers("root", *"abcdef")
    writers.write("root", {"x": 0})
    writers.meet()
    for number, name in enumerate("abcdef"):
        writers.write(name, {"x": number % 4, name: number} if number else None)
    expected = evaluate(writers.all)
    assert len(expected.heads) == 6
    for order in permutations(writers.all[1:]):
        assert evaluate([*order, writers.all[0]]) == expected


@given(patches, patches)
def test_equal_changes_are_no_conflict(start: Any, change: Any) -> None:
    writers = Writers("north", "south")
    writers.write("north", start)
    writers.meet()
    for name in ("north", "south"):
        writers.write(name, change)
    aggregate = evaluate(writers.all)
    assert aggregate.contests == ()
    assert aggregate.value == evaluate(writers.all[:2]).value
    assert len(aggregate.heads) == 2


@given(st.sampled_from(NAMES), patches, patches)
def test_causality_beats_any_clock(fast: str, earlier: Any, later: Any) -> None:
    """A node whose clock is ten years ahead never overrides whoever knew of its edit."""
    writers = Writers(*NAMES, ahead_ms={fast: TEN_YEARS_MS})
    informed = next(name for name in NAMES if name != fast)
    writers.write(fast, earlier)
    writers.meet()
    writers.write(informed, later)
    aggregate = evaluate(writers.all)
    expected = Writers("one")
    expected.write("one", earlier)
    expected.write("one", later)
    assert aggregate.value == evaluate(expected.all).value
    assert aggregate.contests == ()


@given(histories, st.data())
@settings(max_examples=200)
def test_a_resolution_closes_the_contests_it_decides_and_no_other(events: list[Event], data: st.DataObject) -> None:
    contests = evaluate(events).contests
    writers = Writers("operator")
    writers.known["operator"] = {(event.origin, event.seq): event for event in events}
    writers.all = list(events)
    if not contests:
        return
    decided = data.draw(st.lists(st.sampled_from(contests), min_size=1, unique_by=lambda contest: contest.path))
    ways = st.sampled_from([Choice(take=Take.CANDIDATE, candidate=1), Choice(take=Take.BASE), Choice(take=Take.REMOVE)])
    choices = {contest.path: data.draw(ways) for contest in decided}
    writers.resolve("operator", patch_for(contests, choices))
    again = list(writers.all)
    data.draw(st.randoms(use_true_random=False)).shuffle(again)
    after = evaluate(again)
    assert {contest.path for contest in after.contests} == {contest.path for contest in contests} - choices.keys()
    for contest in decided:
        match choices[contest.path].take:
            case Take.CANDIDATE:
                wanted = contest.candidates[1].value
            case Take.BASE:
                wanted = contest.base
            case _:
                wanted = ABSENT
        found = after.value
        for key in contest.path:
            found = found[key] if isinstance(found, dict) and key in found else ABSENT
        assert found == wanted


@given(histories)
@settings(max_examples=200)
def test_undo_reopens_exactly_what_was_and_undoing_that_closes_it_again(events: list[Event]) -> None:
    before = evaluate(events)
    writers = Writers("operator")
    writers.known["operator"] = {(event.origin, event.seq): event for event in events}
    writers.all = list(events)
    if not before.contests:
        return
    choices = {contest.path: Choice(take=Take.CANDIDATE, candidate=0) for contest in before.contests}
    resolution = writers.resolve("operator", patch_for(before.contests, choices))
    settled = evaluate(writers.all)
    undoing = writers.reopen("operator", resolution)
    after = evaluate(writers.all)
    assert (after.value, told(after)) == (before.value, told(before))
    assert conflict_id(AGGREGATE, after.contests) == conflict_id(AGGREGATE, before.contests)
    writers.reopen("operator", undoing)
    again = evaluate(writers.all)
    assert (again.value, again.contests) == (settled.value, ())


@given(histories)
def test_what_is_quiet_has_one_head_and_nothing_to_decide(events: list[Event]) -> None:
    aggregate = evaluate(events)
    assert quiet(events) == (len(aggregate.heads) <= 1 and not aggregate.contests)


@given(histories, histories)
def test_equal_hashes_mean_equal_states_and_contests(one: list[Event], other: list[Event]) -> None:
    left, right = evaluate(one), evaluate(other)
    alike = (left.value, told(left)) == (right.value, told(right)) and repr(left.value) == repr(right.value)
    if state_hash(AGGREGATE, one) == state_hash(AGGREGATE, other):
        assert (left.value, told(left)) == (right.value, told(right))
    elif alike:
        assert left.contests, "only contests name the events they came from"
