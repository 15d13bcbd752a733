"""The nearest known name for a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST_NAMES = 24


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was most likely meant; empty when none is near."""
    by_folded = {each.casefold().replace("-", "_"): each for each in known}
    close = get_close_matches(name.casefold().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the second half of an error about an unknown name: the nearest one, and all that are allowed."""
    names = list(known)
    guess = nearest(name, names)
    return (f"Did you mean {guess}? " if guess else "") + allowed(names)


def allowed(names: Iterable[str]) -> str:
    """Return the names in a sentence, the first few when there are many."""
    every = list(names)
    if not every:
        return "None are defined yet."
    more = f" and {len(every) - MOST_NAMES} more" if len(every) > MOST_NAMES else ""
    return f"Allowed: {', '.join(every[:MOST_NAMES])}{more}."
