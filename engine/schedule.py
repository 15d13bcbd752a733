"""When a sync runs by itself next. Pure.

`every` counts in steps since 1970, so that every process and node comes to the same moments whenever it started.
`cron` is five fields in the schedule's time zone; times that a clock change skips fire right after it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter

from engine.settings.model import Schedule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_fire(schedule: Schedule, after: datetime) -> datetime:
    """Return the first moment after `after` at which the schedule fires, in UTC."""
    if schedule.every is not None:
        return EPOCH + ((after - EPOCH) // schedule.every + 1) * schedule.every
    local = after.astimezone(ZoneInfo(schedule.timezone))
    fire: datetime = croniter(schedule.cron, local).get_next(datetime)
    return fire.astimezone(UTC)


def fires(schedule: Schedule, after: datetime, count: int) -> tuple[datetime, ...]:
    """Return the next `count` moments, for a preview."""
    moments: list[datetime] = []
    for _ in range(count):
        after = next_fire(schedule, after)
        moments.append(after)
    return tuple(moments)
