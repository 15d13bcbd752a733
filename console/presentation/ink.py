"""Words with a tone: what presentation hands to widgets. Colour never stands alone: a tone underlines what a word says."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Tone(StrEnum):
    """Why a word looks as it does; themes decide how."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    ACCENT = "accent"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"


class Span(NamedTuple):
    """Some text in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]


def line(*spans: Span | str) -> Line:
    """Return a line; bare text is plain."""
    return tuple(Span(span) if isinstance(span, str) else span for span in spans)


def text_of(spans: Line) -> str:
    """Return what the line says, without tones."""
    return "".join(span.text for span in spans)


def printable(text: str) -> str:
    """Return foreign text safe to show on one line: control characters become visible, escape sequences lose power."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else {"\n": "⏎", "\t": " "}.get(character, "�") for character in text
    )


def clip(text: str, width: int) -> str:
    """Return text of at most `width` characters, with an ellipsis where something is missing."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
