"""Ways to hold a name, each behind the same two calls: ours, and its rivals. A table by kind, with the place (a folder,
an address) that all clients of a measurement share."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from engine.coordination.lease import Lease
from engine.coordination.standing import Claim, SessionId, Token, Who
from engine.coordination.store import Backend, Store
from engine.storage.coordination.store import SqliteStore
from tests.doubles.coordinated import process

WHO = Who(node="berlin-1", actor="anna@berlin-1", pid=os.getpid(), purpose="benchmark")
TTL = timedelta(seconds=10)


class Contender(ABC):
    """One client. Not re-entrant."""

    @abstractmethod
    async def acquire(self, name: str) -> None:
        """Wait until this client holds a name."""

    @abstractmethod
    async def release(self, name: str) -> None:
        """Give it back."""


class OurStore(Contender):
    """The store of a backend."""

    def __init__(self, store: Store, session: SessionId) -> None:
        self.store = store
        self._session = session
        self._nonces = count()
        self._held: dict[str, Claim] = {}

    async def acquire(self, name: str) -> None:
        claim = Claim(self._session, name, str(next(self._nonces)))
        await self.store.claim(claim)
        self._held[name] = claim

    async def release(self, name: str) -> None:
        await self.store.release(self._held.pop(name))


class OurLock(Contender):
    """The lock that is written over the store."""

    def __init__(self, lock: Callable[[str], AbstractAsyncContextManager[Lease]]) -> None:
        self._lock = lock
        self._held: dict[str, AbstractAsyncContextManager[Lease]] = {}

    async def acquire(self, name: str) -> None:
        self._held[name] = held = self._lock(name)
        await held.__aenter__()

    async def release(self, name: str) -> None:
        await self._held.pop(name).__aexit__(None, None, None)


class TwoTransactions(Contender):
    """The least that SQLite could do: a row is updated in a transaction, and again. Nobody is told, nothing is waited
    for, and there is no token, session, queue or end."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 1000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE IF NOT EXISTS lock (name TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID")

    async def acquire(self, name: str) -> None:
        self._write(name)

    async def release(self, name: str) -> None:
        self._write(name)

    def _write(self, name: str) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO lock VALUES (?, 1) ON CONFLICT DO UPDATE SET n = n + 1", (name,))
        self._connection.execute("COMMIT")


class Blocking(Contender):
    """A library's lock that blocks its thread: `make` returns one for a name, with methods `acquire` and `release`."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make
        self._locks: dict[str, Any] = {}

    async def acquire(self, name: str) -> None:
        if name not in self._locks:
            self._locks[name] = self._make(name)
        self._locks[name].acquire()

    async def release(self, name: str) -> None:
        self._locks[name].release()


def sqlite_backend(place: str) -> Backend:
    """Return the coordination file in a folder."""
    return SqliteStore(Path(place) / "coordination.db", SystemClock(), "bench")


@asynccontextmanager
async def our_store(backend: Backend) -> AsyncIterator[Contender]:
    """Take part at a backend."""
    async with backend.open() as store:
        session = await store.begin(WHO, TTL, _lost)
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(_renew(store, session))
                yield OurStore(store, session)
                renewing.cancel()
        finally:
            await store.end(session)


async def _renew(store: Store, session: SessionId) -> None:
    while True:
        await asyncio.sleep(TTL.total_seconds() / 3)
        await store.renew(session)


def _lost(name: str, token: Token) -> None:
    raise AssertionError(f"{name} was taken away under token {token}")


@asynccontextmanager
async def our_lock(backend: Backend) -> AsyncIterator[Contender]:
    """Take part as the program does."""
    async with process(backend, SystemClock(), f"client-{os.getpid()}") as taking_part:
        yield OurLock(taking_part.coordination.lock)


@asynccontextmanager
async def two_transactions(place: str) -> AsyncIterator[Contender]:
    yield TwoTransactions(Path(place) / "raw.db")


@asynccontextmanager
async def with_tooz_file(place: str) -> AsyncIterator[Contender]:
    from tooz import coordination

    member = coordination.get_coordinator(f"file://{place}/tooz", f"client-{os.getpid()}".encode())
    member.start()
    yield Blocking(lambda name: member.get_lock(name.encode()))
    member.stop()


@asynccontextmanager
async def with_filelock(place: str) -> AsyncIterator[Contender]:
    from filelock import FileLock

    yield Blocking(lambda name: FileLock(Path(place) / f"{name}.filelock"))


@asynccontextmanager
async def with_fasteners(place: str) -> AsyncIterator[Contender]:
    from fasteners import InterProcessLock

    yield Blocking(lambda name: InterProcessLock(Path(place) / f"{name}.fasteners"))


Open = Callable[[str], AbstractAsyncContextManager[Contender]]

CONTENDERS: Mapping[str, Open] = {
    "sqlite": lambda place: our_store(sqlite_backend(place)),
    "sqlite-lock": lambda place: our_lock(sqlite_backend(place)),
    "two-transactions": two_transactions,
    "tooz-file": with_tooz_file,
    "filelock": with_filelock,
    "fasteners": with_fasteners,
}
