"""A client of `tests.benchmarks.coordination`, in a process of its own: reads commands from its input, a line each, and
answers each with a line. Moments are seconds of the machine's one clock of elapsed time.

python -m tests.benchmarks.coordination_client KIND PLACE
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing

from engine.coordination.standing import Kind
from engine.coordination.store import Store
from tests.benchmarks.coordination_contenders import CONTENDERS, Contender, OurStore


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
    """Take and give back for so long; say how often, and how long the longest wait was."""
    end = moment() + float(seconds)
    done, longest = 0, 0.0
    asked = moment()
    while asked < end:
        await contender.acquire(name)
        longest = max(longest, moment() - asked)
        await contender.release(name)
        done += 1
        asked = moment()
    answer(pairs=done, longest=longest)


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


def _store(contender: Contender) -> Store:
    assert isinstance(contender, OurStore)
    return contender.store


COMMANDS = {command.__name__: command for command in (acquire, release, pairs, follow, change)}


async def main(kind: str, place: str) -> None:
    """Take part until the input ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with CONTENDERS[kind](place) as contender:
        await contender.acquire(f"warm-{os.getpid()}")  # whatever is opened when it is first needed is open now
        await contender.release(f"warm-{os.getpid()}")
        answer(ready=True)
        while line := await lines.readline():
            name, *arguments = _words(line)
            await COMMANDS[name](contender, *arguments)


def _words(line: bytes) -> Sequence[str]:
    return line.decode().split()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
