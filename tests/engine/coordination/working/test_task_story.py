"""Many processes, many tasks, and everything that can go wrong, in an order that a number decides."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from engine.coordination.working.handling import GiveUp
from engine.coordination.working.lifecycle import ENDED
from engine.coordination.working.task import Attempt, Task, TaskId, TaskState
from engine.errors import CoordinationUnavailable
from tests.doubles.line_trouble import Trouble
from tests.engine.coordination.world import World, play

PROCESSES = 4
TASKS = 40


class Resource:
    """What tasks work on: it keeps the greatest token it has seen of each and refuses smaller ones."""

    def __init__(self) -> None:
        self.tokens: dict[TaskId, int] = {}
        self.refused = 0

    def write(self, task: TaskId, token: int) -> bool:
        if token < self.tokens.get(task, 0):
            self.refused += 1
            return False
        self.tokens[task] = token
        return True


class Story:
    """Processes that come, freeze, are cut off and die, while tasks are asked for."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = Random(seed)
        self.resource = Resource()
        self.begun: dict[TaskId, list[int]] = {}

    async def handle(self, task: Task, attempt: Attempt) -> Any:
        self.begun.setdefault(task.id, []).append(attempt.token)
        await self.world.clock.sleep(timedelta(seconds=self.chance.choice([0.0, 0.2, 2.0, 9.0])))
        kind = task.payload["kind"]
        if kind == "hopeless":
            raise GiveUp("It is of no use.")
        if kind == "flaky" and self.chance.random() < 0.5:
            raise RuntimeError("It went wrong.")
        return {"token": attempt.token, "accepted": self.resource.write(task.id, attempt.token)}

    async def life(self, name: str) -> None:
        """A process after another, each with its own fate."""
        number = 0
        while True:
            number += 1
            trouble = Trouble(self.chance.randrange(10**9))
            trouble.lost_requests = trouble.lost_answers = 0.04
            async with self.world.member(f"{name}{number}", trouble, {"job": self.handle}):
                for _ in range(self.chance.randrange(1, 5)):
                    await self.pause(6)
                    await self.misfortune(trouble)
                if self.chance.random() < 0.6:
                    trouble.away = True

    async def misfortune(self, trouble: Trouble) -> None:
        match self.chance.randrange(4):
            case 0:
                trouble.freeze()
                await self.pause(12)
                trouble.thaw()
            case 1:
                trouble.away = True
                await self.pause(8)
                trouble.away = False
            case 2:
                trouble.cut()
            case _:
                pass

    async def ask(self) -> dict[TaskId, str]:
        """Ask for all tasks over a bad line; whoever does not know whether it was asked, asks again with the key."""
        asked: dict[TaskId, str] = {}
        trouble = Trouble(self.chance.randrange(10**9))
        trouble.lost_requests = trouble.lost_answers = 0.1
        async with self.world.member("client", trouble) as client:
            for number in range(TASKS):
                kind = self.chance.choice(["easy", "easy", "flaky", "hopeless"])
                while True:
                    try:
                        task = await client.tasks.submit("job", {"kind": kind}, key=f"order {number}", most_attempts=12)
                        break
                    except CoordinationUnavailable:
                        await self.pause(1)
                asked[task.id] = kind
                await self.pause(1)
        return asked

    async def pause(self, longest: float) -> None:
        await self.world.clock.sleep(timedelta(seconds=self.chance.random() * longest))


@pytest.mark.parametrize("seed", range(4))
def test_every_task_ends_once_and_as_its_newest_attempt_says(seed: int) -> None:
    async def told(world: World) -> None:
        story = Story(world, seed)
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            client = await stack.enter_async_context(world.member("watch"))
            lives = [group.create_task(story.life(name)) for name in "abcd"[:PROCESSES]]
            asked = await story.ask()

            async def all_ended() -> bool:
                return all(task.state in ENDED for task in await client.tasks.list())

            await world.until(all_ended, 3_600)
            for life in lives:
                life.cancel()
            kept = await client.tasks.list()

        assert {task.id for task in kept} == asked.keys()
        for task in kept:
            expected = {TaskState.DEAD} if asked[task.id] == "hopeless" else {TaskState.DONE}
            if asked[task.id] == "flaky":
                expected = {TaskState.DONE, TaskState.DEAD}
            assert task.state in expected, task
            if task.state is TaskState.DONE:
                assert task.attempt is not None
                assert task.result["token"] == task.attempt.token == max(story.begun[task.id])
        assert_history(world)

    play(told)


def assert_history(world: World) -> None:
    """What has ended stays as it is, and tokens rise from attempt to attempt."""
    ended: dict[TaskId, Task] = {}
    tokens: dict[TaskId, int] = {}
    for task in world.written:
        assert task is not None
        assert task.id not in ended, f"{task} was {ended.get(task.id)}"
        if task.state in ENDED:
            ended[task.id] = task
        if task.state is TaskState.RUNNING and task.attempt is not None:
            assert task.attempt.token > tokens.get(task.id, -1)
            tokens[task.id] = task.attempt.token
