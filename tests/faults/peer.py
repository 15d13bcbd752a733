"""Another node, that writes and sends what it wrote, batch by batch."""

from __future__ import annotations

from itertools import count

from engine.clock import Clock, SystemClock
from engine.events.event import NewEvent, Origin
from engine.events.replicating.messages import Batch, Limits, Selection
from tests.doubles.replica import MemoryReplica
from tests.doubles.replica_memory import Memory

BATCH = 7
"""Events in each batch: whatever anybody holds of a peer is a multiple of it."""

ABOUT = 4
"""Aggregates, the same ones that others write about."""


class Peer:
    """Writes under one origin, about `task:0` to `task:3`, and tells nobody twice."""

    def __init__(self, origin: Origin, clock: Clock | None = None) -> None:
        self.origin = origin
        numbers = count(1)
        self._replica = MemoryReplica(
            Memory("peer", origin),
            clock or SystemClock(),
            lambda: f"{origin}-{next(numbers)}",
            lambda node: origin,
        )

    async def next_batch(self) -> Batch:
        """Write on, and return what was written."""
        known = self._replica.vector()
        for number in range(BATCH):
            event = NewEvent(type="fault.sent", aggregate_id=f"task:{number % ABOUT}", data={"sent": number})
            await self._replica.append([event])
        return await self._replica.lacking(known, Limits(), Selection())
