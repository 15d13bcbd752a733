"""Values of keys: shown in three forms, typed in three forms, and never changed by that."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.presentation.key_values import (
    Form,
    change_lines,
    expiry_meant,
    hex_lines,
    meant,
    natural,
    possible,
    shortened,
    value_lines,
    written,
)
from console.presentation.spans import Line, Span, plain

NATURAL = {
    "an object": (b'{"a": 1}', Form.JSON),
    "a list": (b"[1, 2]", Form.JSON),
    "a word": (b"hello", Form.TEXT),
    "a number, which people type as it is": (b"42", Form.TEXT),
    "several lines": (b"one\ntwo\n", Form.TEXT),
    "bytes that are no text": (b"\xff\x00", Form.HEX),
    "control characters": (b"a\x00b", Form.HEX),
    "nothing": (b"", Form.TEXT),
}


@pytest.mark.parametrize("sentence", NATURAL)
def test_a_value_is_best_shown(sentence: str) -> None:
    value, form = NATURAL[sentence]
    assert natural(value) is form


@given(st.binary(max_size=200), st.sampled_from(Form))
def test_what_is_written_is_read_back_as_the_same_value(value: bytes, form: Form) -> None:
    shown = form if possible(value, form) else Form.HEX
    back, problem = meant(written(value, form), shown)
    assert problem == ""
    if shown is Form.JSON:
        assert msgspec.json.decode(back) == msgspec.json.decode(value)
    else:
        assert back == value


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=4))
def test_json_keeps_its_order_and_loses_only_its_line_breaks(value: dict[str, object]) -> None:
    packed = msgspec.json.encode(value)
    assert meant(written(packed, Form.JSON), Form.JSON) == (packed, "")


REFUSED = {
    "an empty JSON value": ("", Form.JSON, "This is empty"),
    "broken JSON": ("{", Form.JSON, "This is no JSON"),
    "odd digits": ("0", Form.HEX, "These are no bytes"),
    "letters": ("zz", Form.HEX, "These are no bytes"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_means_nothing_is_refused(sentence: str) -> None:
    text, form, problem = REFUSED[sentence]
    assert meant(text, form)[1].startswith(problem)


@given(st.binary(max_size=3_000), st.sampled_from(Form), st.integers(20, 120))
def test_any_value_can_be_shown_at_any_width(value: bytes, form: Form, width: int) -> None:
    lines = value_lines(value, form, width)
    assert lines
    assert all("\x1b" not in plain(line) for line in lines)


def test_bytes_are_shown_with_their_place_and_the_letters_among_them() -> None:
    first, second = (plain(line) for line in hex_lines(b"hello\x00\xffworld!!!!!!", 80, 10))
    assert first == "000000  68 65 6c 6c 6f 00 ff 77 6f 72 6c 64 21 21 21 21  hello..world!!!!"
    assert second.startswith("000010  21 21 ")


def test_a_value_too_long_to_look_at_says_how_much_is_left_out() -> None:
    assert plain(value_lines(b"x" * 300_000, Form.TEXT, 80)[-1]) == "… cut here; 300,000 characters in all"
    assert plain(value_lines(b"\xff" * 300_000, Form.HEX, 80)[-1]) == "… cut here; 300,000 bytes in all"


def test_a_change_shows_the_words_that_go_and_come() -> None:
    was, new = change_lines(b"twenty a day", b"thirty a day", 60, 10)
    assert plain(was) == "was   twenty a day"
    assert Span("thirty", "new") in new


def test_a_write_that_changes_nothing_says_so() -> None:
    assert plain(change_lines(b"a", b"a", 60, 10)[0]) == "The value stays as it is."


def test_many_lines_are_shortened_and_that_is_said() -> None:
    lines: list[Line] = [(Span(str(number)),) for number in range(10)]
    assert [plain(line) for line in shortened(lines, 3)] == ["0", "1", "… 8 more lines"]


EXPIRIES = {
    "never": (("", None), ("never", None)),
    "a length": (("10m", timedelta(minutes=10)), ("1h30m", timedelta(minutes=90))),
}


@pytest.mark.parametrize("sentence", EXPIRIES)
def test_a_time_until_a_key_expires(sentence: str) -> None:
    for text, expected in EXPIRIES[sentence]:
        assert expiry_meant(text) == (expected, "")


@pytest.mark.parametrize("text", ["soon", "0s", "5"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    assert expiry_meant(text)[1]
