"""Times, durations and counts in the words an operator reads."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from enum import StrEnum


class TimeStyle(StrEnum):
    """How times are written: the operator's own zone, UTC, or how long ago."""

    LOCAL = "local"
    UTC = "UTC"
    AGE = "age"

    @property
    def following(self) -> TimeStyle:
        """The next one, for a key that goes round."""
        styles = list(TimeStyle)
        return styles[(styles.index(self) + 1) % len(styles)]


def duration(length: timedelta) -> str:
    """Return a length in its two greatest units at most: "12 s", "3 m", "2 h 5 m", "4 d"."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 10 and seconds:
        return f"{minutes} m {seconds} s"
    if minutes < 60:
        return f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} m" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours and days < 4 else f"{days} d"


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago, or in how long: "just now", "3 m ago", "in 2 h"."""
    passed = now - moment
    if abs(passed) < timedelta(seconds=2):
        return "just now"
    return f"{duration(passed)} ago" if passed > timedelta(0) else f"in {duration(-passed)}"


def roughly(moment: datetime, now: datetime) -> str:
    """Return how long ago in one unit, for narrow columns: "47 s ago", "2 h ago"."""
    passed = max(timedelta(0), now - moment)
    return "just now" if passed < timedelta(seconds=2) else f"{in_one_unit(passed)} ago"


def in_one_unit(length: timedelta) -> str:
    """Return a length in its greatest unit: "47 s", "2 h", "412 d"."""
    return " ".join(duration(length).split(" ")[:2])


def stamp(moment: datetime, zone: tzinfo | None = None) -> str:
    """Return date and time in full, with the zone."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def count(number: int, word: str, plural: str = "") -> str:
    """Return "1 change", "12,000 changes"."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def share(part: int, whole: int) -> str:
    """Return a percentage that never claims 0 % or 100 % for what is not."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if part and percent < 1:
        return "<1 %"
    if part < whole and percent > 99:
        return ">99 %"
    return f"{percent:.0f} %"
