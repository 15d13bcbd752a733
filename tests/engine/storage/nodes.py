"""Nodes on state files, for tests of what passes between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.events.event import Event, NewEvent, Position
from engine.events.replicating.messages import Batch, Item, Limits, Receipt, Selection
from engine.storage.database import Database, open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_log import StoredEventLog
from engine.storage.replica import StoredReplica
from tests.doubles.clock import ManualClock

ALL = Selection()
MANY = Limits(items=10_000, bytes=64 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class StoredNode:
    """A node with its state file open."""

    database: Database
    log: StoredEventLog
    replica: StoredReplica

    async def put(self, about: str = "user:1", type_name: str = "user.changed", **data: object) -> Event:
        event = NewEvent(type=type_name, aggregate_id=about, data=data)
        return (await self.log.append([event], own=True))[0]

    async def events(self) -> Sequence[Event]:
        return await self.log.page(Position(0), 100_000)

    async def items(self) -> list[Item]:
        batch = await self.replica.lacking({}, MANY, ALL)
        return [part for part in batch.items if isinstance(part, Item)]

    async def lacked_by(self, other: StoredNode, wanted: Selection = ALL) -> Batch:
        return await self.replica.lacking(await other.log.vector(), MANY, wanted)

    async def pull(self, other: StoredNode, wanted: Selection = ALL) -> Receipt:
        return await self.replica.receive(await other.lacked_by(self, wanted))

    async def contested(self) -> dict[str, list[int]]:
        rows = await self.database.rows(
            "SELECT aggregate, value FROM contested, json_each(heads) WHERE NOT quiet ORDER BY value"
        )
        heads: dict[str, list[int]] = {}
        for aggregate, position in rows:
            heads.setdefault(aggregate, []).append(position)
        return heads


@asynccontextmanager
async def stored_node(state: Path, clock: ManualClock, name: str = "") -> AsyncIterator[StoredNode]:
    """Open a node on a state file; it is called as its folder unless it is given another name."""
    node = name or state.stem
    async with open_database(state) as database:
        log = StoredEventLog(database, clock, node)
        yield StoredNode(database, log, StoredReplica(database, log, clock, node, EventDigest(database)))
