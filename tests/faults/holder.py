"""A process that takes a lock again and again, writes to what it protects, and writes down what it sees.

`python -m tests.faults.holder FOLDER RESOURCE SEED STOPS`: STOPS says how often in a hundred writes it stops itself
after looking whether it holds the lock and before writing, which no check can guard against.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from adapters.registry import Registry
from engine.assembly import open_engine
from engine.clock import SystemClock
from engine.coordination.coordination import Coordination
from engine.coordination.holding.lease import Lease
from engine.errors import CoordinationError, LeaseLost, Locked
from engine.settings.reading import load_workspace

LAYOUT = """
    CREATE TABLE IF NOT EXISTS guarded (id INTEGER PRIMARY KEY CHECK (id = 1), token INTEGER NOT NULL);
    INSERT OR IGNORE INTO guarded VALUES (1, 0);
    CREATE TABLE IF NOT EXISTS written (number INTEGER PRIMARY KEY, token INTEGER NOT NULL, accepted INTEGER NOT NULL);
"""


class UnsteadyClock(SystemClock):
    """A wall clock that is set by up to an hour now and then."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._chance.choice((0, 0, 3600, -3600)))


class Resource:
    """What the lock protects: it keeps the greatest token it has seen, and refuses smaller ones in the same step."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")

    def write(self, token: int) -> bool:
        """Write with a token; return whether it was accepted."""
        self._connection.execute("BEGIN IMMEDIATE")
        accepted = self._connection.execute(
            "UPDATE guarded SET token = ?1 WHERE id = 1 AND token <= ?1", (token,)
        ).rowcount
        self._connection.execute("INSERT INTO written (token, accepted) VALUES (?, ?)", (token, accepted))
        self._connection.execute("COMMIT")
        return bool(accepted)


class Diary:
    """A file of notes; a note is whole or was never written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._clock = SystemClock()

    def note(self, what: str, token: int = 0, *, at: float | None = None, said: str = "") -> None:
        """Write a note of this moment, or of an earlier one."""
        moment = self._clock.monotonic() if at is None else at
        os.write(self._file, json.dumps({"what": what, "at": moment, "token": token, "said": said}).encode() + b"\n")

    def now(self) -> float:
        return self._clock.monotonic()


async def hold_again_and_again(
    coordination: Coordination, diary: Diary, resource: Resource, chance: Random, stops: int
) -> None:
    while True:
        diary.note("asked")
        try:
            async with coordination.lock("the thing", wait=timedelta(seconds=20)) as lease:
                diary.note("granted", lease.token)
                for _ in range(chance.randint(1, 4)):
                    await asyncio.sleep(chance.uniform(0.001, 0.03))
                    _write(lease, diary, resource, stop=chance.randrange(100) < stops)
            diary.note("released", lease.token)
        except LeaseLost as error:
            diary.note("lost", error.token, said=error.reason)
        except (CoordinationError, Locked) as error:
            diary.note("failed", said=f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.05)


def _write(lease: Lease, diary: Diary, resource: Resource, *, stop: bool) -> None:
    moment = diary.now()
    if not lease.held:
        return
    diary.note("held", lease.token, at=moment)
    if stop:
        os.kill(os.getpid(), signal.SIGSTOP)
    accepted = resource.write(lease.token)
    diary.note("wrote" if accepted else "refused", lease.token)


async def main(folder: Path, resource: Path, seed: int, stops: int) -> None:
    registry, chance = Registry(), Random(seed)
    opening = open_engine(
        load_workspace(folder, registry),
        registry,
        lambda reference, _: os.environ[reference.removeprefix("env:")],
        clock=UnsteadyClock(Random(seed)),
        extensions=registry.extensions(),
    )
    async with opening as engine:
        diary = Diary(folder / f"{os.getpid()}.notes")
        await hold_again_and_again(engine.coordination, diary, Resource(resource), chance, stops)


def lay_out(resource: Path) -> None:
    """Make the protected resource."""
    with closing(sqlite3.connect(resource)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(LAYOUT)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
