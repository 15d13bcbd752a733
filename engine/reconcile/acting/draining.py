"""Reading an endpoint whole, page after page, into whoever collects."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

from engine.reconcile.ports import Source
from engine.reconcile.records import Batch


class Collector(Protocol):
    """Whoever takes what is read, and refuses it when it is not complete (`reading.Reading`)."""

    @abstractmethod
    def add(self, batch: Batch) -> None:
        """Take one batch."""


C = TypeVar("C", bound=Collector)


async def drain(source: Source, collector: C, told: Callable[[int], None] | None = None) -> C:
    """Hand every batch of one read to the collector and return it; `told` hears how many records there are so far."""
    count = 0
    async for batch in source.read():
        collector.add(batch)
        count += len(batch.spellings)
        if told is not None:
            told(count)
        await asyncio.sleep(0)  # an endpoint that never waits must not keep leases from being renewed
    return collector
