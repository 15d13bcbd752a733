"""What a serving node does by itself: an automatic sync that failed is a task that failed, and is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.coordination.memory.backend import MemoryBackend
from engine.coordination.standing import SessionId, Token
from engine.coordination.working.task import Attempt, Task, TaskId
from engine.errors import RemoteRefused
from engine.node_work import Aids, NodeWork, SyncFailed
from engine.reconcile.automatic import Automatic
from engine.settings.model import AutomaticApply, Schedule
from tests.doubles.coordinated import Process, process
from tests.doubles.workplace import SYNC, Workplace, service, workplace

SCHEDULE = Schedule(every=timedelta(minutes=15), apply=AutomaticApply.WITHIN_GUARDS)


def no_secrets(reference: str) -> str:
    raise AssertionError(f"nobody needs {reference}")


async def attempt(place: Workplace, node: Process) -> object:
    """Let a node make an attempt at the task of the sync."""
    aids = Aids(resolve=no_secrets, clock=place.clock, notices=place.notices)
    work = NodeWork(place.workspace, node.coordination, Automatic(place.means, place.reconciler), aids)
    now = place.clock.now()
    name = f"sync:{SYNC}"
    task = Task(id=TaskId("1"), name=name, due=now, submitted=now, submitted_by="cron", most_attempts=3)
    who = node.coordination._means.who
    made = Attempt(number=1, session=SessionId("1"), who=who, token=Token(1), started=now)

    async def handled() -> object:
        return await work.handlers[name](task, made)

    return await place.clock.finish(handled())


async def test_a_sync_that_was_carried_out_is_a_task_that_is_done_with_its_run() -> None:
    place = workplace(service("a"), service(), schedule=SCHEDULE)
    async with process(MemoryBackend(place.clock), place.clock) as node:
        result = await attempt(place, node)

    assert isinstance(result, dict)
    assert (result["ending"], result["run"], place.target.keys()) == ("applied", 1, {"a"})


async def test_a_sync_that_failed_is_a_task_that_failed_and_says_why() -> None:
    source = service("a")
    source.read_faults = {1: RemoteRefused("The source is closed for the night.")}
    place = workplace(source, service(), schedule=SCHEDULE)
    async with process(MemoryBackend(place.clock), place.clock) as node:
        with pytest.raises(SyncFailed, match="closed for the night"):
            await attempt(place, node)
