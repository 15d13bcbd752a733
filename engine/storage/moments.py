"""How rows hold moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_number(at: datetime) -> int:
    """Return a moment as rows hold it: microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def to_moment(number: int) -> datetime:
    """Return a moment from a row."""
    return _EPOCH + number * _MICROSECOND
