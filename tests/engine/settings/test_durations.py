"""Durations are written as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.settings.durations import LONGEST, duration_text, parse_duration

WRITTEN = {
    "45s": timedelta(seconds=45),
    "15m": timedelta(minutes=15),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "1h30m": timedelta(minutes=90),
    "2w": timedelta(days=14),
    "1.5h": timedelta(minutes=90),
    "250ms": timedelta(milliseconds=250),
    "0s": timedelta(),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_names_a_duration(text: str) -> None:
    assert parse_duration(text) == WRITTEN[text]


@pytest.mark.parametrize("text", ["", "15", "m", "15 m", "30m1h", "-5m", "1h1h", "٣m", "soon", "1_000s"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no duration\. Write a number with a unit, as in 45s, 15m"):
        parse_duration(text)


def test_longer_than_ten_years_is_a_typing_mistake() -> None:
    with pytest.raises(ValueError, match="longer than ten years"):
        parse_duration("999999999d")


@given(st.timedeltas(min_value=timedelta(), max_value=LONGEST))
def test_what_is_written_is_read_again(duration: timedelta) -> None:
    whole = duration - duration % timedelta(milliseconds=1)
    assert parse_duration(duration_text(whole)) == whole


@pytest.mark.parametrize("text", ["24h", "7d", "1h30m", "15m", "45s"])
def test_the_usual_durations_are_written_as_people_do(text: str) -> None:
    assert duration_text(parse_duration(text)) == text
