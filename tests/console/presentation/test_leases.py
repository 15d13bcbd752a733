"""Bars that run down, and who held what when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.presentation.leases import (
    Hold,
    Moment,
    bar,
    gauge,
    lane,
    left_now,
    overdue,
    past_lines,
    who_short,
    who_words,
)
from console.presentation.spans import plain, width_of
from engine.coordination.standing import Ending, PastHolder, Token, Who

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TTL = timedelta(seconds=10)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def after(elapsed: float, *, gone: bool = False) -> Moment:
    return Moment(now=NOW + seconds(elapsed), elapsed=seconds(elapsed), gone=gone)


BARS = {
    "a full bar": (10.0, 0.0, "██████████    10 s"),
    "it runs down between two readings": (10.0, 2.5, "███████▌··   7.5 s"),
    "it says so when it is about to lapse": (10.0, 8.5, "█▌········  !1.5 s"),
    "it never goes below nothing": (10.0, 12.0, "··········  !0.0 s"),
}


@pytest.mark.parametrize("sentence", BARS)
def test_a_gauge(sentence: str) -> None:
    left, elapsed, drawn = BARS[sentence]
    assert plain(gauge(seconds(left), TTL, 18, after(elapsed))) == drawn


def test_what_has_no_known_end_is_only_said_to_be_held() -> None:
    assert plain(gauge(None, TTL, 10, after(0))) == "held      "


@given(st.floats(-5, 20), st.floats(0, 30), st.integers(4, 60))
def test_a_gauge_is_as_wide_as_it_was_asked_to_be(left: float, elapsed: float, width: int) -> None:
    assert width_of(gauge(seconds(left), TTL, width, after(elapsed))) == width


@given(st.floats(0, 1), st.integers(1, 80))
def test_a_bar_fills_its_width_and_shows_something_as_long_as_there_is_something(share: float, width: int) -> None:
    full, part = bar(share, width)
    assert len(full) + len(part) == width
    assert bool(full) == (share > 0)


OVERDUE = {
    "a holder that renewed in time": (9.0, 3.0, False, False),
    "a renewal that should have come": (6.0, 2.0, False, True),
    "hardly read yet": (5.0, 0.5, False, False),
    "a backend that is gone is not asked for it": (5.0, 3.0, True, False),
}


@pytest.mark.parametrize("sentence", OVERDUE)
def test_a_renewal_is_overdue(sentence: str) -> None:
    left, elapsed, gone, expected = OVERDUE[sentence]
    assert overdue(seconds(left), TTL, after(elapsed, gone=gone)) is expected


def test_what_never_ends_has_nothing_left() -> None:
    assert left_now(None, after(5)) is None


# -- who held it when --------------------------------------------------------------------------------------------------


def test_a_lane_shows_each_hold_as_a_stretch_and_the_gap_between_them() -> None:
    holds = [Hold("7", NOW - seconds(100), NOW - seconds(60)), Hold("8", NOW - seconds(40), None)]
    assert plain(lane(holds, NOW - seconds(100), NOW, 20)) == "█ 7 ████····▓ 8 ▓▓▓▓"


def test_neighbours_are_told_apart_without_colour() -> None:
    holds = [Hold("", NOW - seconds(20), NOW - seconds(10)), Hold("", NOW - seconds(10), None)]
    drawn = plain(lane(holds, NOW - seconds(20), NOW, 8))
    assert set(drawn) <= {"█", "▓", " "}
    assert drawn[0] != drawn[-1]


def test_what_was_before_the_line_begins_is_left_out() -> None:
    holds = [Hold("7", NOW - seconds(500), NOW - seconds(400))]
    assert plain(lane(holds, NOW - seconds(100), NOW, 10)) == "··········"


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.text(max_size=6)), max_size=6), st.integers(1, 90)
)
def test_a_lane_is_as_wide_as_it_was_asked_to_be(stretches: list[tuple[int, int, str]], width: int) -> None:
    holds = [Hold(name, NOW - seconds(max(a, b)), NOW - seconds(min(a, b)) if b else None) for a, b, name in stretches]
    assert len(plain(lane(holds, NOW - seconds(150), NOW, width))) == width


BERLIN = Who(node="berlin", actor="ann@desk", pid=991, purpose="lock deploy")


def past(token: int, since: float, until: float, ending: Ending = Ending.RELEASED) -> PastHolder:
    return PastHolder(
        who=BERLIN, token=Token(token), since=NOW - seconds(since), until=NOW - seconds(until), ending=ending
    )


def test_hand_overs_say_how_soon_the_next_one_had_it() -> None:
    holds = [past(9, 60, 10), past(8, 300, 60.2, Ending.LAPSED), past(7, 700, 400, Ending.REVOKED)]
    _, first, second, third = (plain(line) for line in past_lines(holds, NOW - seconds(10), 100))
    assert "released, next at once" in first
    assert "lapsed, next at once" in second
    assert "taken away, then free for 1 m 40 s" in third


def test_a_process_is_named_shortly_and_in_full() -> None:
    assert who_short(BERLIN) == "berlin/991"
    assert who_words(BERLIN) == "ann@desk on berlin, process 991 (lock deploy)"
