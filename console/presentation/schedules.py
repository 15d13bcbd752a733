"""Schedules as text: each with its rule and a time line of its fires, past and to come. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.presentation.ages import age, duration, in_one_unit
from console.presentation.leases import merged
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from console.presentation.tasks import json_lines
from engine.coordination.scheduling.fires import Fire, Outcome

if TYPE_CHECKING:
    from engine.coordination.scheduling.fires import Plan, ScheduleStanding

FIRES: dict[Outcome, Span] = {
    Outcome.MISSED: Span("✗ missed", "error"),
    Outcome.SKIPPED: Span("⊘ skipped", "warn"),
    Outcome.LATE: Span("◐ late", "warn"),
    Outcome.FIRED: Span("✓ fired", "ok"),
}
"""Glyph, word and role of every outcome, the gravest first: it wins where several fall into one cell."""
COMING = Span("◇", "accent")
NOW = Span("│", "strong")

SPANS = (
    timedelta(minutes=2),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=30),
)
"""How much of the past the time line can show."""
AHEAD = 4
"""The future takes one part in so many of the time line."""
NAME = (10, 28)
RULE, NEXT = 16, 10
MOST_LISTED = 40


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of a line is, from the width there is; the time line takes what is left."""

    name: int
    rule: int
    line: int

    @classmethod
    def of(cls, width: int, names: Sequence[str] = ()) -> Columns:
        """Return the columns for a width."""
        longest = max((len(each) for each in names), default=0) + 3
        name = max(NAME[0], min(NAME[1], longest, width // 3))
        rule = RULE if width < 110 else RULE + 14
        return cls(name=name, rule=rule, line=max(width - name - rule - NEXT - 1, 10))


@dataclass(frozen=True, slots=True)
class Stretch:
    """The stretch of time that is drawn: `past` before now, and a part of it after."""

    start: datetime
    now: datetime
    end: datetime

    @classmethod
    def around(cls, now: datetime, past: timedelta) -> Stretch:
        """Return the stretch that shows so much of the past."""
        return cls(now - past, now, now + past / AHEAD)

    def column(self, moment: datetime, width: int) -> int | None:
        """Return where a moment falls, or None outside."""
        if not self.start <= moment <= self.end or width < 1:
            return None
        return min(int((moment - self.start) / (self.end - self.start) * width), width - 1)


def titles(columns: Columns, past: timedelta, now: datetime) -> Line:
    """Return the line above the list; over the time line, the moments of its ends."""
    span = Stretch.around(now, past)
    pattern = "%d %b" if past > timedelta(days=2) else "%H:%M"
    left, right = f"{span.start.astimezone():{pattern}}", f"{span.end.astimezone():{pattern}}"
    cells = list(" " * columns.line)
    place = span.column(now, columns.line) or 0
    for text, at in ((left, 0), ("now", place - 1), (right, columns.line - len(right))):
        if at >= 0 and at + len(text) <= len(cells) and not "".join(cells[at : at + len(text)]).strip():
            cells[at : at + len(text)] = list(text)
    return (
        cell("SCHEDULE", columns.name, "dim"),
        cell("RULE", columns.rule, "dim"),
        cell("NEXT", NEXT, "dim"),
        Span(" "),
        Span("".join(cells), "dim"),
    )


def schedule_line(schedule: ScheduleStanding, columns: Columns, past: timedelta, now: datetime) -> Line:
    """Return a schedule's line: name, rule, when it fires next, and its fires on the time line."""
    plan = schedule.plan
    sign = Span("‖ ", "warn") if plan.paused else Span("◷ ", "ok") if schedule.next is not None else Span("○ ", "dim")
    return (
        sign,
        cell(clean(plan.name), columns.name - 3, "strong"),
        Span(" "),
        cell(rule(plan), columns.rule - 1),
        Span(" "),
        cell(next_words(schedule, now), NEXT, "warn" if plan.paused else "dim"),
        Span(" "),
        *time_line(schedule.fires, schedule.next, Stretch.around(now, past), columns.line),
    )


def time_line(fires: Sequence[Fire], following: datetime | None, span: Stretch, width: int) -> Line:
    """Return the fires on a line of time: the gravest of those that fall into one cell, now, and the next one."""
    cells, roles = ["·"] * width, ["dim"] * width
    gravity = list(FIRES)
    worst: dict[int, Outcome] = {}
    for fire in fires:
        place = span.column(fire.nominal, width)
        if place is not None and (place not in worst or gravity.index(fire.outcome) < gravity.index(worst[place])):
            worst[place] = fire.outcome
    here = span.column(span.now, width)
    if here is not None:
        cells[here], roles[here] = NOW
    coming = span.column(following, width) if following is not None else None
    if coming is not None:
        if coming == here and coming + 1 < width:
            coming += 1
        cells[coming], roles[coming] = COMING
    for place, outcome in worst.items():
        spot = place - 1 if place == here and place else place
        cells[spot], roles[spot] = FIRES[outcome].text[0], FIRES[outcome].role
    return merged(cells, roles)


def rule(plan: Plan) -> str:
    """Return when a schedule fires: "every 15 m", "30 2 * * * Berlin", "once 2 Mar 14:00"."""
    if plan.every is not None:
        return f"every {duration(timedelta(seconds=plan.every))}"
    if plan.at is not None:
        return f"once {plan.at.astimezone():%d %b %H:%M}"
    zone = "" if plan.timezone == "UTC" else f" {plan.timezone.rpartition('/')[2]}"
    return f"{clean(plan.cron)}{zone}"


def next_words(schedule: ScheduleStanding, now: datetime) -> str:
    """Return when it fires next, in few words."""
    if schedule.plan.paused:
        return "paused"
    if schedule.next is None:
        return "ended"
    return "due" if schedule.next <= now else f"in {in_one_unit(schedule.next - now)}"


def fitting_span(schedules: Sequence[ScheduleStanding], now: datetime) -> timedelta:
    """Return the shortest stretch that shows a few fires of most schedules."""
    distances = sorted(
        max(now - each.fires[min(4, len(each.fires) - 1)].nominal, timedelta()) for each in schedules if each.fires
    )
    if not distances:
        return SPANS[2]
    wanted = distances[len(distances) // 2]
    return next((span for span in SPANS if span >= wanted), SPANS[-1])


def legend(past: timedelta) -> Line:
    """Return what the glyphs mean, and how much of the past is shown."""
    glyphs = [(FIRES[outcome],) for outcome in reversed(FIRES)]
    return joined([*glyphs, (COMING, Span(" next", "accent")), (Span(f"the last {duration(past)}", "dim"),)], "  ")


def empty() -> tuple[Line, ...]:
    """Return what stands where there is no schedule."""
    return (
        (Span("There is no schedule.", "strong"),),
        (),
        (Span("A schedule submits a task again and again, once for all nodes together."),),
        (
            Span("  a ", "accent"),
            Span("adds one by hand; the section cron: of the settings has those that always are."),
        ),
        (Span("Automatic syncs (3) are schedules too."),),
    )


# -- in full -----------------------------------------------------------------------------------------------------------


def detail(schedule: ScheduleStanding, coming: Sequence[datetime], now: datetime, width: int) -> list[Line]:
    """Return a schedule in full: rule, task, policies, the next moments, what became of the last."""
    plan = schedule.plan
    head = (Span(clean(plan.name), "strong"), Span(f"  {rule(plan)}"), Span(f"  {clean(plan.timezone)}", "dim"))
    lines: list[Line] = [fit(head, width)]
    if plan.paused:
        lines += wrap("‖ paused: nothing is fired until somebody resumes it (S).", width, "warn")
    lines += wrap(f"submits the task {clean(plan.task)}", width)
    lines += wrap(f"{MISSED_WORDS[plan.missed.value]} {OVERLAP_WORDS[plan.overlap.value]}", width, "dim")
    lines += wrap(
        f"added by hand by {clean(plan.added_by)}" if plan.added_by else "from the settings file", width, "dim"
    )
    lines += [(), (Span("NEXT", "dim"),)]
    lines += [_coming(moment, now) for moment in coming] or [(Span("none", "dim"),)]
    lines += [(), (Span("LAST FIRES", "dim"),)]
    lines += [fire for each in schedule.fires[:MOST_LISTED] for fire in _fire(each, now, width)] or [
        (Span("none yet", "dim"),)
    ]
    if plan.payload is not None:
        lines += [(), (Span("PAYLOAD", "dim"),), *json_lines(plan.payload, width)]
    return lines


MISSED_WORDS = {
    "latest": "Of fires that nobody was there for, the last is made up for.",
    "all": "Every fire that nobody was there for is made up for.",
    "skip": "Fires that nobody was there for are only noted.",
}
OVERLAP_WORDS = {
    "forbid": "A fire is skipped while the task of the one before goes on.",
    "queue": "A fire's task waits until the one before is over.",
    "allow": "Tasks of several fires may run at once.",
}


def _coming(moment: datetime, now: datetime) -> Line:
    return (COMING, Span(f" {moment.astimezone():%a %d %b %H:%M:%S}"), Span(f"   {age(moment, now)}", "dim"))


LATE = timedelta(seconds=2)


def _fire(fire: Fire, now: datetime, width: int) -> list[Line]:
    outcome = FIRES[fire.outcome]
    delay = fire.taken - fire.nominal
    after = f"  {duration(delay)} after its time" if delay >= LATE else ""
    task = f"  task {fire.task[:8]}" if fire.task else ""
    line = (
        cell(outcome.text, 10, outcome.role),
        Span(f"{fire.nominal.astimezone():%d %b %H:%M:%S}"),
        Span(f"  {age(fire.nominal, now)}{after}", "dim"),
        Span(task, "accent"),
        Span(f"  by {clean(fire.by, 40)}", "dim"),
    )
    why = [(Span("          "), *each) for each in wrap(clean(fire.why), width - 10, "dim")] if fire.why else []
    return [fit(line, width), *why]
