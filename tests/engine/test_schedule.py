"""When a schedule fires: by arithmetic alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schedule import fires, next_fire
from engine.settings.model import Schedule
from tests.doubles.workplace import SYNC, service, workplace

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        (Schedule(every=timedelta(minutes=15)), NOON, datetime(2026, 3, 2, 12, 15, tzinfo=UTC)),
        (Schedule(every=timedelta(minutes=15)), NOON - timedelta(seconds=1), NOON),
        (Schedule(cron="*/20 * * * *"), NOON, datetime(2026, 3, 2, 12, 20, tzinfo=UTC)),
        (Schedule(cron="0 9 * * 1"), NOON, datetime(2026, 3, 9, 9, 0, tzinfo=UTC)),
        (Schedule(cron="0 9 * * *", timezone="Europe/Berlin"), NOON, datetime(2026, 3, 3, 8, 0, tzinfo=UTC)),
    ],
    ids=["every", "every, just before", "minutes", "mondays", "in a time zone"],
)
def test_a_schedule_fires_next(schedule: Schedule, after: datetime, expected: datetime) -> None:
    assert next_fire(schedule, after) == expected


def test_nine_in_the_morning_stays_nine_when_the_clocks_change() -> None:
    schedule = Schedule(cron="0 9 * * *", timezone="Europe/Berlin")
    saturday_before_summer_time = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)

    local = [
        moment.astimezone(ZoneInfo("Europe/Berlin")).hour for moment in fires(schedule, saturday_before_summer_time, 4)
    ]

    assert local == [9, 9, 9, 9]


@given(
    minutes=st.integers(1, 3_000),
    after=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
@settings(max_examples=100)
def test_fires_are_evenly_spaced_and_the_same_for_whoever_asks(minutes: int, after: datetime) -> None:
    schedule = Schedule(every=timedelta(minutes=minutes))
    first, second = fires(schedule, after, 2)

    assert after < first <= after + timedelta(minutes=minutes)
    assert second - first == timedelta(minutes=minutes)
    assert next_fire(schedule, first - timedelta(microseconds=1)) == first


async def test_the_overview_tells_when_a_sync_runs_next_unless_it_is_paused() -> None:
    schedule = Schedule(cron="30 9 * * *")
    place = workplace(service(), service(), schedule=schedule)
    paused = place.another(paused=True)

    (line,), (paused_line,) = await place.reconciler.overview(), await paused.reconciler.overview()

    assert line.next_run == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert place.reconciler.next_run(SYNC, place.clock.now()) == line.next_run
    assert (paused_line.next_run, paused.reconciler.next_run(SYNC, place.clock.now())) == (None, None)
