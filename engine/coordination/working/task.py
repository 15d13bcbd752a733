"""A task: a named piece of work that somebody asked for, and what became of it. Values only.

At least once: a worker that was presumed dead may have done the work, so a handler that must not do it twice uses the
task's id or its attempt's token. Never twice at once as far as its results go: an end is written only by the attempt
that is the newest.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType

from msgspec import Struct

from engine.coordination.standing import SessionId, Token, Who

TaskId = NewType("TaskId", str)


class TaskState(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    """For its time (`due`), or for a worker; `error` says what the attempt before died of, if there was one."""
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    """All attempts failed, or one said that trying again is pointless. It stays until somebody retries it."""
    CANCELLED = "cancelled"


class Attempt(Struct, frozen=True, kw_only=True):
    """A worker's go at a task."""

    number: int
    """From 1."""
    session: SessionId
    who: Who
    token: Token
    """Rises with every attempt, and goes with whatever the work writes elsewhere."""
    started: datetime


class Task(Struct, frozen=True, kw_only=True):
    """A task as it is kept."""

    id: TaskId
    name: str
    """The command: workers take only what they have a handler for."""
    payload: Any = None
    """JSON."""
    state: TaskState = TaskState.WAITING
    priority: int = 0
    """Greater first."""
    due: datetime
    """Not before this moment."""
    submitted: datetime
    submitted_by: str
    key: str = ""
    """Idempotency key: while a task with it exists, submitting another gives that one."""
    attempts: int = 0
    """Made so far."""
    most_attempts: int = 5
    timeout: timedelta = timedelta(minutes=10)
    """Of an attempt."""
    attempt: Attempt | None = None
    """The one that is running, or was the last."""
    ended: datetime | None = None
    result: Any = None
    """JSON, as the handler returned it."""
    error: str = ""
    """Of the last attempt that failed, in words."""
    cancel_asked: str = ""
    """Who asked the running attempt to stop."""
    origin: str = ""
    """`cron:NAME@MOMENT` for one that a schedule submitted."""


class TaskCounts(Struct, frozen=True, kw_only=True):
    """How many tasks are in each state."""

    waiting: int = 0
    running: int = 0
    done: int = 0
    dead: int = 0
    cancelled: int = 0


class TaskPage(Struct, frozen=True):
    """The newest of the tasks that were asked for, and how many there are of all."""

    tasks: tuple[Task, ...]
    counts: TaskCounts
