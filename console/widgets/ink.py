"""Roles in the colours of the theme: for `Static` and friends as Content, for line-drawing widgets as Rich styles."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.content import Content

from console.presentation.spans import ROLES, Line, Span

HEAVY = frozenset({"strong", "error", "match"})
"""Roles that are bold too, so that they stand out without colour."""


def paint(*lines: Line) -> Content:
    """Return lines as one Content; nothing in them is markup."""
    return Content("\n").join(Content.assemble(*(_styled(span) for span in line)) for line in lines)


def inks(app: App[None]) -> dict[str, Style]:
    """Return the Rich style of every role (and of plain text, "") under the app's theme of now."""
    variables = app.theme_variables
    return {role: _rich(role, variables.get(f"ink-{role or 'plain'}", "")) for role in ("", *ROLES)}


def _styled(span: Span) -> tuple[str, str]:
    return span.text, f"bold $ink-{span.role}" if span.role in HEAVY else f"$ink-{span.role or 'plain'}"


def _rich(role: str, colour: str) -> Style:
    bold = role in HEAVY or None
    if not colour or colour.startswith("ansi_"):
        return Style(bold=bold, dim=role == "dim" or None)
    return Style(color=Color.parse(colour).rich_color, bold=bold)
