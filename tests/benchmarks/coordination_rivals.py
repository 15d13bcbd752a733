"""What others use to hold a name, and the least that each backend could do: two round trips, nobody told, no queue."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.storage.connection import patiently


class Contender(ABC):
    """One client. Not re-entrant."""

    @abstractmethod
    async def acquire(self, name: str) -> None:
        """Wait until this client holds a name."""

    @abstractmethod
    async def release(self, name: str) -> None:
        """Give it back."""


Open = Callable[[str, timedelta], AbstractAsyncContextManager[Contender]]


class TwoTransactions(Contender):
    """The least that SQLite could do: a row is updated in a transaction, and again. Nobody is told, nothing is waited
    for, and there is no token, session, queue or end."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 1000"):
            patiently(self._connection, f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE IF NOT EXISTS lock (name TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID")

    async def acquire(self, name: str) -> None:
        self._write(name)

    async def release(self, name: str) -> None:
        self._write(name)

    def _write(self, name: str) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO lock VALUES (?, 1) ON CONFLICT DO UPDATE SET n = n + 1", (name,))
        self._connection.execute("COMMIT")


class Raw(Contender):
    """Two requests, whatever they do."""

    def __init__(self, first: Callable[[str], Any], second: Callable[[str], Any]) -> None:
        self._first = first
        self._second = second

    async def acquire(self, name: str) -> None:
        await self._first(name)

    async def release(self, name: str) -> None:
        await self._second(name)


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


class Http:
    """One connection to a server, kept: the least that a request can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = next((line for line in answer.split(b"\r\n") if line.startswith(b"content-length:")), b"")
        if length:
            said = await self._reader.readexactly(int(length.split(b":")[1]))
        else:  # in pieces, and nobody asks what they say
            said = await self._reader.readuntil(b"\r\n0\r\n\r\n")
        assert answer.startswith(b"http/1.1 200"), said
        return said

    async def json(self, path: str, **body: Any) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(await self.ask("POST", path, json.dumps(body).encode()))
        return said


@asynccontextmanager
async def http(place: str) -> AsyncIterator[Http]:
    server = urlsplit(place)
    reader, writer = await asyncio.open_connection(server.hostname, server.port)
    try:
        yield Http(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def two_transactions(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    yield TwoTransactions(Path(place) / "raw.db")


@asynccontextmanager
async def with_tooz(url: Callable[[str, timedelta], str], place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    from tooz import coordination

    member = coordination.get_coordinator(url(place, ttl), f"client-{os.getpid()}".encode())
    member.start()
    yield Blocking(lambda name: member.get_lock(name.encode()))
    member.stop()


@asynccontextmanager
async def with_filelock(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    from filelock import FileLock

    yield Blocking(lambda name: FileLock(Path(place) / f"{name}.filelock"))


@asynccontextmanager
async def with_fasteners(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    from fasteners import InterProcessLock

    yield Blocking(lambda name: InterProcessLock(Path(place) / f"{name}.fasteners"))


@asynccontextmanager
async def redis_set_del(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    from redis.asyncio import Redis

    async with Redis.from_url(_plain(place), protocol=3) as redis:
        yield Raw(lambda name: redis.set(f"raw-{name}", "1", nx=True, px=ttl), lambda name: redis.delete(f"raw-{name}"))


@asynccontextmanager
async def with_redis_py(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    from redis import Redis

    with Redis.from_url(_plain(place), protocol=3) as redis:
        yield Blocking(lambda name: redis.lock(f"redis-py-{name}", timeout=ttl.total_seconds()))


@asynccontextmanager
async def with_python_redis_lock(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    from redis import StrictRedis
    from redis_lock import Lock

    with StrictRedis.from_url(_plain(place), protocol=3) as redis:
        yield Blocking(lambda name: Lock(redis, name, expire=int(ttl.total_seconds())))


@asynccontextmanager
async def two_updates(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    """A row is written in a transaction, and again; durable, as a token has to be."""
    import asyncpg

    connection = await asyncpg.connect(_plain(place))
    await connection.execute("SELECT pg_advisory_lock(42)")  # two that create one table at once are an error
    await connection.execute("CREATE TABLE IF NOT EXISTS raw (name TEXT PRIMARY KEY, n INTEGER)")
    await connection.execute("SELECT pg_advisory_unlock(42)")
    upsert = await connection.prepare("INSERT INTO raw VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = raw.n + 1")
    yield Raw(upsert.fetch, upsert.fetch)
    await connection.close()


@asynccontextmanager
async def pg_advisory_lock(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    import asyncpg

    connection = await asyncpg.connect(_plain(place))
    take = await connection.prepare("SELECT pg_advisory_lock(hashtextextended($1, 7))")
    leave = await connection.prepare("SELECT pg_advisory_unlock(hashtextextended($1, 7))")
    yield Raw(take.fetch, leave.fetch)
    await connection.close()


@asynccontextmanager
async def etcd_put_delete(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    async with http(place) as etcd:
        yield Raw(
            lambda name: etcd.json("/v3/kv/put", key=_coded(f"raw-{name}"), value=_coded("1")),
            lambda name: etcd.json("/v3/kv/deleterange", key=_coded(f"raw-{name}")),
        )


class V3Lock(Contender):
    """etcd's own lock service: the server keeps the queue."""

    def __init__(self, etcd: Http, lease: str) -> None:
        self._etcd = etcd
        self._lease = lease
        self._held: dict[str, str] = {}

    async def acquire(self, name: str) -> None:
        said = await self._etcd.json("/v3/lock/lock", name=_coded(f"v3lock-{name}"), lease=self._lease)
        self._held[name] = said["key"]

    async def release(self, name: str) -> None:
        await self._etcd.json("/v3/lock/unlock", key=self._held.pop(name))


@asynccontextmanager
async def etcd_v3lock(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    async with AsyncExitStack() as stack:
        etcd, keeping = [await stack.enter_async_context(http(place)) for _ in range(2)]
        lease = (await etcd.json("/v3/lease/grant", TTL=int(ttl.total_seconds())))["ID"]

        async def renew() -> None:
            while True:
                await asyncio.sleep(ttl.total_seconds() / 3)
                await keeping.ask("POST", "/v3/lease/keepalive", json.dumps({"ID": lease}).encode())

        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(renew())
            yield V3Lock(etcd, lease)
            renewing.cancel()


@asynccontextmanager
async def nats_create_delete(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    import nats
    from nats.js.errors import BadRequestError

    connection = await nats.connect(_plain(place))
    stream = connection.jetstream()
    try:
        bucket = await stream.create_key_value(bucket="raw")
    except BadRequestError:  # another client was first
        bucket = await stream.key_value("raw")
    yield Raw(lambda name: bucket.put(name, b"1"), bucket.delete)
    await connection.close()


@asynccontextmanager
async def consul_acquire_release(place: str, ttl: timedelta) -> AsyncIterator[Contender]:
    async with http(place) as consul:
        session = json.loads(await consul.ask("PUT", "/v1/session/create", b'{"LockDelay": "0s"}'))["ID"]
        yield Raw(
            lambda name: consul.ask("PUT", f"/v1/kv/raw/{name}?acquire={session}", b"1"),
            lambda name: consul.ask("PUT", f"/v1/kv/raw/{name}?release={session}", b"1"),
        )
        await consul.ask("PUT", f"/v1/session/destroy/{session}")


def _plain(place: str) -> str:
    return urlsplit(place)._replace(fragment="").geturl()


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _tooz_redis(place: str, ttl: timedelta) -> str:
    return f"{_plain(place)}?lock_timeout={int(ttl.total_seconds())}"


def _tooz_etcd(place: str, ttl: timedelta) -> str:
    return f"etcd3+{_plain(place)}?lock_timeout={int(ttl.total_seconds())}"


RIVALS: Mapping[str, Open] = {
    "two-transactions": two_transactions,
    "tooz-file": partial(with_tooz, lambda place, _: f"file://{place}/tooz"),
    "filelock": with_filelock,
    "fasteners": with_fasteners,
    "redis-set-del": redis_set_del,
    "tooz-redis": partial(with_tooz, _tooz_redis),
    "redis-py": with_redis_py,
    "python-redis-lock": with_python_redis_lock,
    "two-updates": two_updates,
    "tooz-postgresql": partial(with_tooz, lambda place, _: _plain(place)),
    "pg_advisory_lock": pg_advisory_lock,
    "etcd-put-delete": etcd_put_delete,
    "tooz-etcd3gw": partial(with_tooz, _tooz_etcd),
    "etcd-v3lock": etcd_v3lock,
    "nats-create-delete": nats_create_delete,
    "consul-acquire-release": consul_acquire_release,
}
