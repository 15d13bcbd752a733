"""Tasks as people and programs ask for them: submitted, listed, retried, cancelled, worked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from engine.coordination.ground import Attend, Ground
from engine.coordination.naming import TASK, full_name
from engine.coordination.promises import Feature
from engine.coordination.standing import Revision
from engine.coordination.working.handling import Handler, checked_payload
from engine.coordination.working.lifecycle import KEPT, cancelled, count, forgotten, may_leave_early, retried
from engine.coordination.working.pool import Pool
from engine.coordination.working.task import Task, TaskCounts, TaskId, TaskPage, TaskState
from engine.coordination.working.task_book import Header, TaskBook
from engine.errors import CoordinationError, CoordinationUnavailable, KeyChanged, NothingFound

ATTEMPTS: Final = 5
TIMEOUT: Final = timedelta(minutes=10)


class Terms(Struct, frozen=True, kw_only=True):
    """What holds for a command's tasks unless the one who submits says otherwise."""

    timeout: timedelta = TIMEOUT
    most_attempts: int = ATTEMPTS


class Tasks:
    """The tasks of the namespace, whoever submitted them. `terms` by the name of the command."""

    def __init__(self, ground: Ground, attend: Attend, terms: Mapping[str, Terms] | None = None) -> None:
        self._ground = ground
        self._attend = attend
        self._terms = dict(terms or {})
        self._book = TaskBook(ground.store)
        self._working = False

    async def submit(
        self,
        name: str,
        payload: Any = None,
        *,
        key: str = "",
        delay: timedelta = timedelta(0),
        priority: int = 0,
        most_attempts: int | None = None,
        timeout: timedelta | None = None,  # noqa: ASYNC109 - of each attempt, not of this call
        origin: str = "",
    ) -> Task:
        """Ask for a piece of work, and return the task; durable when it returns.

        While a task with the same idempotency `key` is kept, that one is returned and nothing is added. Whether the
        command exists is not checked: a worker that has it may be elsewhere. Raises `CoordinationError` for a payload
        that is no JSON, too long, or seems to hold a secret.
        """
        self._ground.must_write()
        self._ground.store.promises.require(Feature.TASKS)
        _check(name, delay, most_attempts, timeout)
        terms = self._terms.get(name, Terms())
        now = self._ground.clock.now()
        task = Task(
            id=self._keyed(key) if key else self._any(),
            name=name,
            payload=checked_payload(name, payload, self._ground.redactor),
            priority=priority,
            due=now + delay,
            submitted=now,
            submitted_by=self._ground.actor,
            key=key,
            most_attempts=terms.most_attempts if most_attempts is None else most_attempts,
            timeout=terms.timeout if timeout is None else timeout,
            origin=origin,
        )
        kept = await self._add(task)
        if kept.name != name:
            raise CoordinationError(
                f"The idempotency key {key} belongs to the task {kept.id}, which is a {kept.name}, not a {name}. "
                "Choose another key."
            )
        return kept

    async def get(self, text: str) -> Task:
        """Return the task with this id, or whose id alone begins so. Raises `NothingFound`."""
        task_id = await self._book.look_up(text)
        found = await self._book.find(task_id)
        if found is None:
            raise NothingFound(f"The task {task_id} was deleted just now. Submit it again if it is needed.")
        return found[0]

    async def list(self, states: Collection[TaskState] = (), *, name: str = "", limit: int = 200) -> Sequence[Task]:
        """Return the last submitted tasks, newest first, of these states (none: of all) and of this command."""
        return list((await self.page(states, name=name, limit=limit)).tasks)

    async def counts(self) -> TaskCounts:
        """Return how many tasks are in each state."""
        return (await self.page(limit=0)).counts

    async def page(self, states: Collection[TaskState] = (), *, name: str = "", limit: int = 200) -> TaskPage:
        """Return what `list` and `counts` do, from one look at all tasks."""
        self._ground.store.promises.require(Feature.TASKS)

        def wanted(header: Header) -> bool:
            return (not states or header.state in states) and (not name or header.name == name)

        tasks, found = await self._book.newest(wanted, limit)
        return TaskPage(tuple(tasks), count(found))

    async def retry(self, text: str, *, reason: str = "") -> Task:
        """Have a dead or cancelled task tried anew, with all its attempts; audited."""
        self._ground.must_write()
        before = await self.get(text)
        task = await self._book.step(before.id, retried)
        await self._note("task.retried", task, reason, error=before.error)
        return task

    async def cancel(self, text: str, *, reason: str = "") -> Task:
        """End a task that waits; ask the worker of one that runs to stop it; audited. Raises `CoordinationError` for
        one that has ended otherwise."""
        self._ground.must_write()
        task_id = await self._book.look_up(text)
        task = await self._book.step(
            task_id, lambda task: cancelled(task, self._ground.actor, self._ground.clock.now())
        )
        await self._note("task.cancelled", task, reason, state=task.state.value)
        return task

    async def delete(self, text: str, *, reason: str = "") -> TaskId:
        """Forget a task that does not run, also one that cannot be read; audited. Returns its id."""
        self._ground.must_write()
        task_id = await self._book.look_up(text)
        task = await self._book.remove_as_it_is(task_id, _refuse_running)
        data = {"name": task.name, "state": task.state.value} if task is not None else {"state": "unreadable"}
        await self._ground.record("task.deleted", f"coordination:task/{task_id}", {**data, **_given(reason)})
        return task_id

    async def run(self, handlers: Mapping[str, Handler], *, workers: int = 4) -> None:
        """Work at tasks that there is a handler for, `workers` at once, until cancelled.

        Cancelled, it stops its handlers and gives their tasks back; whoever kills the process leaves that to others.
        """
        self._ground.must_write()
        self._ground.store.promises.require(Feature.TASKS, Feature.WATCH, Feature.LIST)
        if self._working:
            raise CoordinationError("This process works at tasks already. Give all handlers to one run.")
        self._working = True
        try:
            await Pool(self._ground, self._attend, handlers, workers).run()
        finally:
            self._working = False

    async def sweep(self) -> int:
        """Forget done and cancelled tasks that were kept for a week, and the oldest of too many others; return how
        many."""
        now = self._ground.clock.now()
        leaving: list[tuple[TaskId, Revision]] = []
        others: list[tuple[datetime, TaskId, Revision]] = []
        async for task, revision in self._book.all():
            if forgotten(task, now):
                leaving.append((task.id, revision))
            elif may_leave_early(task):
                others.append((task.ended or now, task.id, revision))
        others.sort()
        leaving += [each[1:] for each in others[: max(len(others) - KEPT, 0)]]
        swept = 0
        for task_id, revision in leaving:
            with suppress(KeyChanged):
                swept += await self._book.remove(task_id, revision)
        return swept

    async def _add(self, task: Task) -> Task:
        """Write a new task; once more after a lost answer, which the id makes harmless."""
        try:
            return await self._book.add(task)
        except CoordinationUnavailable as error:
            if not error.maybe_done:
                raise
            return await self._book.add(task)

    def _keyed(self, key: str) -> TaskId:
        return TaskId(sha256(key.encode()).hexdigest()[:20])

    def _any(self) -> TaskId:
        return TaskId(f"{int(self._ground.chance() * 2**48):012x}")

    async def _note(self, event: str, task: Task, reason: str, **data: Any) -> None:
        await self._ground.record(event, f"coordination:task/{task.id}", {"name": task.name, **data, **_given(reason)})


def _given(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}


def _check(name: str, delay: timedelta, most_attempts: int | None, timeout: timedelta | None) -> None:
    full_name(TASK, name)
    if delay < timedelta(0):
        raise CoordinationError(f"The delay of {name} lies in the past. Leave it out to have it done at once.")
    if most_attempts is not None and most_attempts < 1:
        raise CoordinationError(f"{most_attempts} attempts are none: {name} would never be done. Give 1 or more.")
    if timeout is not None and timeout <= timedelta(0):
        raise CoordinationError(f"The timeout of {name} leaves no time at all. Give a longer one.")


def _refuse_running(task: Task) -> None:
    if task.state is TaskState.RUNNING:
        raise CoordinationError(
            f"The task {task.id} ({task.name}) is running. Cancel it first: syncdeck tasks cancel {task.id}."
        )
