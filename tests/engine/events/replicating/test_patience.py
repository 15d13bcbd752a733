"""Trying again: spread out, bounded, and never sooner than was asked."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.events.replicating.patience import Patience, Tries

CHANCES = st.floats(0, 1, exclude_max=True)


@given(st.lists(CHANCES, min_size=20, max_size=20))
def test_pauses_stay_within_their_bounds_and_end_with_the_budget(chances: list[float]) -> None:
    patience = Patience(at_first=6)
    tries = Tries(patience)
    pauses = [pause for chance in chances if (pause := tries.again(chance)) is not None]

    assert len(pauses) == 6
    assert all(patience.shortest <= pause <= patience.longest for pause in pauses)


def test_pauses_grow_while_nothing_succeeds_and_begin_anew_after_a_success() -> None:
    tries = Tries(Patience(at_first=4, longest=timedelta(hours=1)))
    growing = [tries.again(0.99) for _ in range(3)]
    tries.succeeded()

    assert growing == sorted(growing, key=lambda pause: pause or timedelta())
    assert growing[0] != growing[2]
    assert tries.again(0.99) == growing[0]


def test_two_nodes_with_other_chances_do_not_come_back_together() -> None:
    assert Tries(Patience()).again(0.1) != Tries(Patience()).again(0.9)


def test_successes_earn_tries_back_slowly() -> None:
    tries = Tries(Patience(at_first=1, budget=2, earned=0.5))
    tries.succeeded()
    assert [tries.again(0.0) is None for _ in range(3)] == [False, False, True]
    tries.succeeded()
    assert tries.again(0.0) is None
    tries.succeeded()
    assert tries.again(0.0) is not None


def test_a_pause_that_was_asked_for_is_kept_or_the_call_given_up() -> None:
    tries = Tries(Patience(at_first=5))

    assert tries.again(0.0, timedelta(seconds=3)) == timedelta(seconds=3)
    assert tries.again(0.0, timedelta(minutes=5)) is None
