"""Workers that lose their session, their line, their answers or their life: no task is lost, no late result wins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from engine.coordination.working.task import Attempt, Task, TaskState
from engine.together import together
from tests.doubles.coordinated import Process
from tests.doubles.line_trouble import Trouble
from tests.engine.coordination.world import TTL, World, play


class Slow:
    """A handler that takes its time and says who did the work."""

    def __init__(self, world: World, name: str, takes: float = 1.0) -> None:
        self._world = world
        self._name = name
        self._takes = timedelta(seconds=takes)
        self.begun: list[Attempt] = []
        self.done: list[Attempt] = []
        self.stopped: list[float] = []

    async def __call__(self, _: Task, attempt: Attempt) -> Any:
        self.begun.append(attempt)
        try:
            await self._world.clock.sleep(self._takes)
        except asyncio.CancelledError:
            self.stopped.append(self._world.clock.monotonic())
            raise
        self.done.append(attempt)
        return self._name

    async def has_begun(self) -> bool:
        return bool(self.begun)


def has_ended(client: Process, task: Task) -> Callable[[], Awaitable[bool]]:
    async def ended() -> bool:
        return (await client.tasks.get(task.id)).state not in {TaskState.WAITING, TaskState.RUNNING}

    return ended


def test_another_worker_takes_over_from_one_that_was_killed() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        first, second = Slow(world, "first", 60), Slow(world, "second")
        async with world.member("client") as client, world.member("b") as spare:
            async with world.member("a", trouble, {"job": first}):
                task = await client.tasks.submit("job")
                await world.until(first.has_begun)
                trouble.away = True
            async with together() as group:
                run = group.create_task(spare.tasks.run({"job": second}))
                await world.until(has_ended(client, task), 30)
                run.cancel()
            done = await client.tasks.get(task.id)

        assert (done.state, done.result, done.attempts) == (TaskState.DONE, "second", 2)
        assert second.begun[0].token > first.begun[0].token

    play(story)


def test_a_worker_whose_session_is_lost_stops_its_handlers_in_time_and_writes_nothing() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        handler = Slow(world, "late", 9_999)
        async with world.member("client") as client, world.member("a", trouble, {"job": handler}):
            task = await client.tasks.submit("job")
            await world.until(handler.has_begun)
            cut = world.clock.monotonic()
            trouble.away = True
            await world.clock.sleep(timedelta(seconds=60))
            assert handler.stopped[0] - cut <= TTL.total_seconds()
            assert (await client.tasks.get(task.id)).state is TaskState.RUNNING
            assert [each.state for each in world.written if each] == [TaskState.WAITING, TaskState.RUNNING]

    play(story)


def test_a_frozen_workers_late_result_does_not_win() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        frozen, other = Slow(world, "frozen", 1), Slow(world, "other", 20)
        async with (
            world.member("client") as client,
            world.member("a", trouble, {"job": frozen}),
            world.member("b") as spare,
            together() as group,
        ):
            task = await client.tasks.submit("job")
            await world.until(frozen.has_begun)
            trouble.freeze()
            run = group.create_task(spare.tasks.run({"job": other}))
            await world.until(other.has_begun, 30)
            trouble.thaw()
            await world.until(has_ended(client, task))
            run.cancel()
            done = await client.tasks.get(task.id)

        assert frozen.done != []
        assert (done.state, done.result) == (TaskState.DONE, "other")
        assert [each.result for each in world.written if each and each.state is TaskState.DONE] == ["other"]

    play(story)


def test_a_worker_that_was_cut_off_writes_nothing_after_its_deadline_even_if_nobody_took_over() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        handler = Slow(world, "a", 1)
        async with world.member("client") as client, world.member("a", trouble, {"job": handler}):
            task = await client.tasks.submit("job")
            await world.until(handler.has_begun)
            trouble.away = True
            await world.clock.sleep(5 * TTL)
            assert len(handler.done) == 1
            trouble.away = False
            await world.until(has_ended(client, task))
            done = await client.tasks.get(task.id)

        assert done.attempt is not None
        assert (done.state, done.attempts, done.attempt.token) == (TaskState.DONE, 2, handler.begun[1].token)

    play(story)


def test_a_lost_answer_to_the_taking_neither_loses_the_task_nor_does_it_twice() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        handler = Slow(world, "a")
        async with world.member("client") as client, world.member("a", trouble, {"job": handler}):
            await world.clock.sleep(timedelta(seconds=1))
            trouble.lose_next_answer_of = "put"
            task = await client.tasks.submit("job")
            await world.until(has_ended(client, task), 30)
            done = await client.tasks.get(task.id)

        assert (done.state, done.attempts, len(handler.begun)) == (TaskState.DONE, 1, 1)

    play(story)


def test_a_lost_answer_to_the_end_does_not_have_the_work_done_again() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        handler = Slow(world, "a")
        async with world.member("client") as client, world.member("a", trouble, {"job": handler}):
            task = await client.tasks.submit("job")
            await world.until(handler.has_begun)
            trouble.lose_next_answer_of = "put"
            await world.until(has_ended(client, task), 30)
            await world.clock.sleep(timedelta(seconds=30))
            done = await client.tasks.get(task.id)

        assert (done.state, done.attempts, len(handler.begun)) == (TaskState.DONE, 1, 1)
        assert [each.state for each in world.written if each].count(TaskState.DONE) == 1

    play(story)


def test_a_lost_answer_to_the_asking_does_not_ask_twice() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        async with world.member("client", trouble) as client:
            trouble.lose_next_answer_of = "put"
            task = await client.tasks.submit("job", {"n": 1})
            assert await client.tasks.list() == [task]

    play(story)


def test_a_worker_that_is_stopped_while_it_takes_a_task_leaves_it_to_others() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        async with world.member("client") as client, world.member("a", trouble) as a, together() as group:
            run = group.create_task(a.tasks.run({"job": Slow(world, "a")}))

            async def stop(_: str) -> None:
                trouble.after_putting = None
                run.cancel()
                await asyncio.sleep(0)

            await world.clock.sleep(timedelta(seconds=1))
            trouble.after_putting = stop
            task = await client.tasks.submit("job")
            await world.clock.sleep(timedelta(seconds=1))
            back = await client.tasks.get(task.id)

        assert run.cancelled()
        assert [each.state for each in world.written if each][1] is TaskState.RUNNING
        assert (back.state, back.attempts) == (TaskState.WAITING, 0)

    play(story)


def test_what_a_process_took_without_hearing_of_it_is_done_when_it_works_again() -> None:
    """Its session lives on, so that nobody else may take over; and nobody in it knows that it has the task."""

    async def story(world: World) -> None:
        trouble = Trouble()
        handler = Slow(world, "a")
        async with world.member("client") as client, world.member("a", trouble) as a, together() as group:
            run = group.create_task(a.tasks.run({"job": handler}))

            async def cut(_: str) -> None:
                trouble.after_putting = None
                trouble.away = True

            await world.clock.sleep(timedelta(seconds=1))
            trouble.after_putting = cut
            task = await client.tasks.submit("job")
            await world.clock.sleep(timedelta(seconds=1))
            run.cancel()
            await world.clock.sleep(timedelta(milliseconds=1))
            trouble.away = False
            again = group.create_task(a.tasks.run({"job": handler}))
            await world.until(has_ended(client, task), 20)
            again.cancel()
            done = await client.tasks.get(task.id)

        assert (done.state, done.result, done.attempts, len(handler.begun)) == (TaskState.DONE, "a", 2, 1)

    play(story)


def test_a_worker_goes_on_when_its_backend_comes_back() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        handler = Slow(world, "a")
        async with world.member("client") as client, world.member("a", trouble, {"job": handler}):
            await world.clock.sleep(timedelta(seconds=1))
            trouble.away = True
            trouble.cut()
            task = await client.tasks.submit("job")
            await world.clock.sleep(timedelta(seconds=90))
            assert handler.begun == []
            trouble.away = False
            await world.until(has_ended(client, task), 30)

    play(story)


def test_what_was_asked_while_the_line_was_broken_is_heard_afterwards() -> None:
    async def story(world: World) -> None:
        trouble = Trouble()
        handler = Slow(world, "a", 3_000)
        async with world.member("client") as client, world.member("a", trouble, {"job": handler}, workers=1):
            running, gone = await client.tasks.submit("job"), await client.tasks.submit("job", delay=TTL)
            await world.until(handler.has_begun)
            handler._takes = timedelta(seconds=1)
            trouble.away = True
            trouble.cut()
            await client.tasks.cancel(running.id)
            await client.tasks.delete(gone.id)
            later = await client.tasks.submit("job")
            await world.clock.sleep(timedelta(seconds=1))
            trouble.away = False
            await world.until(has_ended(client, running), 30)
            assert (await client.tasks.get(running.id)).state is TaskState.CANCELLED
            await world.until(has_ended(client, later), 30)

    play(story)


def test_workers_of_many_processes_share_the_work_and_do_each_task_once() -> None:
    async def story(world: World) -> None:
        handlers = [Slow(world, name, 0.1) for name in "abcd"]
        async with (
            world.member("a", handlers={"job": handlers[0]}) as client,
            world.member("b", handlers={"job": handlers[1]}),
            world.member("c", handlers={"job": handlers[2]}),
            world.member("d", handlers={"job": handlers[3]}),
        ):
            for number in range(80):
                await client.tasks.submit("job", number)

            async def all_done() -> bool:
                return (await client.tasks.counts()).done == 80

            await world.until(all_done, 60)

        shares = [len(handler.begun) for handler in handlers]
        assert sum(shares) == 80
        assert min(shares) >= 10

    play(story)


def test_a_task_that_kills_every_worker_ends_dead() -> None:
    async def story(world: World) -> None:
        async with world.member("client") as client:
            task = await client.tasks.submit("job", most_attempts=2)
            for name in ("a", "b"):
                trouble = Trouble()
                handler = Slow(world, name, 9_999)
                async with world.member(name, trouble, {"job": handler}):
                    await world.until(handler.has_begun, 60)
                    trouble.away = True
            async with world.member("c", handlers={"other": Slow(world, "c")}):
                await world.until(has_ended(client, task), 60)
            dead = await client.tasks.get(task.id)

        assert (dead.state, dead.attempts) == (TaskState.DEAD, 2)
        assert "disappeared during attempt 2" in dead.error

    play(story)
