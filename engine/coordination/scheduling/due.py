"""Which moments of a schedule are due, and what becomes of them. Pure.

A moment is due once it is over and later than all that was decided before. However long nobody looked, at most
`MOST_MADE_UP` of them are enumerated, the last ones.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from engine.coordination.scheduling.fires import Outcome, Plan
from engine.errors import CoordinationError
from engine.schedule import EPOCH, NoSuchDay, next_cron, next_step
from engine.settings.coordination import Missed

GRACE: Final = timedelta(seconds=30)
"""So much later is still on time: as long as it may take until somebody leads after a leader has died."""

MOST_MADE_UP: Final = 100
"""Moments that are made up for or noted as missed at once (Kubernetes' CronJob gives up after as many)."""

SHORTEST_INTERVAL: Final = timedelta(seconds=1)
CRON_FIELDS: Final = 5


class Verdict(Struct, frozen=True):
    """What is to become of a moment."""

    nominal: datetime
    outcome: Outcome
    why: str = ""


def check_plan(plan: Plan) -> None:
    """Raise `CoordinationError` for a plan that says nothing, or several things at once, or never fires."""
    if sum((plan.every is not None, bool(plan.cron), plan.at is not None)) != 1:
        raise CoordinationError(f"The schedule {plan.name} needs exactly one of the three: cron, every, at.")
    if plan.every is not None and timedelta(seconds=plan.every) < SHORTEST_INTERVAL:
        raise CoordinationError(f"The schedule {plan.name} fires every {plan.every:g} s; 1 s is the least.")
    if plan.at is not None and plan.at.tzinfo is None:
        raise CoordinationError(f"The moment of the schedule {plan.name} has no time zone. Add one, as in 02:00+01:00.")
    if plan.cron and len(plan.cron.split()) != CRON_FIELDS:  # @daily and its like say no hour: it would be elapsed time
        raise CoordinationError(
            f"The schedule {plan.name} cannot be read: {plan.cron!r} has not the five fields of cron: minute hour day "
            "month weekday."
        )
    try:
        fires = plan.at is not None or next_moment(plan, EPOCH) is not None
    except (ValueError, KeyError) as error:
        raise CoordinationError(f"The schedule {plan.name} cannot be read: {error}.") from error
    if not fires:
        raise CoordinationError(f"The schedule {plan.name} names a day that never comes: {plan.cron}.")


def next_moment(plan: Plan, after: datetime) -> datetime | None:
    """Return the first moment after `after`; None: there is none any more."""
    if plan.at is not None:
        return plan.at if plan.at > after else None
    if plan.every is not None:
        return next_step(timedelta(seconds=plan.every), after)
    try:
        return next_cron(plan.cron, plan.timezone, after)
    except NoSuchDay:
        return None


def timing_of(plan: Plan) -> str:
    """Return a text that changes when a plan's moments do."""
    if plan.at is not None:
        return f"at {plan.at.astimezone(UTC).isoformat()}"
    return f"every {plan.every:g}" if plan.every is not None else f"cron {plan.cron} {plan.timezone}"


def moments(plan: Plan, since: datetime, until: datetime, most: int) -> list[datetime]:
    """Return the last moments, at most so many, after `since` and not after `until`, in order."""
    window = timedelta(seconds=plan.every * most) if plan.every is not None else timedelta(hours=1)
    while True:
        start = max(since, until - window)
        found, moment = [], next_moment(plan, start)
        while moment is not None and moment <= until:
            found.append(moment)
            moment = next_moment(plan, moment)
        if len(found) >= most or start == since:
            return found[-most:]
        window *= 8


def decide(plan: Plan, since: datetime, now: datetime) -> list[Verdict]:
    """Return what becomes of the moments after `since`, the last that was decided, up to now; oldest first."""
    due = moments(plan, since, now, MOST_MADE_UP + 1)
    if not due:
        return []
    *earlier, last = due
    made_up = plan.missed is Missed.ALL
    verdicts = [
        Verdict(moment, Outcome.LATE) if made_up else Verdict(moment, Outcome.MISSED, "Nobody led when it was due.")
        for moment in earlier
    ]
    if len(due) > MOST_MADE_UP:
        why = f"So were any between {since:%Y-%m-%d %H:%M:%S} UTC and it: at most {MOST_MADE_UP} are looked at."
        verdicts[0] = Verdict(earlier[0], Outcome.MISSED, f"Nobody led when it was due. {why}")
    return [*verdicts, _last(plan, last, now)]


def _last(plan: Plan, moment: datetime, now: datetime) -> Verdict:
    if now - moment <= GRACE:
        return Verdict(moment, Outcome.FIRED)
    if plan.missed is Missed.SKIP:
        return Verdict(moment, Outcome.MISSED, "Nobody led when it was due, and what is missed is skipped.")
    return Verdict(moment, Outcome.LATE)
