"""Tones in the colours of the theme: for `Static` and friends as Content, for line-drawing widgets as Rich styles."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.content import Content

from console.presentation.ink import Line, Span, Tone

_BOLD = frozenset({Tone.STRONG, Tone.BAD})


def paint(*lines: Line) -> Content:
    """Return lines as one Content; nothing in them is markup."""
    return Content("\n").join(Content.assemble(*(_styled(span) for span in line)) for line in lines)


def tones(app: App[object]) -> dict[Tone, Style]:
    """Return the Rich style of every tone under the app's theme; without colour, weight alone remains."""
    variables = app.theme_variables
    return {tone: _rich(tone, variables.get(f"tone-{tone}", "")) for tone in Tone}


def _styled(span: Span) -> tuple[str, str]:
    return span.text, f"bold $tone-{span.tone}" if span.tone in _BOLD else f"$tone-{span.tone}"


def _rich(tone: Tone, colour: str) -> Style:
    bold, dim = tone in _BOLD, False
    if not colour or colour.startswith("ansi_"):
        return Style(bold=bold or None, dim=tone is Tone.QUIET or dim or None)
    return Style(color=Color.parse(colour).rich_color, bold=bold or None)
