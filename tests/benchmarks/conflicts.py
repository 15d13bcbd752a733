"""Ten thousand open conflicts on a real state file: `python -m tests.benchmarks.conflicts [--count N]`.

Two nodes know N aggregates and edit each of them apart; one gets the other's edits. Then: the whole queue for the first
time (every history is read and compared), again, after one more event, and a thousand decisions in one go. Seconds on
the wall, and of this process alone; beside them the bare SELECT of the same events.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from adapters.registry import Registry
from adapters.secrets import resolve
from engine.assembly import Engine, open_engine
from engine.events.event import NewEvent
from engine.events.merging.queue import Choice, Take
from engine.events.replicating.messages import Limits, Selection
from engine.settings.reading import load_workspace
from engine.storage.event_rows import SELECT

BATCH = 2_000
ALL = 10**6


async def report(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Print one line of the table."""
    start, processor = time.perf_counter(), time.process_time()
    await work()
    wall, own = time.perf_counter() - start, time.process_time() - processor
    print(f"{name:<58}{wall:>9.3f}{own:>9.3f}", flush=True)


async def write(engine: Engine, count: int, data: Any) -> None:
    """Write the same to every aggregate."""
    for first in range(0, count, BATCH):
        names = (f"user:{number}" for number in range(first, min(count, first + BATCH)))
        await engine.log.append([NewEvent(type="user.changed", aggregate_id=name, data=data) for name in names])


async def pull(engine: Engine, source: Engine) -> None:
    """Let one have all that the other has."""
    more = True
    while more:
        batch = await source.replica.lacking(await engine.log.vector(), Limits(items=5_000), Selection())
        await engine.replica.receive(batch)
        more = batch.more


async def measure(folder: Path, count: int) -> None:
    """Build the conflicts and print the table."""
    homes = [folder / name for name in ("berlin", "lyon")]
    for home in homes:
        home.mkdir()
        (home / "syncdeck.yaml").write_text(f"syncdeck: 1\nnode: {home.name}\n")
    here, there = (open_engine(load_workspace(home, Registry()), Registry(), resolve) for home in homes)
    async with here as berlin, there as lyon:
        await write(berlin, count, {"email": "old", "name": "Ann", "profile": {"title": "Eng", "level": 2}})
        await pull(lyon, berlin)
        await write(berlin, count, {"email": "b@example"})
        await write(lyon, count, {"email": "l@example", "profile": {"title": "Lead"}})
        await pull(berlin, lyon)
        conflicts = berlin.conflicts
        print(f"{count:,} conflicts{'':<44}{'wall s':>9}{'own s':>9}")
        await report("bare SELECT of the same events", lambda: asyncio.to_thread(bare, homes[0]))
        await report("the queue, first time", lambda: conflicts.queue(limit=ALL))
        await report("the queue, again", lambda: conflicts.queue(limit=ALL))
        await report("how many, when nothing happened", conflicts.count)
        await write(berlin, 1, {"phone": "1"})
        await report("how many, after one event", conflicts.count)
        ids = [each.id for each in await conflicts.queue(limit=1_000)]
        left = Choice(take=Take.CANDIDATE, candidate=0)
        await report(f"{len(ids):,} decisions in one go, durable", lambda: conflicts.resolve_many(ids, left))


def bare(home: Path) -> None:
    """The limit: the same rows, nothing made of them."""
    with closing(sqlite3.connect(home / ".syncdeck" / "state.db")) as connection:
        connection.execute(f"{SELECT} ORDER BY e.aggregate").fetchall()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), arguments.count))


if __name__ == "__main__":
    main()
