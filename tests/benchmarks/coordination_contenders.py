"""Ours among the ways to hold a name, each behind the same two calls, and the table of all by kind. All clients of a
measurement share a place (`coordination_places`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from adapters.registry import Registry
from engine.clock import SystemClock
from engine.coordination.coordination import Coordination
from engine.coordination.holding.lease import Lease
from engine.coordination.standing import Claim, SessionId, Token, Who
from engine.coordination.store import Backend, Store
from engine.settings.context import AdapterContext
from engine.settings.coordination import CoordinationSettings, SharedSettings
from engine.storage.coordination.store import SqliteStore
from tests.benchmarks.coordination_bare import bare_queue
from tests.benchmarks.coordination_rivals import RIVALS, Contender, Open
from tests.doubles.coordinated import Habits, process


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

    def __init__(self, coordination: Coordination) -> None:
        self.coordination = coordination
        self._held: dict[str, AbstractAsyncContextManager[Lease]] = {}

    async def acquire(self, name: str) -> None:
        self._held[name] = held = self.coordination.lock(name)
        await held.__aenter__()

    async def release(self, name: str) -> None:
        await self._held.pop(name).__aexit__(None, None, None)


def sqlite_backend(place: str) -> Backend:
    """Return the coordination file in a folder."""
    return SqliteStore(Path(place) / "coordination.db", SystemClock(), "bench")


def served_backend(kind: str, place: str) -> Backend:
    """Return the backend at a server: the URL without its password, and the namespace behind `#`."""
    parts = urlsplit(place)
    login = f"{parts.username}@" if parts.username else ""
    url = urlunsplit(parts._replace(netloc=f"{login}{parts.hostname}:{parts.port}", fragment=""))
    registry = Registry()
    given: dict[str, Any] = {"url": url, "timeout": timedelta(seconds=5)}
    if parts.password:
        given["password"] = "env:PASSWORD"
    if kind == "consul":
        given["shortest_ttl"] = timedelta(seconds=1)
    context = AdapterContext(
        adapter="coordination", folder=Path(), secrets=lambda reference, folder: parts.password or ""
    )
    settings = CoordinationSettings(
        type=kind, shared=SharedSettings(namespace=parts.fragment), own=registry.backend_settings(kind)(**given)
    )
    return registry.backend(settings, context, SystemClock())


@asynccontextmanager
async def our_store(at: Callable[[str], Backend], place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    """Take part at a backend."""
    async with at(place).open() as store:
        who = Who(node="berlin-1", actor="anna@berlin-1", pid=os.getpid(), purpose="benchmark")
        session = await store.begin(who, ttl, _lost)
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(_renew(store, session, ttl))
                yield OurStore(store, session)
                renewing.cancel()
        finally:
            await store.end(session)


async def _renew(store: Store, session: SessionId, ttl: timedelta) -> None:
    while True:
        await asyncio.sleep(ttl.total_seconds() / 3)
        await store.renew(session)


def _lost(name: str, token: Token) -> None:
    raise AssertionError(f"{name} was taken away under token {token}")


@asynccontextmanager
async def our_lock(at: Callable[[str], Backend], place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    """Take part as the program does."""
    async with process(at(place), SystemClock(), f"client-{os.getpid()}", Habits(ttl=ttl)) as taking_part:
        yield OurLock(taking_part.coordination)


def _ours(kind: str) -> Mapping[str, Open]:
    at = sqlite_backend if kind == "sqlite" else partial(served_backend, kind)
    return {f"{kind}-store": partial(our_store, at), f"{kind}-lock": partial(our_lock, at)}


CONTENDERS: Mapping[str, Open] = {
    **_ours("sqlite"),
    **_ours("redis"),
    **_ours("postgres"),
    **_ours("etcd"),
    **_ours("nats"),
    **_ours("consul"),
    "bare-queue": bare_queue,
    **RIVALS,
}
