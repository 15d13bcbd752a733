"""Tasks as people and programs ask for them, and workers that do them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from engine.coordination.memory.backend import MemoryBackend
from engine.coordination.standing import Revision
from engine.coordination.working.handling import GiveUp, Handler
from engine.coordination.working.task import Attempt, Task, TaskCounts, TaskState
from engine.coordination.working.tasks import Terms
from engine.errors import CoordinationError, NothingFound, ReadOnly
from tests.doubles.clock import ManualClock
from tests.doubles.coordinated import Habits, Process, process, soon

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def backend(clock: ManualClock) -> MemoryBackend:
    return MemoryBackend(clock)


@pytest.fixture
async def anna(backend: MemoryBackend) -> AsyncIterator[Process]:
    async with process(backend, backend.clock, "anna", Habits(terms={"slow": Terms(timeout=MINUTE)})) as opened:
        yield opened


@asynccontextmanager
async def working(worker: Process, handlers: Mapping[str, Handler], workers: int = 4) -> AsyncIterator[None]:
    """Let a process work for a block."""
    async with asyncio.TaskGroup() as group:
        run = group.create_task(worker.tasks.run(handlers, workers=workers))
        try:
            yield
        finally:
            run.cancel()


async def ended(worker: Process, task: Task, clock: ManualClock | None = None) -> Task:
    """Return a task when it has ended, moving time on if a clock is given."""
    for _ in range(3_000):
        now = await worker.tasks.get(task.id)
        if now.state not in {TaskState.WAITING, TaskState.RUNNING}:
            return now
        if clock is not None:
            await clock.advance(SECOND)
        else:
            await asyncio.sleep(0)
    raise AssertionError(f"it is still {now.state}: {now.error}")


async def echo(task: Task, _: Attempt) -> Any:
    return {"got": task.payload}


class Hangs:
    """A handler that never ends by itself."""

    def __init__(self) -> None:
        self.begun: list[Attempt] = []
        self.stopped = 0

    async def __call__(self, _: Task, attempt: Attempt) -> Any:
        self.begun.append(attempt)
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped += 1


class Fails:
    """A handler that fails so many times, then does its work."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.left = times
        self.error = error or RuntimeError("no disk")
        self.attempts: list[Attempt] = []

    async def __call__(self, _: Task, attempt: Attempt) -> Any:
        self.attempts.append(attempt)
        self.left -= 1
        if self.left >= 0:
            raise self.error
        return "done at last"


async def test_a_task_is_done_and_its_result_kept(anna: Process) -> None:
    task = await anna.tasks.submit("echo", {"n": 2**53 + 1, "list": [1]})
    async with working(anna, {"echo": echo}):
        done = await ended(anna, task)

    assert (done.state, done.result, done.attempts) == (TaskState.DONE, {"got": {"n": 2**53 + 1, "list": [1]}}, 1)
    assert done.submitted_by == "anna@anna"
    assert done.attempt is not None
    assert done.attempt.who.node == "anna"


async def test_a_failure_is_never_a_success(anna: Process, clock: ManualClock) -> None:
    fails = Fails(99)
    task = await anna.tasks.submit("job", most_attempts=3)
    async with working(anna, {"job": fails}):
        dead = await ended(anna, task, clock)

    assert (dead.state, dead.error, dead.result, len(fails.attempts)) == (TaskState.DEAD, "no disk", None, 3)


async def test_every_attempt_has_a_greater_token(anna: Process, clock: ManualClock) -> None:
    fails = Fails(3)
    task = await anna.tasks.submit("job")
    async with working(anna, {"job": fails}):
        done = await ended(anna, task, clock)

    tokens = [attempt.token for attempt in fails.attempts]
    assert (done.state, done.result) == (TaskState.DONE, "done at last")
    assert tokens == sorted(set(tokens))
    assert [attempt.number for attempt in fails.attempts] == [1, 2, 3, 4]


async def test_a_handler_can_say_that_trying_again_is_pointless(anna: Process) -> None:
    fails = Fails(1, GiveUp("There is no customer 7."))
    task = await anna.tasks.submit("job")
    async with working(anna, {"job": fails}):
        dead = await ended(anna, task)

    assert (dead.state, dead.error, dead.attempts) == (TaskState.DEAD, "There is no customer 7.", 1)


async def test_a_dead_task_stays_until_somebody_retries_it(anna: Process, clock: ManualClock) -> None:
    fails = Fails(1, GiveUp("There is no customer 7."))
    task = await anna.tasks.submit("job")
    async with working(anna, {"job": fails}):
        await ended(anna, task)
        clock.set_wall(timedelta(days=30))
        assert await anna.tasks.sweep() == 0
        await anna.tasks.retry(task.id[:6], reason="customer 7 is there now")
        done = await ended(anna, task)

    assert (done.state, done.error) == (TaskState.DONE, "")
    assert anna.events == [
        (
            "task.retried",
            f"coordination:task/{task.id}",
            {"name": "job", "error": "There is no customer 7.", "reason": "customer 7 is there now"},
        )
    ]


async def test_tasks_wait_for_their_time(anna: Process, clock: ManualClock) -> None:
    task = await anna.tasks.submit("echo", delay=MINUTE)
    async with working(anna, {"echo": echo}):
        await clock.advance(59 * SECOND)
        assert (await anna.tasks.get(task.id)).state is TaskState.WAITING
        await clock.advance(2 * SECOND)
        assert (await ended(anna, task)).state is TaskState.DONE


async def test_one_worker_does_the_urgent_ones_first(anna: Process, clock: ManualClock) -> None:
    order: list[str] = []

    async def note(task: Task, _: Attempt) -> None:
        order.append(task.payload)

    for name, priority in (("a", 0), ("b", 0), ("urgent", 9), ("idle", -1)):
        last = await anna.tasks.submit("note", name, priority=priority)
        clock.jump(timedelta(milliseconds=1))
    async with working(anna, {"note": note}, workers=1):
        await ended(anna, last)

    assert order == ["urgent", "a", "b", "idle"]


async def test_no_more_than_so_many_run_at_once(anna: Process) -> None:
    hangs = Hangs()
    for _ in range(5):
        await anna.tasks.submit("job")
    async with working(anna, {"job": hangs}, workers=3):
        await soon(lambda: len(hangs.begun) == 3)
        counts = await anna.tasks.counts()

    assert counts == TaskCounts(running=3, waiting=2)


async def test_while_a_task_with_the_key_is_kept_there_is_no_second(anna: Process, clock: ManualClock) -> None:
    first = await anna.tasks.submit("echo", 1, key="order 7")
    second = await anna.tasks.submit("echo", 2, key="order 7")
    async with working(anna, {"echo": echo}):
        await ended(anna, first)
        third = await anna.tasks.submit("echo", 3, key="order 7")
    clock.set_wall(timedelta(days=8))
    await anna.tasks.sweep()
    fourth = await anna.tasks.submit("echo", 4, key="order 7")

    assert (second, third.result) == (first, {"got": 1})
    assert (fourth.id, fourth.payload, fourth.state) == (first.id, 4, TaskState.WAITING)


async def test_a_key_belongs_to_one_command(anna: Process) -> None:
    await anna.tasks.submit("echo", key="order 7")
    with pytest.raises(CoordinationError, match="which is a echo, not a other"):
        await anna.tasks.submit("other", key="order 7")


async def test_many_who_submit_at_once_with_one_key_have_one_task(anna: Process, backend: MemoryBackend) -> None:
    async with process(backend, backend.clock, "ben") as ben, asyncio.TaskGroup() as group:
        asked = [group.create_task(each.tasks.submit("echo", key="k")) for each in (anna, ben) * 10]

    assert len({task.result() for task in asked}) == 1
    assert len(await anna.tasks.list()) == 1


async def test_a_waiting_task_is_cancelled_at_once(anna: Process) -> None:
    task = await anna.tasks.submit("echo")
    await anna.tasks.cancel(task.id, reason="not needed")
    async with working(anna, {"echo": echo}):
        last = await anna.tasks.submit("echo")
        await ended(anna, last)

    cancelled = await anna.tasks.get(task.id)
    assert (cancelled.state, cancelled.cancel_asked, cancelled.attempts) == (TaskState.CANCELLED, "anna@anna", 0)
    data = {"name": "echo", "state": "cancelled", "reason": "not needed"}
    assert anna.events == [("task.cancelled", f"coordination:task/{task.id}", data)]


async def test_a_running_task_is_stopped_wherever_it_runs(anna: Process, backend: MemoryBackend) -> None:
    hangs = Hangs()
    async with process(backend, backend.clock, "ben") as ben, working(ben, {"job": hangs}):
        task = await anna.tasks.submit("job")
        await soon(lambda: len(hangs.begun) == 1)
        await anna.tasks.cancel(task.id)
        cancelled = await ended(anna, task)

    assert (cancelled.state, hangs.stopped) == (TaskState.CANCELLED, 1)


async def test_an_attempt_that_takes_too_long_is_stopped_and_counts(anna: Process, clock: ManualClock) -> None:
    hangs = Hangs()
    task = await anna.tasks.submit("slow", most_attempts=2)
    async with working(anna, {"slow": hangs}):
        await soon(lambda: len(hangs.begun) == 1)
        await clock.advance(59 * SECOND)
        assert hangs.stopped == 0
        await clock.advance(2 * SECOND)
        assert hangs.stopped == 1
        dead = await ended(anna, task, clock)

    assert (dead.state, dead.attempts) == (TaskState.DEAD, 2)
    assert "longer than 1m" in dead.error


async def test_a_worker_takes_only_what_it_has_a_handler_for(anna: Process) -> None:
    foreign = await anna.tasks.submit("elsewhere")
    known = await anna.tasks.submit("echo")
    async with working(anna, {"echo": echo}):
        await ended(anna, known)

    assert (await anna.tasks.get(foreign.id)).state is TaskState.WAITING


async def test_a_worker_that_stops_in_good_order_gives_its_tasks_back(anna: Process, backend: MemoryBackend) -> None:
    hangs = Hangs()
    task = await anna.tasks.submit("job", most_attempts=1)
    async with process(backend, backend.clock, "ben") as ben, working(ben, {"job": hangs}):
        await soon(lambda: len(hangs.begun) == 1)
    back = await anna.tasks.get(task.id)
    async with working(anna, {"job": echo}):
        done = await ended(anna, task)

    assert (back.state, back.attempts, hangs.stopped) == (TaskState.WAITING, 0, 1)
    assert done.state is TaskState.DONE


async def test_only_one_pool_works_in_a_process(anna: Process) -> None:
    async with working(anna, {"echo": echo}):
        await ended(anna, await anna.tasks.submit("echo"))
        with pytest.raises(CoordinationError, match="works at tasks already"):
            await anna.tasks.run({"other": echo})


async def test_secrets_are_hidden_in_results_and_errors(anna: Process) -> None:
    anna.redactor.register("hunter2-hunter2")

    async def leak(task: Task, _: Attempt) -> Any:
        if task.payload == "fail":
            raise RuntimeError("cannot log in with hunter2-hunter2")
        return {"said": "I am hunter2-hunter2"}

    good = await anna.tasks.submit("leak")
    bad = await anna.tasks.submit("leak", "fail", most_attempts=1)
    async with working(anna, {"leak": leak}):
        assert (await ended(anna, good)).result == {"said": "I am ***"}
        assert (await ended(anna, bad)).error == "cannot log in with ***"


@pytest.mark.parametrize("payload", [{"password": "hunter2-hunter2"}, "postgresql://anna:geheim@db/x"])
async def test_a_payload_with_a_secret_is_refused(anna: Process, payload: object) -> None:
    with pytest.raises(CoordinationError, match="seems to hold a secret"):
        await anna.tasks.submit("job", payload)
    assert await anna.tasks.list() == []


async def test_a_payload_may_name_a_secret(anna: Process) -> None:
    assert (await anna.tasks.submit("job", {"password": "env:PGPASSWORD"})).payload == {"password": "env:PGPASSWORD"}


@pytest.mark.parametrize("payload", [object(), {1: object()}, "x" * 200_000])
async def test_a_payload_that_cannot_be_kept_is_refused_in_words(anna: Process, payload: object) -> None:
    with pytest.raises(CoordinationError, match="payload for job"):
        await anna.tasks.submit("job", payload)


async def test_of_a_long_result_and_a_long_error_the_end_is_kept(anna: Process) -> None:
    async def talk(task: Task, _: Attempt) -> Any:
        if task.payload:
            raise RuntimeError("x" * 100_000 + " the end")
        return ["y" * 200_000, "the end"]

    good = await anna.tasks.submit("talk", False)
    bad = await anna.tasks.submit("talk", True, most_attempts=1)
    async with working(anna, {"talk": talk}):
        result = (await ended(anna, good)).result
        error = (await ended(anna, bad)).error

    assert result["bytes"] > 200_000
    assert result["end"].endswith('the end"]')
    assert error.startswith("…")
    assert error.endswith("the end")
    assert len(error) == 4_000


async def test_a_result_that_is_no_json_is_an_error_for_good(anna: Process) -> None:
    async def strange(*_: object) -> Any:
        return object()

    task = await anna.tasks.submit("job")
    async with working(anna, {"job": strange}):
        dead = await ended(anna, task)

    assert (dead.state, dead.attempts) == (TaskState.DEAD, 1)
    assert "no JSON" in dead.error


async def test_tasks_are_listed_newest_first_by_state_and_name(anna: Process, clock: ManualClock) -> None:
    ids = []
    for name in ("a", "b", "a"):
        ids.append((await anna.tasks.submit(name)).id)
        clock.jump(SECOND)
    await anna.tasks.cancel(ids[0])

    assert [task.id for task in await anna.tasks.list()] == ids[::-1]
    assert [task.id for task in await anna.tasks.list(name="a")] == [ids[2], ids[0]]
    assert [task.id for task in await anna.tasks.list([TaskState.WAITING], limit=1)] == [ids[2]]
    assert await anna.tasks.counts() == TaskCounts(waiting=2, cancelled=1)


async def test_a_task_is_found_by_the_beginning_of_its_id(anna: Process) -> None:
    tasks = [await anna.tasks.submit("job") for _ in range(40)]
    task = tasks[0]

    assert await anna.tasks.get(task.id[:10]) == task
    with pytest.raises(NothingFound, match="no task zzz"):
        await anna.tasks.get("zzz")
    with pytest.raises(NothingFound):
        await anna.tasks.get("")
    shared = next(digit for digit in "0123456789abcdef" if sum(each.id.startswith(digit) for each in tasks) > 1)
    with pytest.raises(NothingFound, match="Several tasks begin with"):
        await anna.tasks.get(shared)


async def test_a_running_task_is_not_deleted_under_its_worker(anna: Process) -> None:
    hangs = Hangs()
    task = await anna.tasks.submit("job")
    async with working(anna, {"job": hangs}):
        await soon(lambda: len(hangs.begun) == 1)
        with pytest.raises(CoordinationError, match="Cancel it first"):
            await anna.tasks.delete(task.id)
    await anna.tasks.delete(task.id)

    assert await anna.tasks.list() == []
    assert anna.events[-1] == ("task.deleted", f"coordination:task/{task.id}", {"name": "job", "state": "waiting"})


async def test_of_too_many_ended_tasks_the_oldest_leave_unless_somebody_gave_them_a_key(
    anna: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.coordination.working.tasks.KEPT", 2)
    keyed = await anna.tasks.submit("job", key="mine")
    others = [await anna.tasks.submit("job") for _ in range(4)]
    waiting = await anna.tasks.submit("job")
    for task in (keyed, *others):
        await anna.tasks.cancel(task.id)

    assert await anna.tasks.sweep() == 2
    assert await anna.tasks.sweep() == 0

    kept = {task.id for task in await anna.tasks.list()}
    assert {keyed.id, waiting.id} < kept
    assert len(kept & {task.id for task in others}) == 2
    assert await anna.tasks.counts() == TaskCounts(waiting=1, cancelled=3)


@pytest.mark.parametrize("value", [b'{"version": 9}', b"\xff", b'{"id":' * 3000], ids=["newer", "no text", "nested"])
async def test_what_this_version_cannot_read_is_left_alone_and_can_be_deleted(
    anna: Process, backend: MemoryBackend, value: bytes
) -> None:
    async with backend.open() as store:
        await store.put("task/feed", value)
    known = await anna.tasks.submit("echo")
    async with working(anna, {"echo": echo}):
        await ended(anna, known)

    with pytest.raises(CoordinationError, match="newer version"):
        await anna.tasks.get("feed")
    async with backend.open() as store:
        assert (await store.get("task/feed")) is not None
    await anna.tasks.delete("feed")
    assert await anna.tasks.counts() == TaskCounts(done=1)


async def test_fields_of_a_newer_version_do_no_harm(anna: Process, backend: MemoryBackend) -> None:
    task = await anna.tasks.submit("echo", 1)
    async with backend.open() as store:
        entry = await store.get(f"task/{task.id}")
        assert entry is not None
        await store.put(entry.key, entry.value[:-1] + b',"colour":"red"}', expected=Revision(entry.revision))
    async with working(anna, {"echo": echo}):
        assert (await ended(anna, task)).result == {"got": 1}


@pytest.mark.parametrize(
    "wish", [{"delay": -SECOND}, {"most_attempts": 0}, {"timeout": timedelta(0)}], ids=["delay", "attempts", "timeout"]
)
async def test_wishes_that_make_no_sense_are_refused(anna: Process, wish: dict[str, Any]) -> None:
    with pytest.raises(CoordinationError):
        await anna.tasks.submit("job", **wish)


async def test_an_engine_that_only_looks_touches_no_task(backend: MemoryBackend, anna: Process) -> None:
    task = await anna.tasks.submit("job")
    async with process(backend, backend.clock, "looks", Habits(read_only=True)) as looking:
        for refused in (
            looking.tasks.submit("job"),
            looking.tasks.cancel(task.id),
            looking.tasks.retry(task.id),
            looking.tasks.delete(task.id),
            looking.tasks.run({}),
        ):
            with pytest.raises(ReadOnly):
                await refused
        assert await looking.tasks.list() == [task]


async def test_the_settings_of_a_command_hold_unless_somebody_says_otherwise(anna: Process) -> None:
    assert (await anna.tasks.submit("slow")).timeout == MINUTE
    assert (await anna.tasks.submit("slow", timeout=SECOND)).timeout == SECOND
    assert (await anna.tasks.submit("other")).timeout == timedelta(minutes=10)
