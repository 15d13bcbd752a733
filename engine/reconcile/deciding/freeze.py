"""Freeze windows: when nothing may be applied. Pure; all times are aware."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterError, croniter

from engine.errors import SettingsError
from engine.settings.model import FreezeWindow

HORIZON = timedelta(days=366)
_STEPS = 1_000
"""More windows than this between now and the next allowed moment are not followed."""


def next_allowed(windows: Sequence[FreezeWindow], now: datetime) -> datetime | None:
    """Return `now` when applying is allowed now, else the next moment at which it is; None when none comes within
    a year. Deny beats allow; with any `allow` window, only the inside of one is allowed.

    Raises `SettingsError` for a cron expression or time zone that does not exist.
    """
    denying = [window for window in windows if not window.allow]
    allowing = [window for window in windows if window.allow]
    moment = now.astimezone(UTC)
    for _ in range(_STEPS):
        if moment - now > HORIZON:
            return None
        if ends := [end for window in denying if (end := _open_until(window, moment))]:
            moment = max(ends)
        elif allowing and not any(_open_until(window, moment) for window in allowing):
            moment = min(_next_opening(window, moment) for window in allowing)
        else:
            return now if moment == now else moment
    return None


def frozen(sync: str, windows: Sequence[FreezeWindow], now: datetime) -> str:
    """Return the sentence that refuses an apply now, or nothing."""
    allowed = next_allowed(windows, now) if windows else now
    if allowed == now:
        return ""
    if allowed is None:
        return f"Sync {sync} is frozen: its freeze windows leave no gap within a year. Mend guards.freeze."
    return (
        f"Sync {sync} is frozen until {allowed.astimezone(UTC):%Y-%m-%d %H:%M} UTC (guards.freeze). Apply it then; the "
        "plan stays as it is until it expires."
    )


def _open_until(window: FreezeWindow, moment: datetime) -> datetime | None:
    """Return when the window that is open at this moment closes. The latest opening decides: it closes last."""
    opened = _fires(window, moment + timedelta(seconds=1), backwards=True)
    closes = opened + window.duration
    return closes if opened <= moment < closes else None


def _next_opening(window: FreezeWindow, moment: datetime) -> datetime:
    return _fires(window, moment, backwards=False)


def _fires(window: FreezeWindow, moment: datetime, *, backwards: bool) -> datetime:
    try:
        local = moment.astimezone(ZoneInfo(window.timezone))
        fires = croniter(window.cron, local, ret_type=datetime)
        fire: datetime = fires.get_prev() if backwards else fires.get_next()
    except (CroniterError, ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"guards.freeze: {window.cron!r} in {window.timezone} is no window: {error}") from error
    return fire.astimezone(UTC)
