"""What is asked before tasks are retried, cancelled or deleted, and what is told afterwards. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from console.presentation.ages import count, duration
from console.presentation.leases import who_words
from console.presentation.plan_words import Deed, Matter
from console.presentation.spans import Line, Span, clean, fit, wrap
from console.presentation.tasks import SHORT, STATES
from engine.coordination.working.task import TaskState

if TYPE_CHECKING:
    from engine.coordination.working.task import Task

DONE = {"retry": "retried", "cancel": "cancelled", "delete": "deleted"}
MOST_NAMED = 6
TYPED_FROM = 20
"""So many tasks at once have their number typed: proof that it was read."""
AGAIN = (
    "It waits for a worker again and starts as if it were new: all its attempts are free. What the attempts before did "
    "is not undone: a command that must not act twice has to see that itself."
)
FOR_GOOD = (
    "It is removed from the list for good, with its result and its error. Its idempotency key is free again: to submit "
    "the same once more makes a new task."
)


class Result(NamedTuple):
    """What came of a deed on several tasks."""

    done: int
    refusals: tuple[str, ...]


def matter(deed: str, tasks: Sequence[Task], now: datetime, width: int) -> Matter:
    """Return what is asked before something is done to tasks."""
    number = len(tasks)
    title = f"{deed.capitalize()} {clean(tasks[0].name)} {tasks[0].id[:SHORT]}?" if number == 1 else (
        f"{deed.capitalize()} {count(number, 'task')}?"
    )  # fmt: skip
    lines = [fit(_named(task, now), width) for task in tasks[:MOST_NAMED]]
    if number > MOST_NAMED:
        lines.append((Span(f"… and {number - MOST_NAMED:,} more", "dim"),))
    lines += [(), *(line for sentence in _sentences(deed, tasks) for line in wrap(sentence, width))]
    return Matter(
        title=title,
        lines=tuple(lines),
        deed=Deed.GO_ON,
        button=deed.capitalize() if number == 1 else f"{deed.capitalize()} {number:,}",
        typed=f"{deed} {number}" if number >= TYPED_FROM else "",
        comment="Reason",
    )


def _named(task: Task, now: datetime) -> Line:
    state = STATES[task.state]
    detail = ""
    if task.state is TaskState.RUNNING and task.attempt is not None:
        detail = f"  for {duration(now - task.attempt.started)} by {who_words(task.attempt.who)}"
    elif task.error:
        detail = f"  {clean(task.error, 200)}"
    return (state, Span(f"  {clean(task.name)} ", "strong"), Span(task.id[:SHORT], "dim"), Span(detail, "dim"))


def _sentences(deed: str, tasks: Sequence[Task]) -> list[str]:
    match deed:
        case "retry":
            return [AGAIN]
        case "cancel":
            running = sum(task.state is TaskState.RUNNING for task in tasks)
            said = []
            if running:
                said.append(
                    "A running command is asked to stop, and killed if it does not. What it did until then stays done."
                )
            if running < len(tasks):
                said.append("One that waits will not be started.")
            return [*said, "It stays in the list as cancelled; F starts it again."]
        case _:
            return [FOR_GOOD]


def told(deed: str, result: Result) -> tuple[str, Literal["information", "warning"]]:
    """Return what is told afterwards, and how serious that is."""
    done = f"{count(result.done, 'task')} {DONE[deed]}."
    if not result.refusals:
        return done, "information"
    more = f" (and {len(result.refusals) - 1} more)" if len(result.refusals) > 1 else ""
    return f"{done} Not {DONE[deed]}: {result.refusals[0]}{more}", "warning"
