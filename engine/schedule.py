"""When a schedule fires. Pure.

`every` counts in steps since 1970, so that every process and node comes to the same moments whenever it started.
`cron` is five fields in the schedule's time zone. When clocks change: times that are skipped fire once, right after the
gap; times that come twice fire once, the first time, unless the hour is given by a `*` and therefore means elapsed time
(as Vixie's cron does).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from engine.settings.model import Schedule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_fire(schedule: Schedule, after: datetime) -> datetime:
    """Return the first moment after `after` at which the schedule fires, in UTC."""
    if schedule.every is not None:
        return next_step(schedule.every, after)
    return next_cron(schedule.cron, schedule.timezone, after)


def next_step(every: timedelta, after: datetime) -> datetime:
    """Return the first moment after `after` that is a multiple of `every` since 1970."""
    return EPOCH + ((after - EPOCH) // every + 1) * every


def next_cron(expression: str, timezone: str, after: datetime) -> datetime:
    """Return the first moment after `after` that a cron expression means in a time zone, in UTC."""
    zone = ZoneInfo(timezone)
    moments = croniter(expression, after.astimezone(zone))
    _, *hours = expression.split()
    elapsed = not hours or hours[0].startswith("*")
    while True:
        moment: datetime = moments.get_next(datetime).astimezone(UTC)
        if elapsed or not moment.astimezone(zone).fold:
            return moment


def fires(schedule: Schedule, after: datetime, count: int) -> tuple[datetime, ...]:
    """Return the next `count` moments, for a preview."""
    moments: list[datetime] = []
    for _ in range(count):
        after = next_fire(schedule, after)
        moments.append(after)
    return tuple(moments)
