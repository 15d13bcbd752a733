"""Nodes in memory that tests let talk to one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from msgspec.structs import replace

from engine.events.event import Dot, NewEvent, Origin
from engine.events.replicating.admission import linked
from engine.events.replicating.means import Means
from engine.events.replicating.messages import Batch, Item, Limits, Pull, Selection
from engine.events.replicating.patience import Patience
from engine.events.replicating.recording import Recording
from engine.events.replicating.replicate import Exchange, Exchanged
from engine.events.replicating.replication import Replication
from engine.events.replicating.responder import Responder
from engine.events.replicating.session import Terms
from engine.events.vector import Vector
from engine.notices import Notices
from engine.settings.replication import Direction, PeerSettings
from tests.doubles.clock import ManualClock
from tests.doubles.remote import RespondingRemote
from tests.doubles.replica import MemoryPeerBook, MemoryReplica
from tests.doubles.replica_log import MemoryLog
from tests.doubles.replica_memory import Memory

_numbers = count(1)


def new_origin(node: str) -> Origin:
    """Return an origin that nobody has yet."""
    return Origin(f"{node}~{next(_numbers):08x}")


@dataclass
class Node:
    """One node: what it keeps, and what it is to others."""

    name: str
    clock: ManualClock = field(default_factory=ManualClock)
    memory: Memory = field(init=False)
    replica: MemoryReplica = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(node=self.name, own=new_origin(self.name))
        self._mount()

    def _mount(self) -> None:
        self.replica = MemoryReplica(
            memory=self.memory,
            clock=self.clock,
            new_id=lambda: f"id-{next(_numbers)}",
            new_origin=new_origin,
            instance=f"machine-{next(_numbers)}",
        )
        self.log = MemoryLog(self.replica)
        self.book = MemoryPeerBook(self.memory)
        self.responder = Responder(self.replica)
        self.remote = RespondingRemote(self.responder)

    def restored(self, backup: Memory) -> Node:
        """Return this node as it is after its state file was replaced by a copy (or another node, started from one)."""
        other = Node(self.name, self.clock)
        other.memory = backup.copy()
        other._mount()
        return other

    @property
    def own(self) -> Origin:
        return self.memory.own

    def vector(self) -> Vector:
        return self.replica.vector()

    async def write(self, aggregate: str = "user:1", data: Any = None, kind: str = "user.changed") -> Dot:
        """Append an event."""
        content = {"n": next(_numbers)} if data is None else data
        return (await self.replica.append([NewEvent(type=kind, aggregate_id=aggregate, data=content)]))[0]

    async def write_many(self, many: int, aggregate: str = "user:{}", kind: str = "user.changed") -> None:
        """Append that many events, about an aggregate each."""
        for number in range(many):
            await self.write(aggregate.format(number), kind=kind)

    async def everything(self) -> Batch:
        """Return all that this node has to tell."""
        return await self.responder.pull(Pull(limits=Limits(items=5_000)))

    def ids(self) -> set[str]:
        """Return the identities of all events here."""
        return set(self.memory.ids)

    async def sync(
        self,
        peer: Node | RespondingRemote,
        direction: Direction = Direction.BOTH,
        *,
        items: int = 2_000,
        wanted: Selection | None = None,
        filled: str = "",
        known: Vector | None = None,
        patience: Patience | None = None,
    ) -> Exchanged:
        """Sync with a peer; time goes on whenever everybody waits."""
        remote = peer.remote if isinstance(peer, Node) else peer
        exchange = Exchange(
            remote, self.replica, clock=self.clock, chance=Random(1).random, patience=patience or Patience()
        )
        terms = Terms(
            peer=getattr(peer, "name", "peer"),
            direction=direction,
            wanted=wanted or Selection(),
            limits=Limits(items=items),
            filled=filled,
            known=known,
        )
        return await self.clock.finish(exchange.run(terms))

    def replication(self, *peers: tuple[PeerSettings, RespondingRemote]) -> Replication:
        """Return the façade of a node with these peers. `advances` is rung by `rang`."""
        remotes = {settings.name: remote for settings, remote in peers}
        self.rung: asyncio.Event = asyncio.Event()
        self.notices = Notices()
        return Replication(
            Means(
                replica=self.replica,
                book=self.book,
                recording=Recording(self.log, "anna@desk"),
                log=self.log,
                transports=lambda settings: remotes[settings.name],
                advances=self._advances,
                peers={settings.name: settings for settings, _ in peers},
                clock=self.clock,
                notices=self.notices,
                chance=Random(1).random,
            )
        )

    async def _advances(self) -> AsyncIterator[Vector]:
        while True:
            self.rung.clear()
            yield self.vector()
            await self.rung.wait()


def settings(name: str, **changes: Any) -> PeerSettings:
    """Return a peer's settings."""
    return PeerSettings(name=name, url=f"http://{name}.example:8470", **changes)


def relinked(items: list[Item], before: bytes) -> list[Item]:
    """Return items with a chain that holds, after they were changed."""
    chained: list[Item] = []
    for item in items:
        before = linked(before, item)
        chained.append(replace(item, chain=before))
    return chained
