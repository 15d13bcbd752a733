"""When a schedule fires. Pure.

`every` counts in steps since 1970, so that every process and node comes to the same moments whenever it started.
`cron` is five fields in the schedule's time zone. When clocks change: times that are skipped fire once, right after the
gap; times that come twice fire once, the first time, unless the hour is given by a `*` and therefore means elapsed time
(as Vixie's cron does).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.settings.model import Schedule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

UNSETTLED = timedelta(hours=3)
"""So long before and after a change of clocks the calendar alone does not tell what comes next."""


class NoSuchDay(ValueError):
    """A cron expression names a day that never comes, such as 30 February."""


def next_fire(schedule: Schedule, after: datetime) -> datetime:
    """Return the first moment after `after` at which the schedule fires, in UTC."""
    if schedule.every is not None:
        return next_step(schedule.every, after)
    return next_cron(schedule.cron, schedule.timezone, after)


def next_step(every: timedelta, after: datetime) -> datetime:
    """Return the first moment after `after` that is a multiple of `every` since 1970."""
    return EPOCH + ((after - EPOCH) // every + 1) * every


def next_cron(expression: str, timezone: str, after: datetime) -> datetime:
    """Return the first moment after `after` that a cron expression means in a time zone, in UTC.

    The expression is evaluated on the calendar alone; what its times mean in the zone is worked out here. Raises
    `NoSuchDay`.
    """
    zone = ZoneInfo(timezone)
    local = after.astimezone(zone)
    around = {moment.astimezone(zone).utcoffset() for moment in (after - UNSETTLED, after, after + UNSETTLED)}
    settled = len(around) == 1
    times = _on_the_calendar(expression, local.replace(tzinfo=None) - (timedelta(0) if settled else UNSETTLED))
    _, *hours = expression.split()
    elapsed = not hours or hours[0].startswith("*")
    best: datetime | None = None
    while True:
        first, second = _moments_of(next(times), zone)
        if best is not None and first > best:
            return best
        for moment in (first, second) if elapsed else (first,):
            if moment > after and (best is None or moment < best):
                best = moment
        if settled and best is not None:
            return best


def _on_the_calendar(expression: str, after: datetime) -> Iterator[datetime]:
    from croniter import CroniterBadDateError, croniter  # slow to import, and few commands look at a schedule

    times = croniter(expression, after)
    while True:
        try:
            yield times.get_next(datetime)
        except CroniterBadDateError as error:
            raise NoSuchDay(str(error)) from error


def _moments_of(time: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when it is this time of day in a zone, in UTC: two moments where clocks are put back, twice the end of the
    gap where they are put forward and it never is."""
    first, second = (time.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first, second
    before, after = second, first  # PEP 495: read with the offset after the gap, and with the one before it
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        before, after = (before, middle) if middle.astimezone(zone).utcoffset() == offset else (middle, after)
    end = after.replace(microsecond=0)
    return end, end


def fires(schedule: Schedule, after: datetime, count: int) -> tuple[datetime, ...]:
    """Return the next `count` moments, for a preview."""
    moments: list[datetime] = []
    for _ in range(count):
        after = next_fire(schedule, after)
        moments.append(after)
    return tuple(moments)
