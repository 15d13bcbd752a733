"""One node: what its disk holds, and the engine's parts over it, which a crash takes and a start brings back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.errors import SettingsError
from engine.events.event import Dot, NewEvent, Origin
from engine.events.merging.conflicts import Conflicts
from engine.events.merging.strategies import STRATEGIES
from engine.events.own import REDACTED
from engine.events.replicating.means import Means
from engine.events.replicating.messages import Limits
from engine.events.replicating.patience import Patience
from engine.events.replicating.ports import Transport
from engine.events.replicating.recording import Recording
from engine.events.replicating.replication import Replication
from engine.events.replicating.responder import Responder
from engine.events.vector import Vector
from engine.notices import Notices
from engine.settings.replication import PeerSettings, Rule
from tests.doubles.journal import Crash
from tests.doubles.replica import MemoryPeerBook, MemoryReplica
from tests.doubles.replica_log import MemoryLog
from tests.doubles.replica_memory import Memory
from tests.doubles.virtual_time import DriftingClock

DISK_WAITS = 0.4
LONGEST_WRITE = 0.05
"""Seconds that a disk may take, when it takes any time at all."""


def no_line(node: Node, settings: PeerSettings) -> Transport:
    """Return the way to a peer: there is none."""
    raise SettingsError(f"{node.name} has no line to {settings.name}.")


@dataclass
class Node:
    """A place in the mesh. `memory` is its disk; everything else is gone with a crash."""

    name: str
    memory: Memory
    clock: DriftingClock
    chance: Random
    names: Names
    kept: Callable[[Node, str], None]
    """Told after each durable step."""
    batch: int = 5_000
    """Most items that this node takes at once."""
    rules: Sequence[Rule] = ()
    lines: Callable[[Node, PeerSettings], Transport] = no_line
    peers: dict[str, PeerSettings] = field(default_factory=dict)
    up: bool = False
    life: int = 0
    steps_left: int = -1
    """Durable steps until the power goes; negative: it stays."""

    def start(self) -> None:
        """Bring up the engine's parts on what the disk holds."""
        self.up = True
        self.steps_left = -1
        pause = self._pausing()
        self.replica = MemoryReplica(
            self.memory,
            self.clock,
            self.names.new_id,
            self.names.new_origin,
            pause,
            instance=f"{self.name}/{self.life}",
        )
        self.book = MemoryPeerBook(self.memory, pause)
        self.log = MemoryLog(self.replica)
        self.responder = Responder(self.replica, Limits(items=self.batch))
        self.bring_up()

    def bring_up(self) -> None:
        """Bring up what operators and peers talk to, over replica, log and book."""
        self.grown = asyncio.Event()
        self.conflicts = self.operators()
        self.replication = Replication(
            Means(
                replica=self.replica,
                book=self.book,
                recording=Recording(self.log, "carla"),
                log=self.log,
                transports=lambda settings: self.lines(self, settings),
                advances=self.advances,
                peers=self.peers,
                clock=self.clock,
                notices=Notices(),
                chance=self.chance.random,
                patience=Patience(budget=2.0),
            )
        )

    def operators(self) -> Conflicts:
        """Return what operators look at conflicts by, as it is when nobody looked before."""
        return Conflicts(self.log, self.log, self.rules, STRATEGIES, Notices(), actor="carla")

    async def advances(self) -> AsyncIterator[Vector]:
        """Yield this node's vector at once and whenever it has grown."""
        told: Vector | None = None
        while True:
            grown, vector = self.grown, self.replica.vector()
            if vector != told:
                told = vector
                yield vector
            elif grown is self.grown:
                await grown.wait()

    async def redact(self, dot: Dot) -> None:
        """Let the payload of an event go, here and on every node that hears of it."""
        redaction = NewEvent(type=REDACTED, aggregate_id=f"event:{dot}", data={"reason": "asked"})
        await self.log.append([redaction], own=True)

    def image(self) -> Image:
        """Copy the disk."""
        return Image(self.memory.copy())

    def put(self, image: Image) -> None:
        """Put a copied disk in the place of this one."""
        self.memory = image.memory.copy()

    def crash(self) -> None:
        """Take the power away. Whoever still works for this life of the node finds out at his next step."""
        self.up = False
        self.life += 1

    def _pausing(self) -> Callable[[str], Awaitable[None]]:
        life = self.life

        async def pause(step: str) -> None:
            self._alive(life)
            if step.endswith("ed") or step.startswith("began"):
                self.kept(self, step)
                self.grown.set()
                self.grown = asyncio.Event()
            if self.steps_left == 0:
                self.crash()
            self.steps_left -= 1
            self._alive(life)
            if self.chance.random() < DISK_WAITS:
                await asyncio.sleep(self.chance.random() * LONGEST_WRITE)
                self._alive(life)

        return pause

    def _alive(self, life: int) -> None:
        if self.life != life:
            raise Crash(f"{self.name} is gone")


@dataclass(frozen=True)
class Image:
    """A disk as it was."""

    memory: Memory
    file: Path | None = None


@dataclass
class Names:
    """Gives out what is to be unique everywhere, the same in every replay."""

    chance: Random
    given: int = 0

    def new_id(self) -> str:
        self.given += 1
        return f"id-{self.given}"

    def new_origin(self, node: str) -> Origin:
        return Origin(f"{node}~{self.chance.getrandbits(32):08x}")
