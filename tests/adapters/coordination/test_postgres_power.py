"""A holder whose machine lost its power: nothing answers any more, and nobody ended its connections."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psutil
import pytest

from adapters.coordination.postgres import life_line
from adapters.coordination.postgres.backend import PostgresStore
from adapters.coordination.postgres.schema import lock_class, schema_of
from engine.coordination.observed import margin
from engine.coordination.standing import Who
from tests.adapters.coordination.at_postgres import backend, server
from tests.contracts.store_case import until

WHO = Who(node="n", actor="a@h", pid=1)
ATTACH_FILTER = 26
DROP_EVERYTHING = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A packet filter of one instruction, "return 0" (Linux, socket(7), SO_ATTACH_FILTER)."""


def unplug(port: int) -> None:
    """Let this process's kernel take no packet from this port any more, so that nothing acknowledges anything."""
    program = ctypes.create_string_buffer(DROP_EVERYTHING)
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr and connection.raddr.port == port:
            with socket.socket(fileno=os.dup(connection.fd)) as line:
                line.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))


async def test_the_server_drops_the_lines_of_a_dead_machine_by_itself_which_takes_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody else looks on: the server alone finds it out, by what the lines asked of it."""
    for name in ("KEEPALIVE_IDLE", "KEEPALIVE_INTERVAL", "KEEPALIVES"):
        monkeypatch.setattr(life_line, name, 1)
    async with _opened("unplugged") as store:
        await store.begin(WHO, timedelta(seconds=0.5), lambda name, token: None)
        assert _signs_of_life("unplugged") == 2
        unplug(server().port)

        async def dropped() -> bool:
            return _signs_of_life("unplugged") == 0

        await until(dropped, 10)


@pytest.mark.parametrize("ttl", [timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=2)], ids=str)
async def test_the_server_is_to_keep_a_silent_line_while_its_session_may_live_and_little_longer(ttl: timedelta) -> None:
    async with _opened("silent") as store:
        session = await store.begin(WHO, ttl, lambda name, token: None)
        for line in (store.lines.listener, store.lines.asker):
            rows = await line.ask("SELECT name, setting::integer FROM pg_settings WHERE name LIKE 'tcp%'")
            asked = {row[0].removeprefix("tcp_"): row[1] for row in rows}
            whole = asked["keepalives_idle"] + asked["keepalives_interval"] * asked["keepalives_count"]
            assert asked["user_timeout"] == whole * 1000
            least = ttl + margin(ttl)
            assert least <= timedelta(seconds=whole) <= max(timedelta(seconds=11), least + timedelta(seconds=2))
        await store.end(session)


@asynccontextmanager
async def _opened(namespace: str) -> AsyncIterator[PostgresStore]:
    """Connect straight to the server: a switch between would answer for whoever is dead."""
    async with backend(namespace).open() as store:
        assert isinstance(store, PostgresStore)
        yield store


def _signs_of_life(namespace: str) -> int:
    with server().connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' "
            "AND classid = %s AND objid < 2147483648",
            (lock_class(schema_of(namespace)),),
        ).fetchone()
    assert found is not None
    return int(found[0])
