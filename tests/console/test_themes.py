"""Themes are legible, and ASCII mode keeps every width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.color import Color
from textual.theme import Theme

from console.presentation.spans import ROLES
from console.styles.ascii import TABLE, plain
from console.styles.themes import THEMES

ENOUGH = 4.5
"""WCAG 2.2 §1.4.3, level AA, for text."""
GROUNDS = ("background", "surface", "panel", "header", "cursor", "cursor-idle")


def contrast(ink: Color, ground: Color) -> float:
    """Return the ratio of WCAG 2.2's definition."""
    lighter, darker = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Color) -> float:
    parts = [part / 255 for part in colour.rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ground(theme: Theme, name: str) -> Color:
    return Color.parse(theme.variables.get(name) or getattr(theme, name))


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("role", ["plain", *ROLES])
@pytest.mark.parametrize("name", GROUNDS)
def test_every_ink_is_legible_on_every_ground(theme: Theme, role: str, name: str) -> None:
    ink = Color.parse(theme.variables[f"ink-{role}"])
    assert contrast(ink, ground(theme, name)) >= ENOUGH


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("role", ["dim", "strong", "error", "warn", "accent"])
def test_the_header_of_a_protected_workspace_is_legible(theme: Theme, role: str) -> None:
    ink = Color.parse(theme.variables[f"ink-{role}"])
    assert contrast(ink, ground(theme, "header-protected")) >= ENOUGH


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_focused_button_is_legible(theme: Theme) -> None:
    assert contrast(ground(theme, "background"), Color.parse(theme.primary)) >= ENOUGH


def test_both_themes_know_the_same_colours() -> None:
    dark, light = THEMES
    assert dark.variables.keys() == light.variables.keys()


@given(st.text())
def test_ascii_mode_knows_a_plain_text_of_the_same_width_for_everything(text: str) -> None:
    assert plain(text).isascii()
    assert cell_len(plain(text)) == cell_len(text)


@pytest.mark.parametrize("glyph", [chr(code) for code in TABLE])
def test_every_glyph_of_the_table_keeps_its_width(glyph: str) -> None:
    assert cell_len(plain(glyph)) == cell_len(glyph) == 1


def test_states_that_differ_still_differ_without_unicode() -> None:
    signs = ["✓", "≠", "⊘", "○", "◆", "▶", "◐", "✗"]
    assert len({plain(sign) for sign in signs}) == len(signs)
