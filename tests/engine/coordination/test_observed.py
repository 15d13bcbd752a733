"""Observed expiry: nobody is taken for gone before his own deadline has passed, whoever looks and however often."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.coordination.observed import DEAF_PATIENCE, Gone, Sample, Sighting, gone, left, margin, observe
from engine.coordination.standing import SessionId

ANNA = SessionId("anna")
TTL = timedelta(seconds=10)
LAPSES = (TTL + margin(TTL)).total_seconds()


def sample(heartbeat: int, *, listening: bool = True) -> Sample:
    return Sample(session=ANNA, heartbeat=heartbeat, ttl=TTL, listening=listening)


def test_a_counter_that_stands_still_for_the_ttl_and_a_margin_shows_a_lapse() -> None:
    seen = observe({}, [sample(4)], answered=100.0)
    seen = observe(seen, [sample(4)], answered=100.0 + LAPSES)
    assert gone(seen, asked=100.0 + LAPSES - 0.001) == ()
    assert gone(seen, asked=100.0 + LAPSES) == (Gone(session=ANNA, heartbeat=4, crashed=False),)


def test_a_renewal_begins_the_time_anew() -> None:
    seen = observe({}, [sample(4)], answered=100.0)
    seen = observe(seen, [sample(5)], answered=109.0)
    assert gone(seen, asked=109.0 + LAPSES - 0.001) == ()


def test_a_counter_that_went_back_is_a_renewal_too() -> None:
    """A server that lost its last moments may count from an earlier number."""
    seen = observe({}, [sample(4)], answered=100.0)
    seen = observe(seen, [sample(3)], answered=109.0)
    assert gone(seen, asked=100.0 + LAPSES) == ()


def test_who_lost_its_line_is_gone_after_the_patience_with_it() -> None:
    seen = observe({}, [sample(4)], answered=100.0)
    seen = observe(seen, [sample(4, listening=False)], answered=101.0)
    patience = DEAF_PATIENCE.total_seconds()
    assert gone(seen, asked=101.0 + patience - 0.001) == ()
    assert gone(seen, asked=101.0 + patience) == (Gone(session=ANNA, heartbeat=4, crashed=True),)


def test_who_comes_back_in_time_is_not_gone() -> None:
    seen = observe({}, [sample(4, listening=False)], answered=100.0)
    seen = observe(seen, [sample(4)], answered=100.9)
    seen = observe(seen, [sample(4, listening=False)], answered=101.5)
    assert gone(seen, asked=102.0) == ()


def test_who_is_not_there_any_more_is_forgotten() -> None:
    assert observe(observe({}, [sample(4)], answered=1.0), [], answered=2.0) == {}


def test_what_is_left_is_never_more_than_the_ttl_nor_less_than_nothing() -> None:
    sighting = Sighting(heartbeat=4, ttl=TTL, since=100.0)
    assert left(sighting, 103.0) == timedelta(seconds=7)
    assert left(sighting, 200.0) == timedelta(0)
    assert left(None, 200.0) is None


@settings(max_examples=100)
@given(
    renewals=st.lists(st.floats(0.1, 9.0), min_size=1, max_size=4),
    looks=st.lists(st.tuples(st.floats(0.2, 3.0), st.floats(0.0, 0.5), st.floats(0.0, 0.5)), min_size=20, max_size=60),
)
def test_nobody_is_gone_before_his_deadline(renewals: list[float], looks: list[tuple[float, float, float]]) -> None:
    """A holder renews at some moments and then never again; an observer looks when it can: each question and each
    answer is on its way for a while. The holder's own deadline counts from before its renewal left."""
    moments = [sum(renewals[:count]) for count in range(1, len(renewals) + 1)]
    deadline = moments[-1] + (TTL - margin(TTL)).total_seconds()
    seen: dict[SessionId, Sighting] = {}
    now = 0.0
    for pause, there, back in looks:
        asked = now + pause
        read = asked + there
        now = read + back
        seen = observe(seen, [sample(sum(moment <= read for moment in moments))], answered=now)
        if gone(seen, asked):
            # Ending compares the counter once more, so that a renewal after the look is not overlooked.
            assert read > deadline
            return
