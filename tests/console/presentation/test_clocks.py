"""Offsets, error bounds and intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.presentation.clocks import interval, length_words, offset_words, reading_line, scale_of
from console.presentation.spans import plain, width_of
from engine.coordination.clocks.timing import Reading

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

OFFSETS = {
    "+240 µs": timedelta(microseconds=240),
    "-3.2 ms": timedelta(milliseconds=-3.2),
    "+250 ms": timedelta(milliseconds=250),
    "-8.0 s": timedelta(seconds=-8),
    "+2 h 5 m": timedelta(hours=2, minutes=5),
}


@pytest.mark.parametrize("words", OFFSETS)
def test_an_offset_in_the_unit_it_is_read_in(words: str) -> None:
    assert offset_words(OFFSETS[words]) == words


def test_what_is_not_known_is_said_to_be_so() -> None:
    assert offset_words(None) == "unknown"
    assert length_words(None) == "?"


def reading(offset: float | None, error: float = 1, fault: str = "") -> Reading:
    milliseconds = timedelta(milliseconds=1)
    known = None if offset is None else offset * milliseconds
    return Reading(source="ntp1", offset=known, error=error * milliseconds, at=NOW, fault=fault)


def test_an_interval_stands_where_the_true_time_lies_around_this_hosts_own() -> None:
    scale = timedelta(milliseconds=10)
    assert plain(interval(reading(0, 6), scale, 21)) == "·····├────●────┤·····"
    assert plain(interval(reading(-8, 2), scale, 21)) == "·├─●─┤····│··········"[:21]


def test_a_source_that_is_not_believed_is_marked_without_colour() -> None:
    assert "✗" in plain(interval(reading(8, 1, "falseticker: far off"), timedelta(milliseconds=10), 21))


def test_the_scale_reaches_as_far_as_the_farthest_interval() -> None:
    assert scale_of([reading(3, 2), reading(-7, 1), reading(None)]) == timedelta(milliseconds=8)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(50, 160), st.booleans())
def test_a_line_is_never_wider_than_there_is_room(offset: float, error: float, width: int, believed: bool) -> None:
    one = reading(offset, error, "" if believed else "falseticker: far off")
    assert width_of(reading_line(one, scale_of([one]), NOW, width)) <= width
