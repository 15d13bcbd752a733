"""Moments as people type them: an age, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.errors import SettingsError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age(option: str, text: str) -> timedelta:
    """Return a length of time as typed: 15m, 2h, 7d."""
    if not (found := re.fullmatch(r"(\d{1,6})([smhd])", text)):
        raise SettingsError(f"{option} {text}: not a length of time. Say 15m, 2h or 7d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def milliseconds(option: str, text: str, now: datetime) -> int:
    """Return a moment given as an age (15m, 2h, 7d) or as a date, in milliseconds since 1970."""
    if re.fullmatch(r"\d{1,6}[smhd]", text):
        return int((now - age(option, text)).timestamp() * 1000)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text}: not a time. Say an age such as 15m, 2h or 7d, or a date such as 2026-01-31T14:00."
        ) from error
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
