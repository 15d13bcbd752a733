"""Durations as people write them: `45s`, `15m`, `1h30m`, `7d`, `2w`."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
"""From the largest down; a text names each at most once and in this order."""

PATTERN = "^(?=.)" + "".join(rf"(?:([0-9]{{1,9}}(?:\.[0-9]{{1,3}})?){unit})?" for unit in UNITS) + "$"
"""One group for each unit. Also published in the JSON Schema, so it keeps to what every regex dialect knows."""

LONGEST = timedelta(days=3650)
_TEXT = re.compile(PATTERN)
_WRITTEN = {name: unit for name, unit in UNITS.items() if name != "w"}


def parse_duration(text: str) -> timedelta:
    """Return the duration a text names. Raises `ValueError` with a finished sentence."""
    match = _TEXT.match(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no duration. Write a number with a unit, as in 45s, 15m, 1h30m, 24h or 7d.")
    amounts = zip(match.groups(), UNITS.values(), strict=True)
    seconds = sum(float(amount) * unit.total_seconds() for amount, unit in amounts if amount)
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than ten years; that is hardly meant.")
    return timedelta(seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """Return the text that `parse_duration` reads as this duration, to the millisecond.

    Weeks are written as days, and a single day as 24h: so people write deadlines.
    """
    if duration == UNITS["d"]:
        return "24h"
    left, parts = duration, []
    for name, unit in _WRITTEN.items():
        amount, left = divmod(left, unit)
        if amount:
            parts.append(f"{amount}{name}")
    return "".join(parts) or "0s"
