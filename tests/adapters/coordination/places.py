"""The servers that the tests of observed backends run on, and processes that take part."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

import pytest
import redis

from adapters.coordination.postgres.schema import schema_of
from engine.clock import SystemClock
from tests.contracts.coordination_sandboxes.postgres import OnPostgres
from tests.contracts.coordination_sandboxes.redis import OnRedis, OnValkey
from tests.servers.engines import engine
from tests.servers.postgres import USER, Postgres

OBSERVED: Sequence[type[OnRedis] | type[OnPostgres]] = (OnRedis, OnValkey, OnPostgres)
Kind = type[OnRedis] | type[OnPostgres]
every_place = pytest.mark.parametrize("kind", OBSERVED, ids=[kind.label for kind in OBSERVED])


class ClockWithoutSleepers(SystemClock):
    """Nothing happens by itself: whoever waits for a while waits for ever."""

    async def sleep(self, pause: timedelta) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def holding(sandbox: OnRedis | OnPostgres, name: str, ttl: timedelta) -> AsyncIterator[Process]:
    """A process that holds a name when the block begins, and is killed at its end if not before."""
    server = engine(sandbox.label)
    address, environment = server.address, dict(os.environ)
    if sandbox.label == "postgres":
        address = f"{USER}@{address}/postgres"
        environment["PGPASSWORD"] = cast("Postgres", server).password
    arguments = ("-m", "tests.adapters.coordination.holder", sandbox.label, address, sandbox.namespace, name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, str(ttl.total_seconds()), stdout=PIPE, env=environment
    )
    try:
        assert (await heard_from(process)).startswith("holds")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def heard_from(process: Process) -> str:
    """Return the next thing that a process says."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode().strip()


async def left_behind(sandbox: OnRedis | OnPostgres) -> tuple[int, int]:
    """Return how many connections the server has, and how many keys or rows the namespace, without those of the past,
    which are bounded."""
    server = engine(sandbox.label)
    if isinstance(server, Postgres):
        schema = f'"{schema_of(sandbox.namespace)}"'
        tables = ("session", "hold", "waiter", "withdrawn", "entry", "stream", "message")
        counts = "+".join(f"(SELECT count(*) FROM {schema}.{table})" for table in tables)
        with server.connect() as connection:
            row = connection.execute(
                f"SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'syncdeck'), {counts}"
            ).fetchone()
        assert row is not None
        return row[0], row[1]
    with redis.Redis(port=server.port) as client:
        keys = client.keys(f"{{{sandbox.namespace}}}:*")
        bounded = (b":past:", b":log", b":fence", b":turn", b":changes", b":revision")
        connections = [one for one in client.client_list() if one["name"] == "syncdeck"]
        return len(connections), sum(not any(word in key for word in bounded) for key in keys)
