"""A client in a measurement of coordination, in a process of its own: reads commands from its input, a line each, and
answers each with a line. Moments are seconds of the machine's one clock of elapsed time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta

from engine.clock import SystemClock
from engine.coordination.coordination import Coordination
from engine.coordination.standing import Kind
from engine.coordination.store import Store
from engine.coordination.working.task import Attempt, Task, TaskCounts
from engine.errors import LeaseLost
from tests.benchmarks.coordination_contenders import CONTENDERS, OurLock, OurStore
from tests.benchmarks.coordination_rivals import Contender

BOOT = SystemClock()


def moment() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def answer(**what: object) -> None:
    """Say so, past every buffer."""
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


async def acquire(contender: Contender, name: str) -> None:
    """Wait for a name, and say when it was had."""
    await contender.acquire(name)
    answer(at=moment())


async def release(contender: Contender, name: str) -> None:
    """Give a name back, and say when that was begun."""
    at = moment()
    await contender.release(name)
    answer(at=at)


async def pairs(contender: Contender, name: str, seconds: str) -> None:
    """Take and give back for so long; say how often, how long the longest wait was, and what processor
    time it took."""
    end = moment() + float(seconds)
    begun = time.process_time()
    done, longest = 0, 0.0
    asked = moment()
    while asked < end:
        await contender.acquire(name)
        longest = max(longest, moment() - asked)
        await contender.release(name)
        done += 1
        asked = moment()
    answer(pairs=done, longest=longest, processor=time.process_time() - begun)


async def rested(contender: Contender, name: str) -> None:
    """Take and give back once after a rest; say how long taking it took."""
    begun = moment()
    await contender.acquire(name)
    took = moment() - begun
    await contender.release(name)
    answer(took=took)


async def follow(contender: Contender, changes: str) -> None:
    """Say when each of so many changes of a claim arrived; the first answer says that we listen."""
    arrived: list[float] = []
    async with aclosing(_store(contender).follow()) as feed:  # type: ignore[type-var]
        async for change in feed:
            if change.kind is Kind.SYNCED:
                answer(following=True)
            elif change.kind is Kind.CLAIM:
                arrived.append(moment())
            if len(arrived) == int(changes):
                break
    answer(at=arrived)


async def change(contender: Contender, changes: str, pause: str) -> None:
    """Take and give back, with pauses; say when each of so many changes was begun."""
    begun: list[float] = []
    while len(begun) < int(changes):
        for act in (contender.acquire, contender.release):
            begun.append(moment())
            await act("told")
            await asyncio.sleep(float(pause))
    answer(at=begun)


async def appear(contender: Contender, changes: str, pause: str) -> None:
    """Take and give back names that nobody saw before; say when each was asked for."""
    begun: list[float] = []
    for number in range(int(changes)):
        begun.append(moment())
        await contender.acquire(f"shown-{number:03d}")
        await asyncio.sleep(float(pause))
        await contender.release(f"shown-{number:03d}")
        await asyncio.sleep(float(pause))
    answer(at=begun)


async def hold(contender: Contender, name: str) -> None:
    """Hold a name until it is lost; say when it was had, then by when it had to be given up and when that was heard."""
    deadline = 0.0
    try:
        async with _coordination(contender).lock(name) as lease:
            answer(at=moment())
            while True:
                deadline = lease.deadline
                await asyncio.sleep(0.005)
    except LeaseLost:
        answer(deadline=deadline, at=BOOT.monotonic())


async def work(contender: Contender, workers: str) -> None:
    """Work at tasks until killed, so many at once; each is told when it is done."""

    async def handler(task: Task, attempt: Attempt) -> None:
        answer(at=moment(), task=task.id)

    await _coordination(contender).tasks.run({"nothing": handler}, workers=int(workers))


async def submit(contender: Contender, number: str, pause: str) -> None:
    """Ask for so many tasks, one after another; say when each was asked for."""
    begun: list[float] = []
    for _ in range(int(number)):
        begun.append(moment())
        await _coordination(contender).tasks.submit("nothing")
        if float(pause):
            await asyncio.sleep(float(pause))
    answer(at=begun)


async def settled(contender: Contender, number: str) -> None:
    """Wait until so many tasks are done, and nothing else is kept."""
    tasks = _coordination(contender).tasks
    while (await tasks.counts()) != TaskCounts(done=int(number)):  # noqa: ASYNC110 - a change tells of one task
        await asyncio.sleep(0.05)
    answer(done=True)


async def writes(contender: Contender, number: str) -> None:
    """Write so many keys three times each, as a task is that is asked for, taken and done; say how long that took."""
    store, begun = _coordination(contender).line, moment()
    for each in range(int(number)):
        for step in range(3):
            await store.put(f"key/{os.getpid()}-{each}", b"x" * 300 + bytes(step))
    answer(seconds=moment() - begun)


def _store(contender: Contender) -> Store:
    assert isinstance(contender, OurStore)
    return contender.store


def _coordination(contender: Contender) -> Coordination:
    assert isinstance(contender, OurLock)
    return contender.coordination


COMMANDS = {
    command.__name__: command
    for command in (acquire, release, pairs, rested, follow, change, appear, hold, work, submit, settled, writes)
}


async def take_part(kind: str, place: str, ttl: float) -> None:
    """Take part until the input ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with CONTENDERS[kind](place, timedelta(seconds=ttl)) as contender:
        await contender.acquire(f"warm-{os.getpid()}")  # whatever is opened when it is first needed is open now
        await contender.release(f"warm-{os.getpid()}")
        answer(ready=True)
        while line := await lines.readline():
            name, *arguments = _words(line)
            await COMMANDS[name](contender, *arguments)


def _words(line: bytes) -> Sequence[str]:
    return line.decode().split()
