"""Compaction as an operator meets it: look, archive, take out. Nothing goes that is not in a signed archive first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from engine.clock import Clock
from engine.errors import NothingFound, StorageError
from engine.events.chain import canonical
from engine.events.event import NewEvent, node_of
from engine.events.hlc import at_milliseconds
from engine.events.own import COMPACTED
from engine.events.replicating.archive import Header, Signing
from engine.events.replicating.known_to_all import Frontier, frontier
from engine.events.replicating.messages import DigestQuestion, Item
from engine.events.replicating.ndjson import to_line
from engine.events.replicating.ports import PeerBook
from engine.storage.database import Database
from engine.storage.event_compaction import AT_ONCE, Compaction, Group, batches, find
from engine.storage.event_digest import digest
from engine.storage.event_log import StoredEventLog
from engine.storage.event_removal import remove

_ITEMS = """
    SELECT o.name, e.seq, e.id, t.name, e.aggregate, e.data, e.metadata, e.context, e.hlc, e.chain, e.hashes
    FROM event e JOIN event_type t ON t.id = e.type JOIN event_origin o ON o.id = e.origin
    WHERE e.position IN (SELECT value FROM json_each(?)) ORDER BY e.seq
"""

_POSITIONS = "SELECT position FROM event INDEXED BY event_by_dot WHERE origin = ? AND position < ? ORDER BY seq"

_HEADS = """
    SELECT o.name, e.chain FROM event_origin o
    JOIN event e ON e.origin = o.id AND e.seq = (SELECT max(seq) FROM event WHERE origin = o.id)
"""

_WRITERS = "SELECT name FROM event_origin WHERE writer = ''"

Write = Callable[[bytes], object]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What a compaction would do, before it does anything."""

    compaction: Compaction
    frontier: Frontier
    before_ms: int
    retired: tuple[str, ...]


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that what is to go is in an archive; `header` is its first line."""

    proposal: Proposal
    header: Header
    name: str


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken out."""

    events: int
    spared: int
    """Events that stay after all: something was appended to their aggregates meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """This node and those it exchanges events with."""

    node: str
    peers: Collection[str]
    """Names of the configured ones."""
    book: PeerBook


class LogCompaction:
    """Compacts one workspace's log. `actor` is who is named in the record."""

    def __init__(
        self, database: Database, log: StoredEventLog, clock: Clock, neighbours: Neighbours, *, actor: str
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._neighbours = neighbours
        self._actor = actor

    async def frontier(self, retired: Collection[str] = ()) -> Frontier:
        """Return up to where everybody who may still write knows this log. Raises `NothingFound` for an unknown
        name among the retired."""
        names = self._neighbours
        memories = {name: await names.book.recall(name) for name in names.peers}
        writers = {node_of(name) for (name,) in await self._database.rows(_WRITERS)} - {names.node}
        known = {*memories, *(memory.node for memory in memories.values()), *writers}
        for name in retired:
            if name not in known:
                raise NothingFound(f"{name} is neither a peer nor a writer here; known: {', '.join(sorted(known))}.")
        return frontier(await self._log.vector(), memories, writers, retired, self._clock.now())

    async def propose(self, age: timedelta, retired: Collection[str] = ()) -> Proposal:
        """Return what would go of events older than `age`. Reads the whole log once; changes nothing."""
        known = await self.frontier(retired)
        before = int((self._clock.now() - age).timestamp() * 1000)
        stamp = at_milliseconds(before)
        found = await self._database.read(lambda connection: find(connection, known.vector, stamp))
        return Proposal(compaction=found, frontier=known, before_ms=before, retired=tuple(sorted(retired)))

    async def archive(self, proposal: Proposal, write: Write, key: str, name: str) -> Archived:
        """Write what is to go as signed lines. Only once these are safe on a disk may `remove` be called."""
        at = self._clock.now().isoformat()

        def work(connection: sqlite3.Connection) -> Header:
            signing, state = Signing(key), digest(connection, DigestQuestion())
            header = Header(
                node=self._neighbours.node,
                at=at,
                vector=state.vector,
                heads={origin: chain.hex() for origin, chain in connection.execute(_HEADS)},
                sums=state.sums,
                events=proposal.compaction.events,
            )
            write(signing.header(header))
            for item in _items(connection, proposal.compaction):
                write(signing.line(to_line(item)))
            write(signing.trailer())
            return header

        return Archived(proposal=proposal, header=await self._database.read(work), name=name)

    async def remove(self, archived: Archived) -> Compacted:
        """Take out what was archived, some thousand events at a time; may be stopped at any moment, and proposed anew.

        Raises `StorageError` if the state is not what it was: the archive then brings back what was taken out.
        """
        proposal, removed = archived.proposal, 0
        for batch in batches(proposal.compaction.groups):
            removed += await self._database.write(partial(self._remove, batch))
        state = await self._database.read(lambda connection: digest(connection, DigestQuestion()))
        if state.vector == archived.header.vector and state.sums != archived.header.sums:
            raise StorageError(
                "The state is not the same after the compaction as before it. Import the archive "
                f"({archived.name}) to bring back what was taken out, and report this."
            )
        record = NewEvent(
            type=COMPACTED,
            aggregate_id=f"node:{self._neighbours.node}",
            data={"events": removed, "archive": archived.name, "retired": list(proposal.retired)},
            metadata={"actor": self._actor},
        )
        await self._log.append([record], own=True)
        return Compacted(events=removed, spared=proposal.compaction.events - removed)

    def _remove(self, batch: Sequence[Group], connection: sqlite3.Connection) -> int:
        self._database.tip = None  # it remembers what is behind it
        return remove(connection, batch)


def _items(connection: sqlite3.Connection, compaction: Compaction) -> Iterator[Item]:
    """Yield what is to go, each origin in its order: so a gap is filled from its beginning when they come again."""
    going = bytearray(1 + max((group.positions[-1] for group in compaction.groups), default=0))
    for group in compaction.groups:
        for position in group.positions:
            going[position] = 1
    for (origin,) in connection.execute("SELECT id FROM event_origin ORDER BY name").fetchall():
        everything = connection.execute(_POSITIONS, (origin, len(going)))
        some = (position for (position,) in everything if going[position])
        while chunk := list(islice(some, AT_ONCE)):
            for row in connection.execute(_ITEMS, (canonical(chunk).decode(),)):
                yield _item(*row)


def _item(*row: Any) -> Item:
    origin, seq, identity, type_name, aggregate, data, metadata, context, hlc, chain, hashes = row
    if hashes:
        return Item(origin, seq, identity, type_name, aggregate, "", "", context, hlc, chain, hashes)
    return Item(origin, seq, identity, type_name, aggregate, data, metadata, context, hlc, chain)
