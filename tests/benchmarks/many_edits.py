"""A log as applications leave it: many people, each edited some fifty times, anywhere in the log."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from engine.events.event import NewEvent
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from tests.benchmarks.million_events import BATCH, YEAR, PacedClock

EDITS_EACH = 50
TOWNS = ("Kiel", "Hamburg", "Berlin", "Leipzig", "Köln", "München", "Aachen", "Ulm")
RARE = "Wolkenkuckucksheim"
"""Occurs once in the log, in its middle."""


def edits(count: int, people: int, seed: int = 7) -> Iterator[NewEvent]:
    """Yield edits of so many people, in random order; every tenth is about an order."""
    chance = random.Random(seed)
    for number in range(count):
        person = chance.randrange(people)
        actor = f"{('anna', 'berta', 'cron')[number % 3]}@berlin-1"
        if number == count // 2:
            data: dict[str, object] = {"town": RARE}
        elif number % 10 == 0:
            data = {"order": f"{chance.getrandbits(64):016x}", "total": number % 1_000, "state": "paid"}
        else:
            mail = f"user{person:07}@{chance.choice(TOWNS).lower()}.example"
            data = {"mail": mail, "town": chance.choice(TOWNS), "profile": {"visits": number, "note": None}}
        yield NewEvent(type="user.changed", aggregate_id=f"user:{person:07}", data=data, metadata={"actor": actor})


async def build(path: Path, count: int, people: int) -> None:
    """Write so many edits into a new state file, through the writer and with a true chain."""
    clock = PacedClock(datetime(2025, 11, 1, tzinfo=UTC), YEAR / max(1, count // BATCH))
    async with open_database(path) as database:
        log = StoredEventLog(database, clock, "berlin-1")
        batch: list[NewEvent] = []
        for event in edits(count, people):
            batch.append(event)
            if len(batch) == BATCH:
                await log.append(batch)
                batch = []
        await log.append(batch)
