"""What may be a name or a value, wherever it is kept."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.coordination.naming import LOCK, check_name, check_value, full_name
from engine.coordination.store import LONGEST_NAME, LONGEST_VALUE
from engine.errors import CoordinationError


@given(st.text(min_size=1, max_size=60))
def test_any_text_without_control_characters_is_a_name(name: str) -> None:
    refused = any(category(letter) in {"Cc", "Cs"} for letter in name)
    try:
        check_name(name)
    except CoordinationError:
        assert refused
    else:
        assert not refused


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        ("x" * LONGEST_NAME, "bytes"),
        ("ü" * 126, "bytes"),
        ("a\tb", "control character"),
        ("a\x7f", "control character"),
        ("\ud800", "UTF-8"),
    ],
)
def test_what_cannot_be_a_name_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(CoordinationError, match=said):
        full_name(LOCK, name)


def test_the_prefix_counts() -> None:
    longest = "x" * (LONGEST_NAME - len(LOCK))
    assert full_name(LOCK, longest) == LOCK + longest
    with pytest.raises(CoordinationError, match="257 bytes"):
        full_name(LOCK, longest + "x")


def test_a_value_may_be_as_long_as_every_backend_takes() -> None:
    check_value(b"x" * LONGEST_VALUE)
    with pytest.raises(CoordinationError, match="262,145 bytes"):
        check_value(b"x" * (LONGEST_VALUE + 1))
