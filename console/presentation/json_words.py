"""JSON values as people read them in one line, and how two of them differ word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

import msgspec

from console.presentation.spans import LONGEST, Line, Span, cells_of, clean
from engine.events.merging.patches import same
from engine.events.merging.values import ABSENT, Path

NO_VALUE = "─ none"
MOST_COMPARED = 2_000
"""Characters compared word by word; longer values are shown whole."""

LEAST_ALIKE = 0.3
"""Below this ratio, what two values have in common is chance."""

_PIECES = re.compile(r"\w+|\s+|[^\w\s]")
_PUNCTUATED = re.compile(r'[,:\[\]{}"]')
_LIKE_JSON = re.compile(r'\s|[\[{"]|(?:true|false|null|-?\d[\d.eE+-]*)$')


def value_text(value: Any, limit: int = LONGEST) -> str:
    """Return a value in one harmless line: as JSON, but texts without quotes where nobody can take them for something
    else."""
    return NO_VALUE if value is ABSENT else clean(_written(value, within=False), limit)


def _written(value: Any, *, within: bool) -> str:
    match value:
        case str():
            return value if _bare(value, within=within) else f'"{value}"'
        case list() | tuple():
            return f"[{', '.join(_written(each, within=True) for each in value)}]"
        case dict():
            pairs = (f"{_written(name, within=True)}: {_written(each, within=True)}" for name, each in value.items())
            return f"{{{', '.join(pairs)}}}"
        case _:
            return msgspec.json.encode(value).decode()


def _bare(text: str, *, within: bool) -> bool:
    if not text or text[-1].isspace() or _LIKE_JSON.match(text):
        return False
    return not within or _PUNCTUATED.search(text) is None


def kind_of(value: Any) -> str:
    """Return what kind of value it is, in the words of a sentence."""
    match value:
        case bool():
            return "yes or no"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
        case None:
            return "null"
        case _:
            return "nothing"


def differing(before: Any, after: Any) -> Line:
    """Return `after` with the words marked that differ from `before`: [-gone-] and {+come+}, readable without colour.

    Values too long or too different for that are shown whole.
    """
    old_text, new_text = _comparable(before), _comparable(after)
    whole = (Span(value_text(after), "new" if old_text != new_text else ""),)
    if before is ABSENT or after is ABSENT or max(len(old_text), len(new_text)) > MOST_COMPARED:
        return whole
    old, new = _PIECES.findall(old_text), _PIECES.findall(new_text)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if not old or not new or matcher.ratio() < LEAST_ALIKE or not _words_in_common(old, matcher):
        return whole
    spans: list[Span] = []
    for _, a, b, c, d in matcher.get_opcodes():
        gone, come = "".join(old[a:b]), "".join(new[c:d])
        if gone == come:
            spans.append(Span(gone))
            continue
        if gone:
            spans.append(Span(f"[-{gone}-]", "old"))
        if come:
            spans.append(Span(f"{{+{come}+}}", "new"))
    return tuple(spans)


def _words_in_common(old: list[str], matcher: SequenceMatcher[str]) -> bool:
    return any(piece[0].isalnum() for at, _, size in matcher.get_matching_blocks() for piece in old[at : at + size])


def differing_fields(before: Any, after: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Yield (path, before, after) of everything that differs between two states, in the order of their keys."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            yield from differing_fields(before.get(name, ABSENT), after.get(name, ABSENT), (*path, name))
    elif not same(before, after):
        yield path, before, after


def flowed(line: Line, width: int, *, indent: int = 0) -> list[Line]:
    """Return a line as several of at most `width` cells, all but the first indented; breaks at ⏎ and at blanks."""
    pieces = [Span(piece, span.role) for span in line for piece in _breakable(span.text) if piece]
    lines: list[Line] = []
    row: list[Span] = []
    used = 0
    room = max(8, width - indent)
    for piece in _cut(pieces, room):
        cells = cells_of(piece.text.rstrip())
        if row and used + cells > room:
            lines.append(tuple(row))
            row, used = [], 0
        row.append(piece)
        used += cells_of(piece.text)
        if piece.text.endswith("⏎"):
            lines.append(tuple(row))
            row, used = [], 0
    if row or not lines:
        lines.append(tuple(row))
    pad = (Span(" " * indent),) if indent else ()
    return [_joined(each) if number == 0 else (*pad, *_joined(each)) for number, each in enumerate(lines)]


def _joined(line: Line) -> Line:
    """Return neighbours of one role as one."""
    runs = groupby(line, key=lambda span: span.role)
    return tuple(Span("".join(span.text for span in run), role) for role, run in runs)


def _comparable(value: Any) -> str:
    if isinstance(value, str):
        return clean(value, MOST_COMPARED + 1)
    return "" if value is ABSENT else value_text(value, MOST_COMPARED + 1)


def _breakable(text: str) -> list[str]:
    return re.findall(r"[^\s⏎]*(?:⏎|\s+)|[^\s⏎]+", text)


def _cut(pieces: list[Span], room: int) -> list[Span]:
    """Break what is longer than a line, counted in cells."""
    cut: list[Span] = []
    for piece in pieces:
        text = piece.text
        while cells_of(text.rstrip()) > room:
            length = room
            while cells_of(text[:length]) > room:
                length -= 1
            cut.append(Span(text[: max(1, length)], piece.role))
            text = text[max(1, length) :]
        cut.append(Span(text, piece.role))
    return cut
