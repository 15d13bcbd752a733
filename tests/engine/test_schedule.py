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


def local_times(schedule: Schedule, after: datetime, count: int) -> list[str]:
    zone = ZoneInfo(schedule.timezone)
    return [moment.astimezone(zone).strftime("%d %H:%M") for moment in fires(schedule, after, count)]


def test_a_time_that_the_clocks_skip_fires_once_right_after_the_gap() -> None:
    saturday = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)

    assert local_times(Schedule(cron="30 2 * * *", timezone=BERLIN), saturday, 2) == ["29 03:00", "30 02:30"]
    assert local_times(Schedule(cron="15,45 2 * * *", timezone=BERLIN), saturday, 2) == ["29 03:00", "30 02:15"]


def test_where_clocks_are_put_forward_by_half_an_hour_what_is_skipped_fires_at_half_past() -> None:
    friday = datetime(2026, 10, 2, tzinfo=UTC)

    assert local_times(Schedule(cron="15 2 * * *", timezone="Australia/Lord_Howe"), friday, 3) == [
        "03 02:15",
        "04 02:30",
        "05 02:15",
    ]


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


DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
CHANGES = [
    (BERLIN, (2026, 3, 29)),
    (BERLIN, (2026, 10, 25)),
    (BERLIN, (2040, 3, 25)),
    ("America/New_York", (2099, 11, 1)),
    ("America/Havana", (2026, 3, 8)),
    ("America/Havana", (2026, 11, 1)),
    ("Africa/Cairo", (2026, 4, 24)),
    ("Africa/Cairo", (2026, 10, 29)),
    ("Africa/Casablanca", (2026, 2, 15)),
    ("Africa/Casablanca", (2026, 3, 22)),
    ("Europe/Dublin", (2026, 10, 25)),
    ("America/Nuuk", (2026, 3, 28)),
    ("Pacific/Chatham", (2026, 4, 4)),
    ("Pacific/Chatham", (2026, 9, 26)),
    ("Australia/Lord_Howe", (2026, 4, 4)),
    ("Australia/Lord_Howe", (2026, 10, 3)),
    ("Antarctica/Troll", (2026, 3, 29)),
    ("Antarctica/Troll", (2026, 10, 25)),
    ("Pacific/Apia", (2011, 12, 30)),
    ("Asia/Kathmandu", (2026, 10, 25)),
]
"""Zones and days (of UTC) at which their clocks are changed: by an hour, by half of one, by two, at midnight, in winter
instead of summer, over the date line, long after 2038; and one where they never are."""


@pytest.mark.parametrize(("zone", "day"), CHANGES, ids=[f"{zone} {day[0]}" for zone, day in CHANGES])
@given(
    minutes=st.sets(st.sampled_from([0, 5, 15, 30, 45, 59]), min_size=1, max_size=3),
    hours=st.one_of(st.none(), st.sets(st.integers(0, 23), min_size=1, max_size=4), st.just({0, 1, 2, 3})),
    asked=st.one_of(st.integers(-200, 200), st.integers(-26 * 60, 26 * 60)),
)
@settings(max_examples=20, deadline=None)
def test_around_a_change_of_clocks_whoever_asks_at_whichever_minute_gets_what_the_calendar_says(
    zone: str, day: tuple[int, int, int], minutes: set[int], hours: set[int] | None, asked: int
) -> None:
    spoken = ",".join(map(str, sorted(hours))) if hours is not None else "*"
    schedule = Schedule(cron=f"{','.join(map(str, sorted(minutes)))} {spoken} * * *", timezone=zone)
    noon = datetime(*day, 12, tzinfo=UTC)
    expected = [moment for moment, times in calendar(zone, noon) if any(_meant(time, minutes, hours) for time in times)]
    after = change_of(zone, noon) + asked * MINUTE

    assert list(fires(schedule, after, 3)) == [moment for moment in expected if moment > after][:3]


@cache
def change_of(zone: str, noon: datetime) -> datetime:
    """Return when a zone's clocks are changed about that time; noon where they are not."""
    walked = [moment for moment, _ in calendar(zone, noon)]
    offsets = [moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in walked]
    return next((walked[place] for place in range(1, len(walked)) if offsets[place] != offsets[place - 1]), noon)


@cache
def calendar(zone: str, noon: datetime) -> list[tuple[datetime, list[datetime]]]:
    """Return every minute of some days with the times of day that it stands for: its own, and those that were skipped
    just before it."""
    walked: list[tuple[datetime, list[datetime]]] = []
    moment, before = noon - 2 * DAY, (noon - 2 * DAY - MINUTE).astimezone(ZoneInfo(zone))
    while moment < noon + 4 * DAY:
        local = moment.astimezone(ZoneInfo(zone))
        naive, skipped = before.replace(tzinfo=None) + MINUTE, []
        while naive < local.replace(tzinfo=None):
            skipped.append(naive)
            naive += MINUTE
        walked.append((moment, [local, *skipped]))
        moment, before = moment + MINUTE, local
    return walked


def _meant(time: datetime, minutes: set[int], hours: set[int] | None) -> bool:
    """Tell whether a schedule means a time of day: one that comes twice only the first time, unless it goes by elapsed
    time."""
    return time.minute in minutes and (hours is None or (time.hour in hours and not time.fold))


def test_a_day_that_is_left_out_fires_once_at_the_beginning_of_the_next() -> None:
    before = datetime(2011, 12, 29, tzinfo=UTC)

    assert local_times(Schedule(cron="0 12 * * *", timezone="Pacific/Apia"), before, 4) == [
        "29 12:00", "31 00:00", "31 12:00", "01 12:00",
    ]  # fmt: skip


@pytest.mark.parametrize(("zone", "day"), CHANGES, ids=[f"{zone} {day[0]}" for zone, day in CHANGES])
def test_an_interval_knows_no_clocks_that_are_changed(zone: str, day: tuple[int, int, int]) -> None:
    moments = fires(Schedule(every=timedelta(minutes=40), timezone=zone), datetime(*day, tzinfo=UTC), 40)

    assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(minutes=40)}


def test_the_twenty_ninth_of_february_comes_in_leap_years_alone() -> None:
    moments = fires(Schedule(cron="30 1 29 2 *", timezone=BERLIN), datetime(2095, 1, 1, tzinfo=UTC), 3)

    assert [moment.isoformat() for moment in moments] == [
        "2096-02-29T00:30:00+00:00",
        "2104-02-29T00:30:00+00:00",
        "2108-02-29T00:30:00+00:00",
    ]


async def test_the_overview_tells_when_a_sync_runs_next_unless_it_is_paused() -> None:
    schedule = Schedule(cron="30 9 * * *")
    place = workplace(service(), service(), schedule=schedule)
    paused = place.another(paused=True)

    (line,), (paused_line,) = await place.reconciler.overview(), await paused.reconciler.overview()

    assert line.next_run == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert place.reconciler.next_run(SYNC, place.clock.now()) == line.next_run
    assert (paused_line.next_run, paused.reconciler.next_run(SYNC, place.clock.now())) == (None, None)
