"""Patterns of rules: `*` is any text, `?` any one character; everything else is itself, in its own letter case."""

from __future__ import annotations

import re
from functools import lru_cache

from engine.events.merging.values import Path


def matches(pattern: str, text: str) -> bool:
    """Tell whether a whole text is as a pattern says."""
    return _compiled(pattern).fullmatch(text) is not None


def dotted(path: Path) -> str:
    """Return a path as people write it: `profile.title`; empty for the whole aggregate."""
    return ".".join(path)


def node_of(origin: str) -> str:
    """Return the name of the node that an origin is an incarnation of."""
    return origin.rpartition("~")[0] or origin


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # One star for several in a row, so that no pattern takes long to fail.
    words = re.split(r"(\*+|\?)", pattern)
    parts = [".*" if word.startswith("*") else "." if word == "?" else re.escape(word) for word in words]
    return re.compile("".join(parts), re.DOTALL)
