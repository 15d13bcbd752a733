"""The least that a queue in a SQLite file can be, handed over by datagram: what any coordination of processes through a
file has to do, and nothing else. No session, token, deadline, history or feed; whoever dies is waited for for ever."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

from engine.storage.connection import patiently
from tests.benchmarks.coordination_rivals import Contender


class BareQueue(Contender):
    """Two transactions of two statements each, and a datagram where somebody waits."""

    def __init__(self, connection: sqlite3.Connection, mailbox: socket.socket) -> None:
        self._connection = connection
        self._mailbox = mailbox
        self._address = mailbox.getsockname()
        self._wanted = ""
        self._granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def acquire(self, name: str) -> None:
        self._wanted = name
        self._granted = asyncio.get_running_loop().create_future()
        self._begin()
        self._connection.execute("INSERT INTO queue (name, address) VALUES (?, ?)", (name, self._address))
        first = self._first(name)
        self._connection.execute("COMMIT")
        if first != self._address:
            await self._granted

    async def release(self, name: str) -> None:
        self._begin()
        self._connection.execute(
            "DELETE FROM queue WHERE place = (SELECT min(place) FROM queue WHERE name = ?)", (name,)
        )
        following = self._first(name)
        self._connection.execute("COMMIT")
        if following is not None:
            self._mailbox.sendto(b"yours", following)

    def told(self) -> None:
        """Look whether the word that came is true, as whoever is told has to."""
        self._mailbox.recv(16)
        if self._first(self._wanted) == self._address:
            self._granted.set_result(None)

    def _begin(self) -> None:
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.sched_yield()
            else:
                return

    def _first(self, name: str) -> str | None:
        row = self._connection.execute(
            "SELECT address FROM queue WHERE name = ? ORDER BY place LIMIT 1", (name,)
        ).fetchone()
        return None if row is None else str(row[0])


@asynccontextmanager
async def bare_queue(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    """Take part in the queue in a folder."""
    connection = sqlite3.connect(Path(place) / "queue.db", isolation_level=None, timeout=60)
    with closing(connection), closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as mailbox:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 1000"):
            patiently(connection, f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE IF NOT EXISTS queue (place INTEGER PRIMARY KEY, name TEXT, address TEXT)")
        connection.execute("PRAGMA busy_timeout = 0")
        mailbox.setblocking(False)
        mailbox.bind(str(Path(place) / str(os.getpid())))
        queue = BareQueue(connection, mailbox)
        loop = asyncio.get_running_loop()
        loop.add_reader(mailbox, queue.told)
        try:
            yield queue
        finally:
            loop.remove_reader(mailbox)
