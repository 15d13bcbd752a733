"""A line of text as pieces with roles, measured in terminal cells: cleaned, cut, padded, wrapped.

A role says why a piece stands out; what it looks like is the theme's matter. Colour never stands alone: a role
underlines what a word or a sign already says.

Everything that comes from outside goes through `clean` first: a name may hold escape sequences, line breaks or
direction marks, and none of them may act on the operator's terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

ROLES = (
    "dim", "strong", "accent", "ok", "warn", "error", "match",
    "add", "remove", "update", "rename", "parked", "old", "new",
)  # fmt: skip

LONGEST = 2_000
"""Characters of a foreign text that a list looks at; details show more."""

_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_KNOWN = {"\n": "⏎", "\r": "", "\t": " "}


class Span(NamedTuple):
    """Some text and what it is: one of `ROLES`, or plain."""

    text: str
    role: str = ""


Line = tuple[Span, ...]


def clean(text: str, limit: int = LONGEST) -> str:
    """Return foreign text as one harmless line: control and direction characters become visible, the rest is cut."""
    cut = text if len(text) <= limit else text[:limit] + "…"
    return cut if cut.isprintable() else _HARMFUL.sub(_visible, cut)


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _KNOWN.get(character, f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def cells_of(text: str) -> int:
    """Return how many cells a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def width_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cells_of(span.text) for span in line)


def cell(text: str, width: int, role: str = "", *, right: bool = False) -> Span:
    """Return the text as exactly `width` cells, cut with an ellipsis or padded."""
    if width <= 0:
        return Span("")
    used = cells_of(text)
    if used > width:
        return Span(set_cell_size(text, width - 1) + "…", role)
    pad = " " * (width - used)
    return Span(pad + text if right else text + pad, role)


def plain(line: Line) -> str:
    """Return a line's text without roles, for copying and for tests."""
    return "".join(span.text for span in line)


def fit(line: Line, width: int) -> Line:
    """Return at most `width` cells of the line; a cut is marked with an ellipsis."""
    if width_of(line) <= width:
        return line
    kept: list[Span] = []
    left = max(0, width - 1)
    for span in line:
        used = cells_of(span.text)
        if used > left:
            kept.append(Span(set_cell_size(span.text, left) + "…", span.role))
            break
        kept.append(span)
        left -= used
    return tuple(kept)


def greyed(line: Line) -> Line:
    """Return the line without any emphasis, for what is out of date."""
    return tuple(Span(span.text, "dim") for span in line)


def spread(left: Line, right: Line, width: int) -> Line:
    """Return one line with a part at each end; the left one gives way, and the right one where there is no room."""
    room = width - width_of(right) - 1
    if room < 8:
        return fit(left, width)
    kept = fit(left, room)
    return (*kept, Span(" " * (width - width_of(kept) - width_of(right))), *right)


def wrap(text: str, width: int, role: str = "", *, indent: int = 0) -> list[Line]:
    """Return text (line breaks honoured) as lines of at most `width` cells, broken at blanks where possible."""
    lines: list[Line] = []
    room = max(8, width - indent)
    reach = 4 * room  # letters may carry marks that take no cells of their own
    pad = (Span(" " * indent),) if indent else ()
    for paragraph in text.split("\n"):
        rest = clean(paragraph, limit=len(paragraph))
        start = 0
        while cells_of(rest[start : start + reach]) > room or start + reach < len(rest):
            piece = _fitting(rest[start : start + reach], room)
            lines.append((*pad, Span(piece.rstrip(), role)))
            start += len(piece)
        lines.append((*pad, Span(rest[start:], role)))
    return lines


def _fitting(text: str, room: int) -> str:
    """Return the longest beginning of `text` that fits, up to its last blank if that is not too early."""
    while cells_of(text) > room:
        text = text[:-1] if cells_of(text) - room < 2 else text[: len(text) - (cells_of(text) - room) // 2]
    blank = text.rfind(" ")
    return text[: blank + 1] if blank > room // 3 else text


def joined(parts: Iterable[Line], separator: str = " · ") -> Line:
    """Return the non-empty parts as one line with quiet separators."""
    line: list[Span] = []
    for part in parts:
        if part and line:
            line.append(Span(separator, "dim"))
        line.extend(part)
    return tuple(line)
