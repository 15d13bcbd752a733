"""A workspace at work while its disk is recorded: laid out, appended to by several at once, sent events by a peer,
given a new incarnation, closed, opened again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.events.event import NewEvent, Origin
from engine.events.replicating.messages import Item
from engine.storage.database import open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_log import StoredEventLog
from engine.storage.log_care import LogCare
from engine.storage.log_compaction import Neighbours
from engine.storage.replica import StoredReplica
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryPeerBook
from tests.doubles.replica_memory import Memory
from tests.faults.peer import ABOUT, Peer
from tests.faults.recording_disk import Deed, Recording, recording

NODE = "berlin-1"
PEER = Origin("hamburg~00000001")
APPENDERS = 3
ROUNDS = 6


@dataclass(frozen=True, slots=True)
class RecordedWork:
    """What happened to the disk, acknowledgements included; each is the id of an event."""

    deeds: Sequence[Deed]


def record(folder: Path, state: str, chance: Random) -> RecordedWork:
    """Work in a new folder, and return what that asked of the disk."""
    folder.mkdir()
    with recording(folder) as noted:
        peer = Peer(PEER, ManualClock())
        for session in range(2):
            asyncio.run(_session(folder / state, noted, peer, chance, session))
    return RecordedWork(noted.deeds)


async def _session(path: Path, noted: Recording, peer: Peer, chance: Random, session: int) -> None:
    async with open_database(path) as database:
        clock = ManualClock()
        log = StoredEventLog(database, clock, NODE)
        replica = StoredReplica(database, log, clock, NODE, EventDigest(database))
        async with asyncio.TaskGroup() as group:
            for task in range(APPENDERS):
                group.create_task(_append(log, noted, chance, f"{session}-{task}"))
            group.create_task(_receive(replica, noted, peer))
        own = (await replica.identity()).origin
        await replica.begin_incarnation("a drill", {own: (await log.vector())[own] - session})
        neighbours = Neighbours(node=NODE, peers=(), book=MemoryPeerBook(Memory(NODE, own)))
        care = LogCare(database, log, replica, clock=clock, neighbours=neighbours, actor="anna@test")
        (event,) = await log.append([NewEvent(type="fault.told", aggregate_id="secret:1", data={"said": "too much"})])
        await care.redact(event.dot, "a drill")
        _tell(noted, [event.id])


async def _append(log: StoredEventLog, noted: Recording, chance: Random, task: str) -> None:
    for number in range(ROUNDS):
        size = chance.choice((1, 1, 2, 30))
        batch = [
            NewEvent(
                type="fault.appended",
                aggregate_id=f"task:{chance.randrange(ABOUT)}",
                data={"batch": f"{task}-{number}", "of": size, "text": "x" * chance.randrange(200)},
            )
            for part in range(size)
        ]
        _tell(noted, [event.id for event in await log.append(batch)])


async def _receive(replica: StoredReplica, noted: Recording, peer: Peer) -> None:
    for _ in range(ROUNDS):
        batch = await peer.next_batch()
        receipt = await replica.receive(batch)
        assert receipt.vector[PEER] == batch.vector[PEER]
        _tell(noted, [item.id for item in batch.items if isinstance(item, Item)])


def _tell(noted: Recording, ids: Iterable[str]) -> None:
    for each in ids:
        noted.told(each)
