"""Patterns of keys that are left alone, and of items that are chosen. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.reconcile.records import fold, keep_case


def protecting(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return what matches (with `fullmatch`) every key that a pattern names; nothing when there is no pattern.

    `*` is any text, `?` one character. Letter case does not matter and neither does the Unicode form: a pattern is
    folded as keys are, so that a key that is spelled otherwise at one side, or here, is protected too.
    """
    if not patterns:
        return re.compile(r"(?!)")
    forms = dict.fromkeys(form for pattern in patterns for form in (keep_case(pattern), fold(pattern)))
    one_by_one = (re.escape(form).replace(r"\*", ".*").replace(r"\?", ".") for form in forms)
    return re.compile("|".join(f"(?:{one})" for one in one_by_one), re.IGNORECASE | re.DOTALL)
