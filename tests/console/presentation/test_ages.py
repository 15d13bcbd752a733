"""Ages in the words an operator reads, also where there is little room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.presentation.ages import age, roughly

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "in_full", "in_short"),
    [
        (timedelta(seconds=1), "just now", "just now"),
        (timedelta(seconds=47), "47 s ago", "47 s ago"),
        (timedelta(minutes=1, seconds=11), "1 m 11 s ago", "1 m ago"),
        (timedelta(hours=23, minutes=59), "23 h 59 m ago", "23 h ago"),
        (timedelta(days=3, hours=23), "3 d 23 h ago", "3 d ago"),
        (timedelta(days=412), "412 d ago", "412 d ago"),
    ],
)
def test_an_age_in_full_and_where_there_is_little_room(passed: timedelta, in_full: str, in_short: str) -> None:
    assert age(NOW - passed, NOW) == in_full
    assert roughly(NOW - passed, NOW) == in_short
    assert len(in_short) <= 10
