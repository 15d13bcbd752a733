"""The steps of a task, from asked for to ended. Pure: a task and what happened in, the next state of it out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from engine.coordination.working.task import Attempt, Task, TaskCounts, TaskState
from engine.errors import CoordinationError

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=5)

ENDED: Final = frozenset({TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED})
FORGOTTEN: Final = {TaskState.DONE: timedelta(days=7), TaskState.CANCELLED: timedelta(days=7)}
"""How long ended tasks are kept. A dead one stays until somebody retries or deletes it."""

KEPT: Final = 10_000
"""So many of them are kept for all that time; older ones leave before it. Lists and counts read every task, and so stay
quick however many are done in a week."""


def pause_before_next(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many failed attempts: twice as long each time up to five minutes, of which half
    is left to chance, so that tasks that failed together do not come back together."""
    doubled: timedelta = min(FIRST_PAUSE * 2 ** min(max(attempts - 1, 0), 30), LONGEST_PAUSE)
    return doubled / 2 + doubled / 2 * chance


def taken(task: Task, attempt: Attempt) -> Task:
    """A worker begins an attempt."""
    return replace(
        task, state=TaskState.RUNNING, attempts=attempt.number, attempt=attempt, error="", cancel_asked="", ended=None
    )


def succeeded(task: Task, result: Any, now: datetime) -> Task:
    """The attempt ended well."""
    return replace(task, state=TaskState.DONE, result=result, error="", ended=now)


def failed(task: Task, error: str, now: datetime, *, pause: timedelta, for_good: bool = False) -> Task:
    """The attempt ended badly: another one follows after a pause, unless it was the last, or said to be in vain, or
    somebody wants the task to end anyway."""
    if task.cancel_asked:
        return stopped(task, task.cancel_asked, now)
    if for_good or task.attempts >= task.most_attempts:
        return replace(task, state=TaskState.DEAD, error=error, ended=now)
    return replace(task, state=TaskState.WAITING, error=error, due=now + pause)


def stopped(task: Task, by: str, now: datetime) -> Task:
    """Somebody asked the task to end, and it did."""
    return replace(task, state=TaskState.CANCELLED, cancel_asked=by, ended=now)


def put_back(task: Task, why: str) -> Task:
    """A worker stops in good order: somebody else takes the task at once, and the attempt does not count."""
    return replace(task, state=TaskState.WAITING, error=why, due=task.submitted, attempts=max(task.attempts - 1, 0))


def orphaned(task: Task, now: datetime, chance: float) -> Task:
    """The worker is gone. The first time another one begins at once: a task that kills its workers gets slower."""
    attempt = task.attempt
    where = f" (process {attempt.who.pid} on {attempt.who.node})" if attempt is not None else ""
    pause = pause_before_next(task.attempts - 1, chance) if task.attempts > 1 else timedelta(0)
    after = failed(task, f"Its worker{where} disappeared during attempt {task.attempts}.", now, pause=pause)
    return replace(after, due=task.submitted) if after.state is TaskState.WAITING and not pause else after


def cancelled(task: Task, by: str, now: datetime) -> Task:
    """Somebody asks a task to end: one that waits does so at once, one that runs when its worker hears of it."""
    if task.state is TaskState.WAITING:
        return stopped(task, by, now)
    if task.state is TaskState.RUNNING:
        return task if task.cancel_asked else replace(task, cancel_asked=by)
    if task.state is TaskState.CANCELLED:
        return task
    raise CoordinationError(f"The task {task.id} ({task.name}) is {task.state} already; there is nothing to cancel.")


def retried(task: Task) -> Task:
    """Somebody wants a task that ended badly to be tried anew, with all its attempts."""
    if task.state not in {TaskState.DEAD, TaskState.CANCELLED}:
        raise CoordinationError(
            f"The task {task.id} ({task.name}) is {task.state}; only dead and cancelled ones are tried again. "
            "Submit it anew to have it done once more."
        )
    return replace(task, state=TaskState.WAITING, due=task.submitted, attempts=0, cancel_asked="", ended=None)


def same_attempt(task: Task | None, mine: Task) -> bool:
    """Tell whether a task as it is kept is still running the attempt that `mine` runs."""
    return (
        task is not None
        and task.state is TaskState.RUNNING
        and task.attempt is not None
        and mine.attempt is not None
        and task.attempt.token == mine.attempt.token
        and task.attempt.session == mine.attempt.session
    )


def forgotten(task: Task, now: datetime) -> bool:
    """Tell whether an ended task has been kept for long enough."""
    kept = FORGOTTEN.get(task.state)
    return kept is not None and task.ended is not None and now - task.ended > kept


def may_leave_early(task: Task) -> bool:
    """Tell whether an ended task may be forgotten before its time when there are too many. One that somebody gave an
    idempotency key may not: that it is there keeps it from being done twice."""
    return task.state in FORGOTTEN and (not task.key or bool(task.origin))


def count(states: dict[TaskState, int]) -> TaskCounts:
    """Return the counts by name."""
    return TaskCounts(**{state.value: states.get(state, 0) for state in TaskState})
