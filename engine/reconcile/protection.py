"""Patterns of keys that are left alone, and of items that are chosen. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence


def protecting(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return what matches (with `fullmatch`) every key that a pattern names; nothing when there is no pattern.

    `*` is any text, `?` one character; letter case does not matter, so that a key that is spelled otherwise at one
    side is protected too.
    """
    if not patterns:
        return re.compile(r"(?!)")
    one_by_one = (re.escape(pattern.strip()).replace(r"\*", ".*").replace(r"\?", ".") for pattern in patterns)
    return re.compile("|".join(f"(?:{one})" for one in one_by_one), re.IGNORECASE | re.DOTALL)
