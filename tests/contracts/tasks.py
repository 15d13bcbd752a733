"""What tasks promise, whatever backend they stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from engine.coordination.promises import Feature
from engine.coordination.working.handling import Handler
from engine.coordination.working.lifecycle import ENDED
from engine.coordination.working.task import Attempt, Task, TaskCounts, TaskState
from engine.together import together
from tests.contracts.lock import node
from tests.contracts.store_case import Suite, until
from tests.contracts.store_sandbox import StoreSandbox
from tests.doubles.coordinated import Process

TASKS = Suite()
WORK = (Feature.TASKS, Feature.LOCK, Feature.WATCH, Feature.LIST)


@asynccontextmanager
async def working(process: Process, handler: Handler, workers: int = 2) -> AsyncIterator[None]:
    """Let a process work for a block."""
    async with together() as group:
        run = group.create_task(process.tasks.run({"job": handler}, workers=workers))
        try:
            yield
        finally:
            run.cancel()


async def ended(process: Process, task: Task) -> Task:
    """Return a task when it has ended."""

    async def there() -> Task | None:
        now = await process.tasks.get(task.id)
        return now if now.state in ENDED else None

    found = await until(there)
    assert found is not None
    return found


class Hangs:
    """A handler that ends only when it is stopped."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.stopped = asyncio.Event()

    async def __call__(self, _: Task, attempt: Attempt) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


async def _echo(task: Task, _: Attempt) -> Any:
    return task.payload


@TASKS.case(*WORK)
async def a_task_that_one_process_asks_for_is_done_by_another(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, working(b, _echo):
        before = await a.tasks.submit("job", {"n": [1, None, "ü"]})
        task = await ended(a, before)

    assert (task.state, task.result, task.attempts) == (TaskState.DONE, {"n": [1, None, "ü"]}, 1)
    assert task.attempt is not None
    assert task.attempt.who.node == "b"


@TASKS.case(*WORK)
async def what_was_asked_for_before_anybody_worked_is_done_too(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        asked = [await a.tasks.submit("job", number) for number in range(5)]
        async with node(sandbox, "b") as b, working(b, _echo):
            done = [await ended(a, task) for task in asked]

    assert [task.result for task in done] == [0, 1, 2, 3, 4]


@TASKS.case(*WORK)
async def several_processes_share_the_work_and_do_each_task_once(sandbox: StoreSandbox) -> None:
    begun: list[str] = []

    async def note(task: Task, _: Attempt) -> None:
        begun.append(task.id)

    async with node(sandbox, "a") as a, node(sandbox, "b") as b, working(a, note), working(b, note):
        asked = [await a.tasks.submit("job", number) for number in range(16)]
        for task in asked:
            await ended(a, task)

    assert sorted(begun) == sorted(task.id for task in asked)


@TASKS.case(*WORK)
async def an_attempt_has_a_greater_token_than_the_one_before(sandbox: StoreSandbox) -> None:
    tokens: list[int] = []

    async def fail_once(_: Task, attempt: Attempt) -> None:
        tokens.append(attempt.token)
        if len(tokens) == 1:
            raise RuntimeError("no disk")

    async with node(sandbox, "a") as a, working(a, fail_once):
        task = await ended(a, await a.tasks.submit("job"))

    assert (task.state, task.attempts) == (TaskState.DONE, 2)
    assert tokens[1] > tokens[0]


@TASKS.case(*WORK)
async def a_failure_is_an_error_and_a_dead_task_can_be_retried(sandbox: StoreSandbox) -> None:
    broken = True

    async def fail(*_: object) -> None:
        if broken:
            raise RuntimeError("no disk")

    async with node(sandbox, "a") as a, working(a, fail):
        dead = await ended(a, await a.tasks.submit("job", most_attempts=1))
        broken = False
        await a.tasks.retry(dead.id)
        done = await ended(a, dead)

    assert (dead.state, dead.error) == (TaskState.DEAD, "no disk")
    assert (done.state, done.error) == (TaskState.DONE, "")


@TASKS.case(*WORK)
async def a_running_task_is_stopped_wherever_it_runs(sandbox: StoreSandbox) -> None:
    hangs = Hangs()
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, working(b, hangs):
        task = await a.tasks.submit("job")
        await hangs.begun.wait()
        await a.tasks.cancel(task.id)
        cancelled = await ended(a, task)

    assert (cancelled.state, hangs.stopped.is_set()) == (TaskState.CANCELLED, True)


@TASKS.case(*WORK)
async def a_task_whose_workers_session_ended_is_done_by_another_and_the_late_result_does_not_win(
    sandbox: StoreSandbox,
) -> None:
    hangs = Hangs()
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, working(b, hangs):
        task = await a.tasks.submit("job", "again")
        await hangs.begun.wait()
        (session,) = b.coordination.sessions.own
        async with working(a, _echo):
            await a.coordination.end_session(session, reason="it hangs")
            done = await ended(a, task)

    assert (done.state, done.result, done.attempts) == (TaskState.DONE, "again", 2)


@TASKS.case(Feature.TASKS)
async def many_who_ask_at_once_with_one_key_have_one_task(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(each.tasks.submit("job", key="order 7")) for each in (a, b, a, b)]
        assert len({task.result().id for task in asked}) == 1
        assert await a.tasks.counts() == TaskCounts(waiting=1)


@TASKS.case(Feature.TASKS)
async def tasks_are_listed_found_and_deleted(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        first = await a.tasks.submit("one")
        await sandbox.clock.sleep(timedelta(milliseconds=2))
        second = await a.tasks.submit("two")
        await a.tasks.cancel(first.id)

        assert [task.id for task in await b.tasks.list()] == [second.id, first.id]
        assert [task.id for task in await b.tasks.list([TaskState.CANCELLED])] == [first.id]
        assert (await b.tasks.get(second.id[:11])).id == second.id
        await b.tasks.delete(second.id)
        assert await a.tasks.counts() == TaskCounts(cancelled=1)
