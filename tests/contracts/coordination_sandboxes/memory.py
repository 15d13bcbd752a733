"""The backend in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from engine.coordination.memory.backend import PROMISES, MemoryBackend
from tests.contracts.store_sandbox import Circumstance, StoreSandbox
from tests.doubles.virtual_time import DriftingClock, VirtualLoop

T = TypeVar("T")

NO_SERVER = "There is no server and no line: it is part of the process."


class InMemory(StoreSandbox):
    label = "memory"
    promises = PROMISES
    lacks = dict.fromkeys(Circumstance, NO_SERVER)
    ttl = timedelta(seconds=3)
    slack = timedelta(milliseconds=10)
    expiry_slack = timedelta(milliseconds=10)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = DriftingClock(asyncio.get_running_loop())
        self._backend = MemoryBackend(self.clock)

    @classmethod
    def play(cls, case: Coroutine[Any, Any, T]) -> T:
        loop = VirtualLoop()
        try:
            return loop.play(case)
        finally:
            loop.close()

    def backend(self) -> MemoryBackend:
        return self._backend


SANDBOXES = (InMemory,)
