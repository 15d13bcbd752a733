"""Readings of many statements, each seeing one state of the file from its beginning to its end."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.storage.connection import connect, telling

T = TypeVar("T")

AT_ONCE = 2
INTERRUPT_AGAIN = 0.05
"""Seconds. An interrupt ends the statement that is running; the next one needs another."""


class Snapshots:
    """Connections for reading in threads, opened when they are first needed. Belongs to one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a work that only reads. Cancelling interrupts it."""
        async with self._turns:
            connection = self._idle.pop() if self._idle else await asyncio.to_thread(self._open)
            running = asyncio.get_running_loop().run_in_executor(None, partial(self._in_one_state, connection, work))
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                while not running.done():  # it is given back only when no thread uses it any more
                    connection.interrupt()
                    await asyncio.wait([running], timeout=INTERRUPT_AGAIN)
                with suppress(Exception):
                    running.result()
                raise
            finally:
                self._idle.append(connection)

    def close(self) -> None:
        """Close the connections; whoever reads has been cancelled before."""
        while self._idle:
            self._idle.pop().close()

    def _open(self) -> sqlite3.Connection:
        with telling(self._path):
            return connect(self._path, read_only=True)

    def _in_one_state(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        with telling(self._path):
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                connection.execute("ROLLBACK")
