"""When nothing may be applied, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import SettingsError
from engine.reconcile.deciding.freeze import frozen, next_allowed
from engine.settings.model import FreezeWindow

NIGHT = FreezeWindow(cron="0 22 * * *", duration=timedelta(hours=8))
WEEKEND = FreezeWindow(cron="0 0 * * 6", duration=timedelta(hours=48))
HOLIDAY = FreezeWindow(cron="0 0 3 3 *", duration=timedelta(hours=24))
OFFICE = FreezeWindow(cron="0 9 * * 1-5", duration=timedelta(hours=8), timezone="Europe/Berlin", allow=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "now", "allowed"),
    [
        ([], "2026-03-02 12:00", "2026-03-02 12:00"),
        ([NIGHT], "2026-03-02 21:59:59", "2026-03-02 21:59:59"),
        ([NIGHT], "2026-03-02 22:00", "2026-03-03 06:00"),
        ([NIGHT], "2026-03-03 05:59:59", "2026-03-03 06:00"),
        ([NIGHT], "2026-03-03 06:00", "2026-03-03 06:00"),
        ([NIGHT, WEEKEND], "2026-03-06 23:00", "2026-03-09 06:00"),
        ([OFFICE], "2026-03-02 12:00", "2026-03-02 12:00"),
        ([OFFICE], "2026-03-02 16:00", "2026-03-03 08:00"),
        ([OFFICE], "2026-03-06 18:00", "2026-03-09 08:00"),
        ([OFFICE], "2026-03-27 18:00", "2026-03-30 07:00"),  # summer time began on the 29th
        ([OFFICE, HOLIDAY], "2026-03-02 17:00", "2026-03-04 08:00"),
    ],
)  # fmt: skip
def test_the_next_allowed_moment(windows: list[FreezeWindow], now: str, allowed: str) -> None:
    assert next_allowed(windows, at(now)) == at(allowed)


def test_windows_that_never_open_are_told_apart_from_a_long_wait() -> None:
    always = FreezeWindow(cron="* * * * *", duration=timedelta(hours=1))
    assert next_allowed([always], at("2026-03-02 12:00")) is None
    assert frozen("eng", [always], at("2026-03-02 12:00")) == (
        "Sync eng is frozen: its freeze windows leave no gap within a year. Mend guards.freeze."
    )


def test_a_frozen_sync_says_until_when() -> None:
    assert frozen("eng", [NIGHT], at("2026-03-02 23:00")) == (
        "Sync eng is frozen until 2026-03-03 06:00 UTC (guards.freeze). Apply it then; the plan stays as it is until "
        "it expires."
    )
    assert frozen("eng", [NIGHT], at("2026-03-02 12:00")) == ""


def test_a_window_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(SettingsError, match=r"guards\.freeze: 'sometimes' in UTC is no window"):
        next_allowed([FreezeWindow(cron="sometimes", duration=timedelta(hours=1))], at("2026-03-02 12:00"))
