"""Tasks as text: how many stand how, one line each, the one under the cursor in full. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from console.presentation.ages import age, duration, roughly
from console.presentation.leases import who_short, who_words
from console.presentation.spans import Line, Span, cell, clean, fit, joined, wrap
from engine.coordination.working.task import TaskState

if TYPE_CHECKING:
    from engine.coordination.working.task import Task, TaskCounts

STATES: dict[TaskState, Span] = {
    TaskState.WAITING: Span("◇ waiting", "accent"),
    TaskState.RUNNING: Span("▶ running", "ok"),
    TaskState.DEAD: Span("✗ dead", "error"),
    TaskState.DONE: Span("✓ done", "dim"),
    TaskState.CANCELLED: Span("⊘ cancelled", "warn"),
}
"""Glyph, word and role of every state, what concerns people first; the word alone says it all."""

VIEWS: dict[str, tuple[TaskState, ...]] = {
    "all": (),
    "open": (TaskState.WAITING, TaskState.RUNNING),
    "dead": (TaskState.DEAD,),
    "done": (TaskState.DONE,),
    "cancelled": (TaskState.CANCELLED,),
}
"""What `f` goes round."""

SHORT = 8
STATE, ATTEMPT, WHEN = 12, 6, 10
NAME = (12, 30)
LONGEST_SHOWN = 20_000
"""Characters of a payload or result that are laid out; more is said to be more."""
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of a line is, from the width there is."""

    name: int
    about: int

    @classmethod
    def of(cls, width: int, longest: int) -> Columns:
        """Return the columns for a width and the longest name; what there is to say takes what is left."""
        room = width - SHORT - 1 - STATE - ATTEMPT - WHEN - 1
        name = max(NAME[0], min(NAME[1], longest + 1, room // 2))
        return cls(name=name, about=max(room - name, 8))


def counts_line(counts: TaskCounts | None, view: str, listed: int, *, more: bool, marked: int, wide: bool) -> Line:
    """Return the line above the tasks: how many stand how, and what of it is listed."""
    if counts is None:
        return (Span("…", "dim"),)
    parts: list[Line] = []
    for state, shown in STATES.items():
        number = getattr(counts, state.value)
        if number or wide:
            sign, _, word = shown.text.partition(" ")
            parts.append((Span(f"{sign} {number:,} {word}", shown.role if number else "dim"),))
    which = f"{view} only, " if view != "all" else ""
    parts.append((Span(f"{which}{listed:,}{'+' if more else ''} listed", "match" if which else "dim"),))
    if marked:
        parts.append((Span(f"• {marked:,} marked", "accent"),))
    return joined(parts, "  ")


def titles(columns: Columns) -> Line:
    """Return the line above the list."""
    return (
        cell("ID", SHORT + 1, "dim"),
        cell("STATE", STATE, "dim"),
        cell("TASK", columns.name, "dim"),
        cell("TRIED", ATTEMPT, "dim"),
        cell("WHEN", WHEN, "dim"),
        cell("", 1),
        cell("WHO OR WHY", columns.about, "dim"),
    )


def task_line(task: Task, columns: Columns, now: datetime) -> Line:
    """Return a task's line."""
    state = STATES[task.state]
    return (
        cell(clean(task.id[:SHORT]), SHORT + 1, "dim"),
        cell(state.text, STATE, state.role),
        cell(clean(task.name), columns.name - 1, "strong" if task.state is not TaskState.DONE else ""),
        Span(" "),
        cell(f"{task.attempts}/{task.most_attempts}", ATTEMPT, "dim"),
        cell(when(task, now), WHEN, "dim"),
        Span(" "),
        *fit(about(task, now), columns.about),
    )


def when(task: Task, now: datetime) -> str:
    """Return the moment that matters of a task: due, started, or ended."""
    match task.state:
        case TaskState.WAITING:
            return "due" if task.due <= now else age(task.due, now)
        case TaskState.RUNNING if task.attempt is not None:
            return f"for {duration(now - task.attempt.started)}"
        case _:
            return roughly(task.ended or task.submitted, now)


def about(task: Task, now: datetime) -> Line:
    """Return what there is to say of a task in few words: who runs it, what went wrong, what came out."""
    match task.state:
        case TaskState.RUNNING:
            who = who_short(task.attempt.who) if task.attempt is not None else ""
            asked = (Span("asked to stop  ", "warn"),) if task.cancel_asked else ()
            return (*asked, Span(who))
        case TaskState.WAITING if task.error:
            return (Span("again after: ", "warn"), Span(clean(task.error, 200)))
        case TaskState.WAITING:
            return (Span(f"since {roughly(task.submitted, now)}", "dim"),)
        case TaskState.DEAD:
            return (Span(clean(task.error, 200) or "no reason was given", "error"),)
        case TaskState.CANCELLED:
            return (Span(f"by {clean(task.cancel_asked)}" if task.cancel_asked else "", "dim"),)
        case TaskState.DONE:
            return (Span(clean(last_line(task.result), 200), "dim"),)


def output(result: Any) -> str | None:
    """Return what a command said, where the result is nothing else."""
    said = result.get("output") if isinstance(result, dict) and len(result) == 1 else None
    return said if isinstance(said, str) else None


def last_line(result: Any) -> str:
    """Return a result in one line: the last that a command said, or the JSON value."""
    said = output(result)
    if said is not None:
        return next((line for line in reversed(said.splitlines()) if line.strip()), "")
    if result is None:
        return ""
    return result if isinstance(result, str) else msgspec.json.encode(result).decode()


def matches(task: Task, text: str) -> bool:
    """Tell whether a task has every word of a filter somewhere: id, name, origin, key, error."""
    within = f"{task.id} {task.name} {task.origin} {task.key} {task.error} {task.state}".casefold()
    return all(word in within for word in text.casefold().split())


def merged(
    known: Sequence[Task], changed: Sequence[Task], gone: Sequence[str], states: Sequence[TaskState]
) -> list[Task]:
    """Return the known tasks with what became of some of them, newest first; those of other states fall out."""
    tasks = {task.id: task for task in known if task.id not in gone}
    for task in changed:
        tasks.pop(task.id, None)
        if not states or task.state in states:
            tasks[task.id] = task
    return sorted(tasks.values(), key=lambda task: (task.submitted, task.id), reverse=True)


def empty(view: str, *, filtered: bool) -> tuple[Line, ...]:
    """Return what stands where there is no task."""
    if filtered or view != "all":
        which = "with these words" if filtered else f"that is {view}"
        return ((Span(f"There is no task {which}. ", "strong"), Span("f", "accent"), Span(" shows other states.")),)
    return (
        (Span("No task was submitted yet.", "strong"),),
        (),
        (Span("A task is a named command that a worker on some node runs, at least once."),),
        (
            Span("  syncdeck tasks submit NAME ", "accent"),
            Span("submits one; commands stand under tasks: in the settings."),
        ),
        (Span("  syncdeck serve ", "accent"), Span("works on them; schedules (c) submit tasks by themselves.")),
    )


# -- in full -----------------------------------------------------------------------------------------------------------


def detail(task: Task, now: datetime, width: int) -> list[Line]:
    """Return a task in full: where it stands, its attempts, error, payload, result."""
    state = STATES[task.state]
    lines: list[Line] = [fit((Span(clean(task.name), "strong"), Span("  "), state), width)]
    lines.append(fit((Span(clean(task.id), "dim"),), width))
    lines += _situation(task, now, width)
    lines += [(), *_attempts(task, now, width)]
    if task.error:
        lines += [(), (Span("ERROR", "dim"),), *wrap(task.error, width, "error")[:MOST_LINES]]
    if task.result is not None:
        lines += [(), *_result(task.result, width)]
    lines += [(), (Span("PAYLOAD", "dim"),), *json_lines(task.payload, width)]
    return [*lines, (), *_origin(task, now, width)]


def _situation(task: Task, now: datetime, width: int) -> list[Line]:
    match task.state:
        case TaskState.WAITING:
            due = "due now: waits for a worker that knows it" if task.due <= now else f"due {age(task.due, now)}"
            return wrap(f"{due}, priority {task.priority}", width)
        case TaskState.RUNNING if task.attempt is not None:
            left = task.timeout - (now - task.attempt.started)
            limit = f"{duration(left)} left of {duration(task.timeout)}" if left > timedelta() else "over its time"
            asked = f" {clean(task.cancel_asked)} asked it to stop." if task.cancel_asked else ""
            return wrap(f"runs for {duration(now - task.attempt.started)}, {limit}.{asked}", width)
        case TaskState.DEAD:
            text = "It stays until somebody retries (F) or deletes (D) it."
            return wrap(f"dead for {duration(now - (task.ended or now))}. {text}", width)
        case _:
            return wrap(f"ended {age(task.ended, now)}" if task.ended is not None else "", width)


def _result(result: Any, width: int) -> list[Line]:
    said = output(result)
    if said is None:
        return [(Span("RESULT", "dim"),), *json_lines(result, width)]
    return [(Span("OUTPUT", "dim"),), *text_lines(said.rstrip("\n") or "nothing", width)]


def _attempts(task: Task, now: datetime, width: int) -> list[Line]:
    head = Span(f"ATTEMPTS  {task.attempts} of {task.most_attempts}", "dim")
    if task.attempt is None:
        return [(head,)]
    last = task.attempt
    began = f"{last.started.astimezone():%H:%M:%S}, {age(last.started, now)}"
    took = (
        f", took {duration(task.ended - last.started)}" if task.ended is not None and task.ended >= last.started else ""
    )
    return [
        (head,),
        fit((Span(f"number {last.number} by "), Span(who_words(last.who))), width),
        fit((Span(f"began {began}{took}   token {last.token:,}", "dim"),), width),
    ]


def _origin(task: Task, now: datetime, width: int) -> list[Line]:
    submitted = f"submitted {age(task.submitted, now)} by {clean(task.submitted_by)}"
    lines = wrap(submitted, width, "dim")
    if task.origin:
        lines += wrap(f"by the schedule {clean(task.origin.removeprefix('cron:'))}", width, "dim")
    if task.key:
        lines += wrap(f"idempotency key {clean(task.key)}: submitting it again gives this one", width, "dim")
    return [*lines, *wrap(f"time-out of an attempt {duration(task.timeout)}", width, "dim")]


def json_lines(value: Any, width: int) -> list[Line]:
    """Return a JSON value laid out over several lines; a text as it is."""
    if value is None:
        return [(Span("none", "dim"),)]
    text = value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return text_lines(text, width)


def text_lines(text: str, width: int) -> list[Line]:
    """Return a text of any length over as many lines as people scroll through; what is left out is said."""
    cut = text[:LONGEST_SHOWN]
    lines = wrap(cut, width)
    if len(lines) > MOST_LINES or len(text) > LONGEST_SHOWN:
        return [*lines[:MOST_LINES], (Span(f"… cut here; {len(text):,} characters in all", "warn"),)]
    return lines


def still_possible(task: Task) -> frozenset[str]:
    """Return what can be done about a task now: `retry`, `cancel`, `delete`."""
    return {
        TaskState.WAITING: frozenset({"cancel", "delete"}),
        TaskState.RUNNING: frozenset({"cancel"}),
        TaskState.DEAD: frozenset({"retry", "delete"}),
        TaskState.DONE: frozenset({"delete"}),
        TaskState.CANCELLED: frozenset({"retry", "delete"}),
    }[task.state]


def why_not(deed: str, task: Task | None) -> str:
    """Return why something cannot be done about a task now, or nothing."""
    if task is None:
        return "There is no task here."
    if deed in still_possible(task):
        return ""
    state = STATES[task.state].text.partition(" ")[2]
    return {
        "retry": f"This task is {state}: only one that is dead or cancelled can be retried.",
        "cancel": f"This task is {state}: there is nothing to cancel.",
        "delete": f"This task is {state}: cancel it first (C).",
    }[deed]
