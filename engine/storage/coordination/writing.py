"""All changing of one store: transactions, and what is to be told after each of them."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from engine.clock import Clock
from engine.errors import ReadOnly
from engine.storage.coordination.bell import Bell
from engine.storage.coordination.sessions import end_overdue
from engine.storage.coordination.transactions import BUSY, Transactions
from engine.storage.coordination.turn import Turn, Wake, Work
from engine.storage.coordination.upkeep import Upkeep
from engine.storage.coordination.wake import Mailbox, remove, sweep
from engine.storage.coordination.watch import Watch

T = TypeVar("T")


class Writing(Protocol):
    """How a store changes what is kept. Every method raises `CoordinationUnavailable`."""

    @abstractmethod
    async def run(self, work: Work[T]) -> T:
        """Do a work in a transaction; what it returns is on record: a crash of this process does not undo it."""

    @abstractmethod
    async def run_durably(self, work: Work[T]) -> T:
        """Do a work in a transaction; what it returns is on the disk."""


class LookingOnly(Writing):
    """Of a store that was opened to look."""

    async def run(self, work: Work[T]) -> T:  # noqa: ARG002
        raise ReadOnly("Locks and keys are open to look only. Start again without --read-only to change anything.")

    async def run_durably(self, work: Work[T]) -> T:
        return await self.run(work)


class Changing(Writing):
    """Of a store that takes part. Belongs to an event loop."""

    def __init__(self, path: Path, clock: Clock, namespace: int, watch: Watch, bell: Bell) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._bell = bell
        self._told: Callable[[Wake], None] | None = None
        self._upkeep = Upkeep(path)
        self._mailbox: Mailbox | None = None
        self._transactions = Transactions(path, clock, namespace, watch.gone, self._committed)
        self._upkeep.start()

    def open_mailbox(self, told: Callable[[Wake], None], lost_count: Callable[[], None]) -> str:
        """Begin to hear from other processes; return the address to give to sessions."""
        self._told = told
        self._mailbox = Mailbox(told, lost_count)
        return self._mailbox.address

    async def run(self, work: Work[T]) -> T:
        return await self._transactions.run(work)

    async def run_durably(self, work: Work[T]) -> T:
        return await self._transactions.run_durably(work)

    def end_at_once(self, mark: str) -> bool:
        """End what a dead process had, if nobody else is writing; return whether that was done."""
        return self._transactions.at_once(partial(end_overdue, dead=(mark,))) is not BUSY

    def _committed(self, turns: Sequence[Turn]) -> None:
        """Tell of transactions that are on record; in whichever thread did them."""
        changed = 0
        for turn in turns:
            changed += turn.changed
            for address, wake in turn.wakes:
                self._send(address, wake)
            for address in turn.abandoned:
                remove(address)
        if changed:
            self._bell.ring()
            self._upkeep.note(changed)

    def _send(self, address: str, wake: Wake) -> None:
        if self._mailbox is None or address != self._mailbox.address:
            if self._mailbox is not None:
                self._mailbox.send(address, wake)
        elif self._told is not None:
            if threading.get_ident() == self._thread:
                self._told(wake)
            else:
                self._loop.call_soon_threadsafe(self._told, wake)

    async def close(self) -> None:
        """Do what was asked for, then let go of the file."""
        await self._transactions.close()
        await asyncio.to_thread(self._upkeep.close)
        if self._mailbox is not None and self._mailbox.address:
            await asyncio.to_thread(sweep, self._mailbox.address)
        if self._mailbox is not None:
            self._mailbox.close()
