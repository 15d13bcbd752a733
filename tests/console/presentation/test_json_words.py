"""JSON values as people read them, and what differs between two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.presentation.json_words import differing, flowed, value_text
from console.presentation.spans import Span, plain, width_of
from console.presentation.typed_values import meant, written
from engine.events.merging.values import ABSENT

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Engineer", "Engineer"),
        ("5", '"5"'),
        (5, "5"),
        ("true", '"true"'),
        (True, "true"),
        ("", '""'),
        ("blank at the end ", '"blank at the end "'),
        (None, "null"),
        (ABSENT, "─ none"),
        (["eng", "a, b", 1], '[eng, "a, b", 1]'),
        ({"a": {"b": None}}, "{a: {b: null}}"),
        ("two\nlines", "two⏎lines"),
    ],
)
def test_a_value_is_shown_so_that_nobody_takes_it_for_another(value: Any, shown: str) -> None:
    assert value_text(value) == shown


def test_a_text_and_the_number_it_looks_like_are_told_apart() -> None:
    assert value_text("12") != value_text(12)
    assert value_text(["12"]) != value_text([12])


def test_words_that_went_and_came_are_marked_so_that_no_colour_is_needed() -> None:
    assert plain(differing("a@example.com", "b@example.com")) == "[-a-]{+b+}@example.com"
    assert plain(differing(["eng"], ["eng", "oncall"])) == "[eng{+, oncall+}]"


def test_values_with_little_in_common_are_shown_whole() -> None:
    assert plain(differing("Likes long walks", "42 people")) == "42 people"
    assert plain(differing(ABSENT, "fr")) == "fr"
    assert plain(differing("en", ABSENT)) == "─ none"


@given(st.text(max_size=200), st.integers(8, 60), st.integers(0, 8))
def test_a_flowed_line_loses_nothing_and_keeps_its_width(text: str, width: int, indent: int) -> None:
    cleaned = value_text(text)
    lines = flowed((Span(cleaned),), width, indent=indent)
    assert "".join(plain(line) for line in lines).replace(" ", "") == cleaned.replace(" ", "")
    assert all(width_of((Span(plain(line).rstrip()),)) <= max(width, 8 + indent) for line in lines)


@given(JSON)
def test_what_is_written_into_a_field_means_the_same_value(value: Any) -> None:
    assert meant(written(value, as_text=False), as_text=False) == (value, "")


@given(st.text())
def test_a_text_stays_the_text_it_is(text: str) -> None:
    assert meant(written(text, as_text=True), as_text=True) == (text, "")


@pytest.mark.parametrize("text", ["", "  ", "Staff", "[1, 2", "{a: 1}", "'x'"])
def test_what_is_no_json_is_said_in_words(text: str) -> None:
    value, problem = meant(text, as_text=False)
    assert value is None
    assert problem.endswith(".")
