"""One node: what its disk holds, and the engine's parts over it, which a crash takes and a start brings back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.events.event import Dot, NewEvent, Origin
from engine.events.own import REDACTED
from engine.events.replicating.messages import Limits
from engine.events.replicating.responder import Responder
from engine.settings.replication import PeerSettings
from tests.doubles.journal import Crash
from tests.doubles.replica import MemoryPeerBook, MemoryReplica
from tests.doubles.replica_log import MemoryLog
from tests.doubles.replica_memory import Memory
from tests.doubles.virtual_time import DriftingClock

LONGEST_WRITE = 0.02
"""Seconds that a disk may take."""


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
            if self.steps_left == 0:
                self.crash()
            self.steps_left -= 1
            self._alive(life)
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
