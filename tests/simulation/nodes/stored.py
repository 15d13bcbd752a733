"""Nodes whose disk is a real state file: the same stories, with the engine's storage in the place of the double.

The storage has threads and an event loop of its own. They run beside the story's virtual time and are waited for at
every call, so nothing happens there that the story did not ask for, and a seed still tells the same story (but for
names that chance gives: origins and ids of the engine's own events).
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from engine.events.event import Dot, Event, NewEvent, Origin, Position
from engine.events.log import Version
from engine.events.replicating.admission import Standing
from engine.events.replicating.messages import (
    Batch,
    Digest,
    DigestQuestion,
    GapQuestion,
    Gaps,
    Head,
    Identity,
    Item,
    Limits,
    Receipt,
    Selection,
    Span,
)
from engine.events.replicating.ports import Replica
from engine.events.replicating.responder import Responder
from engine.events.vector import Vector
from engine.storage.care import backup
from engine.storage.database import open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_history import StoredHistories
from engine.storage.event_log import StoredEventLog
from engine.storage.log_care import LogCare
from engine.storage.log_compaction import Neighbours
from engine.storage.replica import StoredReplica
from tests.doubles.replica import MemoryPeerBook
from tests.doubles.replica_log import MemoryLog
from tests.doubles.replica_memory import Memory, last_of
from tests.simulation.nodes.node import Image, Node

T = TypeVar("T")

EVERYTHING = Limits(items=10_000, bytes=1 << 30)


class Beside:
    """An event loop in a thread of its own, that is waited for at every call."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="beside", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what some work comes to."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class StoredNode(Node):
    """A node over a state file. `memory` is what the file says, read again after each durable step."""

    beside: Beside = field(kw_only=True)
    folder: Path = field(kw_only=True)
    files: int = 0
    images: int = 0

    @property
    def state(self) -> Path:
        return self.folder / f"{self.name}-{self.files}.db"

    def start(self) -> None:
        super().start()
        self._stack = AsyncExitStack()
        self.beside.call(self._open())
        self.replica = StoredOnTheSide(self, self._pausing())  # type: ignore[assignment]
        self.book = MemoryPeerBook(self.memory, self._pausing())
        self.log = LogOnTheSide(self.replica, self)
        self.responder = Responder(self.replica, Limits(items=self.batch))
        self.read_again()
        self.bring_up()

    async def _open(self) -> None:
        database = await self._stack.enter_async_context(open_database(self.state))
        self.stored_log = StoredEventLog(database, self.clock, self.memory.node)
        self.stored_histories = StoredHistories(database)
        digest = EventDigest(database)
        self.stored = StoredReplica(database, self.stored_log, self.clock, self.memory.node, digest)
        alone = Neighbours(node=self.memory.node, peers=(), book=self.book)
        self.care = LogCare(database, self.stored_log, self.stored, clock=self.clock, neighbours=alone, actor="carla")

    def crash(self) -> None:
        """Close the file as it is; what a kill and a power cut leave of one is tested elsewhere."""
        if self.up:
            super().crash()
            self.beside.call(self._stack.aclose())

    def image(self) -> Image:
        self.images += 1
        copy = self.folder / f"{self.name}-image-{self.images}.db"
        backup(self.state, copy)
        return Image(self.memory.copy(), copy)

    def put(self, image: Image) -> None:
        super().put(image)
        assert image.file is not None
        self.files += 1
        shutil.copy(image.file, self.state)

    async def redact(self, dot: Dot) -> None:
        await self.replica.pause("append")
        self.beside.call(self.care.redact(dot, "asked"))
        self.read_again()
        await self.replica.pause("appended")

    def read_again(self) -> None:
        """Make `memory` say what the file does."""
        memory = Memory(self.memory.node, self.beside.call(self.stored.identity()).origin)
        memory.peers = self.memory.peers
        heads = self.beside.call(self.stored.heads())
        parts = self.beside.call(self.stored.lacking({}, EVERYTHING, Selection())).items
        for part in parts:
            memory.put(part)
        for origin, run in memory.runs.items():
            newest = max((part.hlc for part in run if isinstance(part, Item)), default=0)
            memory.standings[origin] = Standing(last_of(run[-1]), run[-1].chain, newest)
        assert {origin: Head(known.seq, known.chain) for origin, known in memory.standings.items()} == heads
        logged = {event.dot: event for event in self.beside.call(self.stored_log.page(Position(0), EVERYTHING.items))}
        assert logged.keys() == memory.events.keys()
        for dot, event in memory.events.items():
            assert replace(event, position=logged[dot].position) == logged[dot], f"{dot} is sent otherwise than logged"
            memory.events[dot] = logged[dot]
        for each in fields(Memory):
            setattr(self.memory, each.name, getattr(memory, each.name))


@dataclass
class StoredOnTheSide(Replica):
    """The stored replica, called from the story's time; power may fail before and after each call."""

    node: StoredNode
    pause: Callable[[str], Awaitable[None]]

    @property
    def memory(self) -> Memory:
        return self.node.memory

    def now_ms(self) -> int:
        return int(self.node.clock.now().timestamp() * 1000)

    def vector(self) -> dict[Origin, int]:
        return {origin: known.seq for origin, known in self.memory.standings.items()}

    def known(self) -> dict[Origin, Head]:
        return {origin: Head(known.seq, known.chain) for origin, known in self.memory.standings.items()}

    async def identity(self) -> Identity:
        await self.pause("identity")
        return self.node.beside.call(self.node.stored.identity())

    async def heads(self) -> Mapping[Origin, Head]:
        await self.pause("heads")
        return self.node.beside.call(self.node.stored.heads())

    async def chains(self, dots: Sequence[Dot]) -> Sequence[bytes]:
        await self.pause("chains")
        return self.node.beside.call(self.node.stored.chains(dots))

    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        await self.pause("lacking")
        return self.node.beside.call(self.node.stored.lacking(vector, limits, wanted))

    async def gaps(self, question: GapQuestion) -> Gaps:
        await self.pause("gaps")
        return self.node.beside.call(self.node.stored.gaps(question))

    async def refill(self, spans: Sequence[Span], limits: Limits, wanted: Selection) -> Batch:
        await self.pause("refill")
        return self.node.beside.call(self.node.stored.refill(spans, limits, wanted))

    async def receive(self, batch: Batch) -> Receipt:
        await self.pause("receive")
        receipt = self.node.beside.call(self.node.stored.receive(batch))
        self.node.read_again()
        await self.pause("received")
        return receipt

    async def begin_incarnation(self, reason: str, keep: Mapping[Origin, int]) -> Origin:
        await self.pause("begin incarnation")
        origin = self.node.beside.call(self.node.stored.begin_incarnation(reason, keep))
        self.node.read_again()
        await self.pause("began incarnation")
        return origin

    async def digest(self, question: DigestQuestion) -> Digest:
        await self.pause("digest")
        return self.node.beside.call(self.node.stored.digest(question))


@dataclass(frozen=True, slots=True)
class LogOnTheSide(MemoryLog):
    """The stored log: appends go into the file, and what is read was read from there after the last step."""

    node: StoredNode

    async def append(
        self, events: Sequence[NewEvent], *, expected: Mapping[str, Version] | None = None, own: bool = False
    ) -> Sequence[Event]:
        await self.node.replica.pause("append")
        written = list(self.node.beside.call(self.node.stored_log.append(events, expected=expected, own=own)))
        self.node.read_again()
        await self.node.replica.pause("appended")
        return written

    async def version(self, aggregate: str) -> tuple[int, Vector]:
        await self.node.replica.pause("version")
        return self.node.beside.call(self.node.stored_log.version(aggregate))

    async def contested(self) -> Sequence[str]:
        """Return what the file noted as contested; reckoned from its events it has to be the same."""
        noted = self.node.beside.call(self.node.stored_histories.contested())
        reckoned = await super(LogOnTheSide, self).contested()
        assert set(noted) == set(reckoned), f"{self.node.name} noted {sorted(noted)}, and contested are {reckoned}"
        return noted

    async def histories(self, aggregates: Iterable[str]) -> Mapping[str, Sequence[Event]]:
        return self.node.beside.call(self.node.stored_histories.histories(aggregates))


@dataclass
class OnDisk:
    """Makes a story's nodes, each over a state file of its own."""

    beside: Beside
    folder: Path

    def __call__(self, *arguments: Any, **named: Any) -> StoredNode:
        return StoredNode(*arguments, **named, beside=self.beside, folder=self.folder)
