"""Moments as people type them: an age, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.errors import SettingsError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def milliseconds(option: str, text: str, now: datetime) -> int:
    """Return a moment given as an age (15m, 2h, 7d) or as a date, in milliseconds since 1970."""
    if age := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return int((now - timedelta(**{_UNITS[age[2]]: int(age[1])})).timestamp() * 1000)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text}: not a time. Say an age such as 15m, 2h or 7d, or a date such as 2026-01-31T14:00."
        ) from error
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
