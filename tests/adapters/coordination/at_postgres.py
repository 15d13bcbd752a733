"""What the tests of PostgreSQL share: its server, and means to look inside and to break a single line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from adapters.coordination.postgres.backend import Postgres, PostgresStore
from adapters.coordination.postgres.life_line import LifeLine
from adapters.coordination.postgres.schema import lock_class, schema_of
from engine.clock import SystemClock
from engine.settings.context import AdapterContext
from tests.contracts.coordination_sandboxes.postgres import OnPostgres
from tests.contracts.store_case import Member, join, until
from tests.servers.engines import engine
from tests.servers.postgres import USER
from tests.servers.postgres import Postgres as Server


def server() -> Server:
    return cast("Server", engine("postgres"))


def backend(
    namespace: str, *, user: str = USER, password: str = "", database: str = "postgres", address: str = "", ca: str = ""
) -> Postgres:
    """Return the backend at the server of the tests, or at another address."""
    secret = password or server().password
    context = AdapterContext(adapter="coordination", folder=Path.cwd(), secrets=lambda reference, folder: secret)
    url = f"postgresql://{user}@{address or server().address}/{database}"
    return Postgres(Postgres.Settings(url=url, password="env:PG", ca=ca), context, SystemClock(), namespace)


async def store_of(sandbox: OnPostgres) -> PostgresStore:
    return cast("PostgresStore", await sandbox.open())


async def joined(sandbox: OnPostgres) -> tuple[PostgresStore, Member]:
    """Return the store of a new process, with a member there."""
    store = await store_of(sandbox)
    return store, await join(sandbox, store=store)


def schema_at(sandbox: OnPostgres) -> str:
    """Return a sandbox's schema, as it is written in a statement."""
    return f'"{schema_of(sandbox.namespace)}"'


def cut(sandbox: OnPostgres, line: LifeLine) -> None:
    """Let the server end this one line."""
    with server().connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND classid = %s AND objid = %s AND objsubid = 2 AND mode = 'ExclusiveLock'",
            (lock_class(schema_of(sandbox.namespace)), line.life),
        )


async def away(line: LifeLine) -> None:
    """Wait until a line is known to be gone."""

    async def gone() -> bool:
        return not line.up

    await until(gone)


def held_back(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> asyncio.Event:
    """Let calls of this method wait until the event is set."""
    gate = asyncio.Event()
    method: Callable[..., Awaitable[None]] = getattr(owner, name)

    async def waiting(*arguments: object) -> None:
        await gate.wait()
        await method(*arguments)

    monkeypatch.setattr(owner, name, waiting)
    return gate


async def waits_for_a_lock(number: int | None = None) -> bool:
    """Tell whether a connection waits for an advisory lock, of this class if one is given."""
    return await asyncio.to_thread(_locks_waited_for, number)


def _locks_waited_for(number: int | None) -> bool:
    with server().connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            "AND (%(number)s::bigint IS NULL OR classid::bigint = %(number)s)",
            {"number": number},
        ).fetchone()
    return found is not None and found[0] > 0
