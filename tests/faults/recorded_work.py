"""A workspace at work while its disk is recorded: laid out, appended to by several at once, closed, opened again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.events.event import Event, NewEvent
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from tests.doubles.clock import ManualClock
from tests.faults.recording_disk import Deed, Recording, recording

APPENDERS = 3
ROUNDS = 6


@dataclass(frozen=True, slots=True)
class RecordedWork:
    """What happened to the disk, acknowledgements included; each is a dot and its chain."""

    deeds: Sequence[Deed]


def record(folder: Path, state: str, chance: Random) -> RecordedWork:
    """Work in a new folder, and return what that asked of the disk."""
    folder.mkdir()
    with recording(folder) as noted:
        for session in range(2):
            asyncio.run(_session(folder / state, noted, chance, session))
    return RecordedWork(noted.deeds)


async def _session(path: Path, noted: Recording, chance: Random, session: int) -> None:
    async with open_database(path) as database:
        log = StoredEventLog(database, ManualClock(), "berlin-1")

        async def append(task: int) -> None:
            for number in range(ROUNDS):
                size = chance.choice((1, 1, 2, 30))
                events = [
                    NewEvent(
                        type="fault.appended",
                        aggregate_id=f"task:{task}",
                        data={"session": session, "number": number, "part": part, "text": "x" * chance.randrange(200)},
                    )
                    for part in range(size)
                ]
                _tell(noted, await log.append(events))

        async with asyncio.TaskGroup() as group:
            for task in range(APPENDERS):
                group.create_task(append(task))


def _tell(noted: Recording, events: Sequence[Event]) -> None:
    for event in events:
        noted.told((str(event.dot), event.chain))
