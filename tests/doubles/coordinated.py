"""Processes that share a backend: each with its own sessions, feed, clock and façades, as a program has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from engine.clock import Clock
from engine.coordination.clocks.timekeeping import TimeSource
from engine.coordination.clocks.timing import PeerSkew, Reading
from engine.coordination.coordination import Coordination
from engine.coordination.duties import Duties
from engine.coordination.keyspace import Keyspace
from engine.coordination.means import Means
from engine.coordination.scheduling.cron import Cron
from engine.coordination.scheduling.fires import Plan
from engine.coordination.scheduling.publishing import Home
from engine.coordination.standing import Who
from engine.coordination.store import Backend
from engine.coordination.streaming import Stream
from engine.coordination.working.tasks import Tasks, Terms
from engine.notices import Notices
from engine.redaction import Redactor
from engine.settings.coordination import ClockSettings

Event = tuple[str, str, Mapping[str, Any]]


class Unasked(TimeSource):
    """A host whose clock nobody is interested in."""

    @property
    def name(self) -> str:
        return "host"

    async def read(self) -> Reading:
        raise AssertionError("nobody asks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process, and the events it recorded."""

    coordination: Coordination
    events: list[Event]
    redactor: Redactor

    @property
    def keys(self) -> Keyspace:
        return self.coordination.keys

    @property
    def tasks(self) -> Tasks:
        return self.coordination.tasks

    @property
    def cron(self) -> Cron:
        return self.coordination.cron

    def stream(self, name: str) -> Stream:
        return self.coordination.stream(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What differs between processes."""

    ttl: timedelta = timedelta(seconds=10)
    read_only: bool = False
    terms: Mapping[str, Terms] = field(default_factory=dict)
    plans: Sequence[Plan] = ()
    workspace: str = "acme"
    """Its folder, and in place of the random id."""


@asynccontextmanager
async def process(
    backend: Backend, clock: Clock, name: str = "a", habits: Habits | None = None
) -> AsyncIterator[Process]:
    """Open a process until the block ends, which ends its sessions."""
    habits = habits or Habits()
    events: list[Event] = []

    async def record(kind: str, aggregate: str, data: Mapping[str, Any]) -> None:
        events.append((kind, aggregate, data))

    async def skews() -> Sequence[PeerSkew]:
        return ()

    async def home() -> Home:
        return Home(habits.workspace, f"/srv/{habits.workspace} on {name}")

    means = Means(
        backend=backend,
        clock=clock,
        notices=Notices(),
        who=Who(node=name, actor=f"anna@{name}", pid=4711),
        record=record,
        ttl=habits.ttl,
        read_only=habits.read_only,
    )
    duties = Duties(
        chance=Random(name).random,
        redactor=Redactor(),
        host=Unasked(),
        clock=ClockSettings(),
        skews=skews,
        terms=habits.terms,
        plans=habits.plans,
        home=home,
    )
    async with Coordination(means, duties).open() as coordination:
        yield Process(coordination=coordination, events=events, redactor=duties.redactor)


async def soon(holds: Callable[[], bool], turns: int = 20_000) -> None:
    """Wait until something holds that needs no time to pass."""
    for _ in range(turns):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come about")
