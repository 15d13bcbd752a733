"""Lines in cells: nothing foreign acts on the terminal, and everything has the width it says."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from console.presentation.spans import Span, cell, clean, fit, joined, plain, spread, width_of, wrap

HOSTILE = {
    "an escape sequence": ("\x1b[31mred", "\\x1b[31mred"),
    "a title sequence": ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
    "a C1 control": ("a\x9b2Jb", "a\\x9b2Jb"),
    "a right-to-left override": ("gnp.\u202eexe", "gnp.\\u202eexe"),
    "a zero-width space": ("ad\u200bmin", "ad\\u200bmin"),
    "a line break": ("one\ntwo", "one⏎two"),
    "markup is text": ("[bold]x[/bold]", "[bold]x[/bold]"),
    "a lone surrogate": ("\ud800", "\\ud800"),
    "Hebrew stays": ("שלום", "שלום"),
}


@pytest.mark.parametrize(("foreign", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_foreign_text_cannot_act_on_the_terminal(foreign: str, shown: str) -> None:
    assert clean(foreign) == shown


def test_a_huge_value_is_cut_before_it_is_looked_at() -> None:
    assert clean("x" * 10_000_000, 50) == "x" * 50 + "…"


@settings(max_examples=60)
@given(st.text(max_size=40), st.integers(1, 30))
def test_a_cell_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(cell(clean(text), width).text) == width


@settings(max_examples=60)
@given(st.lists(st.text(max_size=20), max_size=5), st.integers(2, 40))
def test_a_fitted_line_never_exceeds_its_width(texts: list[str], width: int) -> None:
    line = tuple(Span(clean(text)) for text in texts)
    assert width_of(fit(line, width)) <= width


@settings(max_examples=60)
@given(st.text(max_size=200), st.integers(10, 60))
@example("0000000000\u093a0", 10)
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(width_of(line) <= width for line in lines)
    shown = "".join(plain(line) for line in lines)
    wanted = "".join(clean(paragraph, len(paragraph)) for paragraph in text.split("\n"))
    assert "".join(shown.split()) == "".join(wanted.split())


def test_wide_characters_are_cut_by_cells_and_not_by_letters() -> None:
    assert plain(fit((Span("東京都庁舎"),), 7)) == "東京都…"


def test_a_line_with_two_ends_gives_way_at_its_left() -> None:
    line = spread((Span("a very long beginning of a line"),), (Span("right"),), 20)
    assert plain(line) == "a very long b… right"


def test_empty_parts_leave_no_separators() -> None:
    assert plain(joined(((Span("a"),), (), (Span("b"),)))) == "a · b"
