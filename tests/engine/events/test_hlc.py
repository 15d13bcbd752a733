"""Laws of the hybrid logical clock."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.events.hlc import at_milliseconds, tick

MOMENTS = st.integers(min_value=0, max_value=2**40)


@given(st.lists(MOMENTS, min_size=2, max_size=50))
def test_stamps_only_grow_whatever_the_wall_clock_does(moments: list[int]) -> None:
    stamps = [0]
    for now_ms in moments:
        stamps.append(tick(stamps[-1], now_ms))

    assert all(before < after for before, after in pairwise(stamps))


@given(MOMENTS, MOMENTS)
def test_a_stamp_is_never_behind_the_wall_clock(earlier: int, now_ms: int) -> None:
    assert tick(at_milliseconds(earlier), now_ms) >= at_milliseconds(now_ms)


def test_a_stamp_tells_the_millisecond() -> None:
    assert tick(0, 1_700_000_000_123) >> 16 == 1_700_000_000_123


def test_the_counter_goes_on_while_the_clock_is_set_back_and_ends_when_it_caught_up() -> None:
    before = tick(0, 10_000)

    assert tick(before, 9_000) == before + 1
    assert tick(before + 1, 10_001) == at_milliseconds(10_001)


def test_a_full_counter_carries_into_the_milliseconds() -> None:
    assert tick(at_milliseconds(5) + 0xFFFF, 5) == at_milliseconds(6)
