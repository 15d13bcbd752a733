"""A state file with many events, as a busy year leaves it: `python -m tests.benchmarks.million_events FILE [COUNT]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.clock import Clock
from engine.events.event import NewEvent
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog

MILLION = 1_000_000
BATCH = 5_000
SYNCS = ("engineering", "sales", "support", "wiki-editors", "on-call")
TARGETS = ("list", "wiki", "chat", "staff", "github")
PEOPLE = 5_021
YEAR = timedelta(days=365)


class PacedClock(Clock):
    """Moves on by the same pause each time it is read."""

    def __init__(self, start: datetime, pause: timedelta) -> None:
        self._now = start
        self._pause = pause

    def now(self) -> datetime:
        self._now += self._pause
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, pause: timedelta) -> None:
        self._now += pause


def events(count: int) -> Iterator[NewEvent]:
    """Yield events as runs leave them: mostly intents and outcomes, some refusals, now and then a plan or a lease."""
    for number in range(count):
        run, step = divmod(number, 40)
        sync, target = SYNCS[run % 5], TARGETS[run % 7 % 5]
        links = {
            "actor": f"{('anna', 'berta', 'cron')[run % 3]}@berlin-1",
            "plan": f"{run:064x}",
            "run": run,
            "sync": sync,
        }
        match step:
            case 0:
                kind, about, data = "plan.kept", f"plan:{run:012x}", {"changes": 38, "counts": {"add": 30, "remove": 8}}
            case 1:
                kind, about, data = "lease.taken", f"lease:target:{target}", {"holder": "anna pid 7", "number": run}
            case 39:
                kind, about, data = (
                    "run.ended",
                    f"run:{run}",
                    {"state": "done", "verdict": "As wanted.", "verified": True},
                )
            case _ if number % 97 == 0:
                person = f"user{number % PEOPLE:06}@example.com"
                reason = f"The service knows nobody called {person} (404)."
                kind, about = "run.item.refused", f"run:{run}"
                data = {"item": f"{target}/add/{person}", "reason": reason, "target": target}
            case _ if number % 2:
                span = {"first": step * 20, "items": 20, "last": step * 20 + 19}
                kind, about, data = "run.intended", f"run:{run}", {"intended": span}
            case _:
                kind, about, data = "run.concluded", f"run:{run}", {"concluded": {"done": 18, "already": 2}}
        yield NewEvent(type=kind, aggregate_id=about, data=data, metadata=links)


async def build(path: Path, count: int = MILLION) -> None:
    """Write `count` events into a new state file, through the writer and with a true chain; some 15 s a million."""
    clock = PacedClock(datetime(2025, 11, 1, tzinfo=UTC), YEAR / max(1, count // BATCH))
    async with open_database(path) as database:
        log = StoredEventLog(database, clock, "berlin-1")
        batch: list[NewEvent] = []
        for event in events(count):
            batch.append(event)
            if len(batch) == BATCH:
                await log.append(batch, own=True)
                batch = []
        await log.append(batch, own=True)


def build_once(path: Path, count: int = MILLION) -> Path:
    """Return a file with that many events, built now unless it was built before."""
    finished = path.with_name(f"{path.stem}-{count}.db")
    if not finished.exists():
        unfinished = finished.with_name(finished.name + ".unfinished")
        unfinished.unlink(missing_ok=True)
        asyncio.run(build(unfinished, count))
        unfinished.rename(finished)
    return finished


if __name__ == "__main__":
    asyncio.run(build(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else MILLION))
