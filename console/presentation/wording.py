"""What changed within a text, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from console.presentation.spans import Line, Span, clean

LONGEST = 2_000
"""Characters compared word by word; beyond it, texts are told apart by their length only."""

_PIECES = re.compile(r"\w+|\s+|[^\w\s]")


def emphasised(before: str, after: str) -> tuple[Line, Line]:
    """Return both texts with the words that went marked `old` and those that came marked `new`."""
    if len(before) > LONGEST or len(after) > LONGEST:
        return (Span(size(before), "old"),), (Span(size(after), "new"),)
    old, new = _PIECES.findall(clean(before)), _PIECES.findall(clean(after))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if not old or not new or matcher.ratio() < 0.3:
        return (Span("".join(old), "old"),), (Span("".join(new), "new"),)
    left: list[Span] = []
    right: list[Span] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if a < b:
            left.append(Span("".join(old[a:b]), "dim" if tag == "equal" else "old"))
        if c < d:
            right.append(Span("".join(new[c:d]), "" if tag == "equal" else "new"))
    return tuple(left), tuple(right)


def size(text: str) -> str:
    """Return the beginning of a long text and how long it is."""
    return text if len(text) <= LONGEST else f"{clean(text, 60)} ({len(text):,} characters)"
