"""What is asked before a schedule is fired, paused, removed or added, and what somebody typed as a schedule. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from console.presentation.ages import age
from console.presentation.plan_words import Deed, Matter
from console.presentation.schedules import MISSED_WORDS, OVERLAP_WORDS, rule
from console.presentation.spans import Line, Span, clean, wrap
from engine.coordination.scheduling.due import check_plan, next_moment
from engine.coordination.scheduling.fires import Plan
from engine.errors import CoordinationError
from engine.settings.coordination import Missed, Overlap
from engine.settings.durations import parse_duration

if TYPE_CHECKING:
    from engine.coordination.scheduling.fires import ScheduleStanding

FIELDS = ("name", "task", "when", "timezone", "payload", "missed", "overlap")
TOLD = {
    "fire": "{name} was fired; its task waits for a worker.",
    "pause": "{name} is paused: nothing fires until S lets it go on.",
    "resume": "{name} goes on.",
    "remove": "{name} was removed.",
}


def coming(plan: Plan, now: datetime, number: int) -> list[datetime]:
    """Return the next moments of a schedule, none for one that is paused or over."""
    if plan.paused:
        return []
    moments: list[datetime] = []
    moment = next_moment(plan, now)
    while moment is not None and len(moments) < number:
        moments.append(moment)
        moment = next_moment(plan, moment)
    return moments


def fire_matter(schedule: ScheduleStanding, now: datetime, width: int) -> Matter:
    """Return what is asked before a schedule is fired by hand."""
    plan = schedule.plan
    lines = [*wrap(f"It submits {clean(plan.task)} now, beside its own fires. Those stay as they are.", width), ()]
    lines += wrap(
        f"Next by itself: {age(schedule.next, now)}." if schedule.next is not None else _still(schedule), width
    )
    return Matter(
        title=f"Fire {clean(plan.name)} now?", lines=tuple(lines), deed=Deed.GO_ON, button="Fire", comment="Reason"
    )


def _still(schedule: ScheduleStanding) -> str:
    return "It stays paused." if schedule.plan.paused else "It has ended, and stays so."


def pause_matter(schedule: ScheduleStanding, now: datetime, width: int) -> Matter:
    """Return what is asked before a schedule is paused, or goes on."""
    plan = schedule.plan
    name = clean(plan.name)
    if plan.paused:
        following = coming(msgspec.structs.replace(plan, paused=False), now, 1)
        lines = wrap("Fires that went by while it was paused are not made up for.", width)
        lines += wrap(f"Next: {age(following[0], now)}." if following else "It has no moment left.", width, "dim")
        return Matter(
            title=f"Let {name} go on?", lines=tuple(lines), deed=Deed.GO_ON, button="Resume", comment="Reason"
        )
    next_ = f" Its next fire, {age(schedule.next, now)}, does not happen." if schedule.next is not None else ""
    lines = wrap(f"On no node it fires until somebody lets it go on.{next_} A task that runs already goes on.", width)
    return Matter(title=f"Pause {name}?", lines=tuple(lines), deed=Deed.GO_ON, button="Pause", comment="Reason")


def remove_matter(schedule: ScheduleStanding, width: int) -> Matter:
    """Return what is asked before a schedule that was added by hand is removed."""
    plan = schedule.plan
    name = clean(plan.name)
    lines = [
        *wrap(f"{rule(plan)}: submits {clean(plan.task)}. Added by {clean(plan.added_by)}.", width, "strong"),
        (),
        *wrap(
            "It fires no more, on no node. Tasks that it submitted stay, and its last fires can be read for a while.",
            width,
        ),
    ]
    return Matter(
        title=f"Remove the schedule {name}?",
        lines=tuple(lines),
        deed=Deed.GO_ON,
        button="Remove",
        typed=name,
        comment="Reason",
    )


def add_matter(plan: Plan, now: datetime, width: int) -> Matter:
    """Return what is asked before a schedule is added: its first moments, and what holds for it."""
    lines: list[Line] = [*wrap(f"{rule(plan)} ({plan.timezone}): submits {clean(plan.task)}.", width, "strong"), ()]
    lines += preview(plan, now)
    lines += [(), *wrap(f"{MISSED_WORDS[plan.missed.value]} {OVERLAP_WORDS[plan.overlap.value]}", width, "dim")]
    lines += wrap("The leader among all nodes fires it, wherever that is; S pauses it, D removes it.", width, "dim")
    return Matter(title=f"Add the schedule {clean(plan.name)}?", lines=tuple(lines), deed=Deed.GO_ON, button="Add")


def preview(plan: Plan, now: datetime, number: int = 3) -> list[Line]:
    """Return a plan's first moments."""
    return [
        (
            Span("◇ ", "accent"),
            Span(f"{moment.astimezone():%a %d %b %H:%M:%S}"),
            Span(f"   {age(moment, now)}", "dim"),
        )
        for moment in coming(plan, now, number)
    ]


def drafted(
    fields: Mapping[str, str], taken: AbstractSet[str], commands: Sequence[str], now: datetime
) -> tuple[Plan | None, str, str]:
    """Return the plan that was typed, or None with a sentence and the field it is about.

    `when` is `every 15m` or just `15m`, a cron expression of five fields, or a moment as 2027-01-01T02:00.
    """
    name, task = fields["name"].strip(), fields["task"].strip()
    if not name:
        return None, "Give it a name.", "name"
    if name in taken:
        return None, f"There is a schedule {name} already.", "name"
    if not task:
        known = f" Known here: {', '.join(commands[:6])}." if commands else ""
        return None, f"Say which task it submits.{known}", "task"
    try:
        zone = ZoneInfo(fields["timezone"].strip() or "UTC")
    except (OSError, ValueError, KeyError):
        return None, f"{fields['timezone'].strip()} is no time zone; write it as Europe/Berlin.", "timezone"
    try:
        payload = msgspec.json.decode(fields["payload"]) if fields["payload"].strip() else None
    except msgspec.DecodeError as error:
        return None, f"The payload is no JSON: {str(error).rstrip('.')}.", "payload"
    plan = Plan(name=name, task=task, payload=payload, timezone=zone.key)
    for field, kind in (("missed", Missed), ("overlap", Overlap)):
        word = fields[field].strip() or getattr(plan, field).value
        if word not in list(kind):
            return None, f"{word} is none of {', '.join(kind)}.", field
        plan = msgspec.structs.replace(plan, **{field: kind(word)})
    return _timed(plan, fields["when"].strip(), zone, now)


def _timed(plan: Plan, when: str, zone: ZoneInfo, now: datetime) -> tuple[Plan | None, str, str]:
    if not when:
        return None, "Say when: every 15m, or 0 3 * * *, or 2027-01-01T02:00.", "when"
    if len(when.split()) == 5 and not when.startswith("every"):
        return _checked(msgspec.structs.replace(plan, cron=when))
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return _repeated(plan, when)
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    if moment <= now:
        return None, f"{when} is over. Give a moment that comes.", "when"
    return msgspec.structs.replace(plan, at=moment), "", ""


def _repeated(plan: Plan, when: str) -> tuple[Plan | None, str, str]:
    try:
        every = parse_duration(when.removeprefix("every").strip())
    except ValueError:
        words = "is neither a time between two fires (15m), nor a cron expression (0 3 * * *), nor a moment"
        return None, f"{when} {words} (2027-01-01T02:00).", "when"
    return _checked(msgspec.structs.replace(plan, every=every.total_seconds()))


def _checked(plan: Plan) -> tuple[Plan | None, str, str]:
    try:
        check_plan(plan)
    except CoordinationError as error:
        return None, str(error), "when"
    return plan, "", ""
