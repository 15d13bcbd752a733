"""When a schedule fires: by arithmetic alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
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


BERLIN = "Europe/Berlin"
DAYS = timedelta(days=2)
CHANGES = [(2026, 2, 14), (2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 10, 3), (2026, 10, 24), (2026, 10, 31)]
"""Days before clocks are changed somewhere."""


def local_times(schedule: Schedule, after: datetime, count: int) -> list[str]:
    zone = ZoneInfo(schedule.timezone)
    return [moment.astimezone(zone).strftime("%d %H:%M") for moment in fires(schedule, after, count)]


def test_a_time_that_the_clocks_skip_fires_once_right_after_the_gap() -> None:
    saturday = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)

    assert local_times(Schedule(cron="30 2 * * *", timezone=BERLIN), saturday, 2) == ["29 03:00", "30 02:30"]
    assert local_times(Schedule(cron="15,45 2 * * *", timezone=BERLIN), saturday, 2) == ["29 03:00", "30 02:15"]


def test_a_time_that_comes_twice_fires_once() -> None:
    saturday = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)

    assert local_times(Schedule(cron="30 2 * * *", timezone=BERLIN), saturday, 2) == ["25 02:30", "26 02:30"]
    assert next_fire(Schedule(cron="30 2 * * *", timezone=BERLIN), saturday) == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )


def test_what_runs_every_hour_or_oftener_goes_by_elapsed_time() -> None:
    before = datetime(2026, 10, 24, 23, 50, tzinfo=UTC)
    moments = fires(Schedule(cron="*/30 * * * *", timezone=BERLIN), before, 8)

    assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(minutes=30)}


@given(
    minutes=st.sets(st.sampled_from([0, 5, 30, 45, 59]), min_size=1, max_size=3),
    hours=st.one_of(st.none(), st.sets(st.integers(0, 4), min_size=1, max_size=3)),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca"]),
    day=st.sampled_from(CHANGES),
)
@settings(max_examples=30, deadline=None)
def test_over_a_change_of_clocks_every_local_time_fires_exactly_once(
    minutes: set[int], hours: set[int] | None, zone: str, day: tuple[int, int, int]
) -> None:
    """Against a calendar that is walked minute by minute. Times within a gap are left out: they are put off."""
    spoken = ",".join(map(str, sorted(hours))) if hours is not None else "*"
    schedule = Schedule(cron=f"{','.join(map(str, sorted(minutes)))} {spoken} * * *", timezone=zone)
    start = datetime(*day, tzinfo=UTC)
    expected = {
        moment
        for moment, local in calendar(zone, start)
        if local.minute in minutes and (hours is None or (local.hour in hours and not local.fold))
    }
    found, moment = set(), start
    while (moment := next_fire(schedule, moment)) < start + DAYS:
        assert moment not in found
        found.add(moment)

    assert expected - found == set()
    assert found - expected <= {moment for moment in found if _ends_a_gap(moment, zone)}


@cache
def calendar(zone: str, start: datetime) -> list[tuple[datetime, datetime]]:
    """Return every minute of some days, and what it is called in a zone."""
    moments = [start + timedelta(minutes=minute) for minute in range(1, DAYS // timedelta(minutes=1))]
    return [(moment, moment.astimezone(ZoneInfo(zone))) for moment in moments]


def _ends_a_gap(moment: datetime, zone: str) -> bool:
    before, after = (moment - timedelta(minutes=1)).astimezone(ZoneInfo(zone)), moment.astimezone(ZoneInfo(zone))
    return after.utcoffset() != before.utcoffset()


async def test_the_overview_tells_when_a_sync_runs_next_unless_it_is_paused() -> None:
    schedule = Schedule(cron="30 9 * * *")
    place = workplace(service(), service(), schedule=schedule)
    paused = place.another(paused=True)

    (line,), (paused_line,) = await place.reconciler.overview(), await paused.reconciler.overview()

    assert line.next_run == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert place.reconciler.next_run(SYNC, place.clock.now()) == line.next_run
    assert (paused_line.next_run, paused.reconciler.next_run(SYNC, place.clock.now())) == (None, None)
