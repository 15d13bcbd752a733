"""What all processes of a workspace remember of peers, and whose turn it is to sync with one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

from msgspec import DecodeError, json

from engine.clock import Clock
from engine.errors import StorageError
from engine.events.replicating.ports import PeerBook
from engine.events.replicating.standing import PeerMemory
from engine.storage.database import Database
from engine.storage.moments import to_number
from engine.storage.processes import is_gone, this_process
from engine.together import together

TURN = timedelta(minutes=2)
"""A holder that is not seen to have died (another container on the same file) loses its turn after so long without a
sign of life."""

_MEMORY = "SELECT memory FROM peer WHERE name = ?"

_REMEMBER = """
    INSERT INTO peer VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET memory = excluded.memory, updated = excluded.updated
"""

_HELD = "SELECT process, expires_at FROM lease WHERE name = ? AND released = 0"

_TAKE = """
    INSERT INTO lease (name, holder, process, token, since, expires_at, released) VALUES (?1, ?2, ?3, 1, ?4, ?5, 0)
    ON CONFLICT (name) DO UPDATE SET token = token + 1, holder = ?2, process = ?3, since = ?4, expires_at = ?5,
        released = 0
    RETURNING token
"""

_RENEW = "UPDATE lease SET expires_at = ? WHERE name = ? AND token = ? AND released = 0"

_RELEASE = "UPDATE lease SET released = 1 WHERE name = ? AND token = ? AND released = 0"


class StoredPeerBook(PeerBook):
    """Keeps memories in the state file. `holder` is named to whoever wonders why it is not his turn."""

    def __init__(self, database: Database, clock: Clock, holder: str) -> None:
        self._database = database
        self._clock = clock
        self._holder = holder

    async def recall(self, peer: str) -> PeerMemory:
        rows = await self._database.rows(_MEMORY, (peer,))
        return _read(rows[0][0]) if rows else PeerMemory()

    async def amend(self, peer: str, change: Callable[[PeerMemory], PeerMemory]) -> PeerMemory:
        now = to_number(self._clock.now())

        def amend(connection: sqlite3.Connection) -> PeerMemory:
            row = connection.execute(_MEMORY, (peer,)).fetchone()
            memory = change(_read(row[0]) if row else PeerMemory())
            connection.execute(_REMEMBER, (peer, json.encode(memory).decode(), now))
            return memory

        return await self._database.write(amend)

    @asynccontextmanager
    async def turn(self, peer: str) -> AsyncIterator[bool]:
        name = f"peer:{peer}"
        token = await self._take(name)
        if token is None:
            yield False
            return
        try:
            async with together() as group:
                renewing = group.create_task(self._renew(name, token))
                yield True
                renewing.cancel()
        finally:
            with suppress(StorageError):  # a file that is gone holds no turn
                await asyncio.shield(self._database.submit(partial(_run, _RELEASE, (name, token))))

    async def _take(self, name: str) -> int | None:
        """Return the token of a turn, None if somebody else has it."""
        now = self._clock.now()

        def take(connection: sqlite3.Connection) -> int | None:
            held = connection.execute(_HELD, (name,)).fetchone()
            if held is not None and held[1] > to_number(now) and not is_gone(held[0]):
                return None
            values = (name, self._holder, this_process(), to_number(now), to_number(now + TURN))
            ((token,),) = connection.execute(_TAKE, values).fetchall()
            return int(token)

        return await self._database.write(take)

    async def _renew(self, name: str, token: int) -> None:
        while True:
            await self._clock.sleep(TURN / 3)
            await self._database.write(partial(_run, _RENEW, (to_number(self._clock.now() + TURN), name, token)))


def _run(sql: str, values: tuple[object, ...], connection: sqlite3.Connection) -> None:
    connection.execute(sql, values)


def _read(text: str) -> PeerMemory:
    """Return a memory; an empty one for what a later or earlier version wrote in another form: it is only a memory."""
    try:
        return json.decode(text, type=PeerMemory)
    except DecodeError:
        return PeerMemory()
