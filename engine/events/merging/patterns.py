"""Patterns of rules: `*` is any text, `?` any one character; everything else is itself, in its own letter case."""

from __future__ import annotations

import re
from functools import lru_cache


def matches(pattern: str, text: str) -> bool:
    """Tell whether a whole text is as a pattern says. Takes time in proportion to the text, whatever the pattern."""
    first, *more = _pieces(pattern)
    if not more:
        return first.fullmatch(text) is not None
    *middle, last = more
    found = first.match(text)
    for piece in middle:
        # The leftmost place leaves most room for the pieces after it.
        found = found and piece.search(text, found.end())
    start = len(text) - len(pattern) + pattern.rindex("*") + 1
    return found is not None and start >= found.end() and last.fullmatch(text, start) is not None


@lru_cache(maxsize=1_024)
def _pieces(pattern: str) -> tuple[re.Pattern[str], ...]:
    """Return what stands between the stars."""
    texts = ("".join("." if each == "?" else re.escape(each) for each in piece) for piece in pattern.split("*"))
    return tuple(re.compile(text, re.DOTALL) for text in texts)
