"""Processes that share a backend, in virtual time, and everything that was ever written of tasks and fires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta

from engine.coordination.memory.backend import MemoryBackend
from engine.coordination.naming import FIRE, TASK
from engine.coordination.scheduling.fires import Fire, Plan
from engine.coordination.scheduling.ledger import read_fire
from engine.coordination.standing import Kind
from engine.coordination.working.handling import Handler
from engine.coordination.working.task import Task
from engine.coordination.working.task_book import read_task
from engine.together import together
from tests.doubles.coordinated import Habits, Process, process
from tests.doubles.line_trouble import Trouble, TroubledBackend, TroubledClock
from tests.doubles.virtual_time import DriftingClock, VirtualLoop

TTL = timedelta(seconds=4)


@dataclass
class World:
    """A backend, and its history."""

    clock: DriftingClock
    backend: MemoryBackend
    written: list[Task | None] = field(default_factory=list)
    fires: list[Fire] = field(default_factory=list)

    @asynccontextmanager
    async def member(
        self,
        name: str,
        trouble: Trouble | None = None,
        handlers: Mapping[str, Handler] | None = None,
        workers: int = 2,
        plans: Sequence[Plan] = (),
        workspace: str = "acme",
    ) -> AsyncIterator[Process]:
        """A process, at work if it has handlers. With its line away at the end it dies without ending anything."""
        trouble = trouble or Trouble()
        backend, clock = TroubledBackend(self.backend, trouble), TroubledClock(self.clock, trouble)
        habits = Habits(ttl=TTL, plans=plans, workspace=workspace)
        async with process(backend, clock, name, habits) as opened, together() as group:
            run = group.create_task(opened.tasks.run(handlers, workers=workers)) if handlers else None
            try:
                yield opened
            finally:
                if run is not None:
                    run.cancel()

    async def listen(self) -> None:
        async with self.backend.open() as store:
            async for change in store.follow():
                if change.kind is Kind.KEY and change.name.startswith(TASK):
                    self.written.append(read_task(change.entry) if change.entry is not None else None)
                if change.name.startswith(FIRE) and change.entry is not None:
                    fire = read_fire(change.entry)
                    self.fires += [fire] if fire is not None else []

    async def until(self, holds: Callable[[], Awaitable[bool]], within: float = 600.0) -> None:
        async with asyncio.timeout(within):
            while not await holds():
                await self.clock.sleep(timedelta(milliseconds=50))


def play(story: Callable[[World], Awaitable[None]]) -> None:
    """Tell a story in virtual time."""
    loop = VirtualLoop()

    async def told() -> None:
        clock = DriftingClock(loop)
        world = World(clock, MemoryBackend(clock))
        async with together() as group:
            listening = group.create_task(world.listen())
            await story(world)
            listening.cancel()

    with closing(loop):
        loop.play(told())
    assert loop.faults == []


def assert_never_decided_anew(world: World) -> None:
    """Of a fire that was taken only the task is noted later."""
    first: dict[tuple[str, object], Fire] = {}
    for fire in world.fires:
        before = first.setdefault((fire.schedule, fire.nominal), fire)
        assert (fire.outcome, fire.taken, fire.by) == (before.outcome, before.taken, before.by)
        assert before.task in {None, fire.task}
