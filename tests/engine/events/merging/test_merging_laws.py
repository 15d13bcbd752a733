"""Laws of merging: a function of the set, exact detection, causality above clocks."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.event import Event
from engine.events.merging.evaluate import evaluate, state_hash
from tests.engine.events.merging.histories import AGGREGATE, histories
from tests.engine.events.merging.oracle import Oracle


@given(histories, st.integers(0, 2**32))
@settings(max_examples=300)
def test_order_and_repetition_never_matter(events: list[Event], seed: int) -> None:
    again = events + random.Random(seed).choices(events, k=len(events)) if events else []
    random.Random(seed).shuffle(again)
    assert evaluate(again) == evaluate(events)
    assert state_hash(AGGREGATE, again) == state_hash(AGGREGATE, events)


@given(histories)
@settings(max_examples=600)
def test_the_slow_way_finds_the_same_state_and_the_same_contests(events: list[Event]) -> None:
    oracle = Oracle(events)
    aggregate = evaluate(events)
    assert aggregate.value == oracle.value
    found = [
        (contest.path, contest.base, [(each.event.dot, each.value) for each in contest.candidates])
        for contest in aggregate.contests
    ]
    assert found == oracle.contests
