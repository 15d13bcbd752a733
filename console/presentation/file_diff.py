"""A unified diff of the settings file as lines with tones."""

from __future__ import annotations

from console.presentation.spans import Line, Span, clean

ROLES = {"+": "add", "-": "remove", "@": "accent"}


def diff_lines(diff: str) -> list[Line]:
    """Return the diff without its file names; what is removed and added keeps its sign, so that no colour is needed."""
    if not diff:
        return [(Span("Nothing changes in the file.", "dim"),)]
    shown = [text for text in diff.splitlines() if not text.startswith(("--- ", "+++ "))]
    return [(Span(clean(text), ROLES.get(text[:1], "dim")),) for text in shown]
