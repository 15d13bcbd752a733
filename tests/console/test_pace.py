"""How often a tab reads what others change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.panes.pace import CREDIT, EVERY, FACTOR, Pace


def times_until(pace: Pace, end: float, *, took: float = 0.0) -> list[float]:
    """Do it whenever it is due; return when that was."""
    now, times = 0.0, []
    while now < end:
        if wait := pace.wait(now):
            now += wait
        else:
            times.append(now)
            now += took
            pace.did(now, took)
    return times


def test_the_first_change_after_a_calm_time_is_due_at_once_and_so_are_the_next_few() -> None:
    pace = Pace()
    assert [each == 0.0 for each in times_until(pace, 1.0)].count(True) == round(CREDIT / EVERY) + 1
    assert pace.wait(1_000.0) == 0.0


def test_a_storm_is_limited_to_so_many_a_second() -> None:
    times = times_until(Pace(), 60.0)
    assert len(times) <= 60 / EVERY + CREDIT / EVERY + 1
    assert len(times) >= 60 / EVERY - 1


@given(took=st.floats(0.03, 5.0))
def test_what_takes_long_is_done_for_no_more_than_its_share_of_the_time(took: float) -> None:
    end = 300 * took
    times = times_until(Pace(), end, took=took)
    assert len(times) * took <= end / FACTOR + CREDIT + 2 * took
