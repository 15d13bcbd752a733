"""A line that a process keeps to PostgreSQL as a sign of life, and the watch over those of others.

Each line holds an advisory lock with a number of its own, which the server frees the moment the connection is gone. A
process has two (`lines`): only who has lost both is taken for crashed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from math import ceil

import asyncpg

from adapters.coordination.postgres.address import BROKEN, Address
from adapters.coordination.postgres.desk import Connection
from adapters.coordination.postgres.schema import lock_class, quoted
from engine.clock import Clock
from engine.coordination.observed import margin
from engine.errors import CoordinationError

DIAL_AGAIN = timedelta(milliseconds=20)
LONGEST_DIAL_PAUSE = timedelta(seconds=1)

WATCH_MILLISECONDS = 1_000
"""A watch that nobody wants any more is over on the server after so long."""

KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVES = 5, 2, 3
"""Seconds and number: the server notices a dead peer after 11 s. Its defaults are hours."""


Told = Callable[[str], None]
"""Called with what was told on a channel."""


class LifeLine:
    """A connection with a sign of life, kept up."""

    def __init__(self, address: Address, schema: str, clock: Clock) -> None:
        self.life = 0
        """The number of its lock; another one with each connection."""
        self.taken_up: Callable[[], Awaitable[None]] = _nothing
        """Runs over every new connection before it counts. Raises `CoordinationError` if it is of no use."""
        self.changed: Callable[[], None] = _nobody
        """Told when the line is up, and when it broke."""
        self._address = address
        self._schema = schema
        self._clock = clock
        self._connection: Connection | None = None
        self._told: dict[str, Told] = {}
        self._using = asyncio.Lock()
        self._down = asyncio.Event()
        self._back = asyncio.Event()
        self._silence = timedelta(0)

    @property
    def up(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    async def dial(self) -> None:
        """Connect, and show the sign of life. Raises `CoordinationError`."""
        connection = await self._address.connect()
        try:
            async with asyncio.timeout(self._address.timeout):
                await self._endure(connection)
                life = await connection.fetchval(f"SELECT nextval('{quoted(self._schema)}.life')")
                await connection.execute("SELECT pg_advisory_lock($1, $2)", lock_class(self._schema), life)
            self._connection, self.life = connection, life
            self._told.clear()
            await self.taken_up()
        except BROKEN as error:
            connection.terminate()
            raise self._address.refusal(error) from error
        except BaseException:
            connection.terminate()
            raise
        self._down.clear()
        self._back.set()
        connection.add_termination_listener(self._ended)
        if connection.is_closed():
            self._ended(connection)
        else:
            self.changed()

    async def keep_up(self) -> None:
        """Dial again whenever it breaks."""
        while True:
            await self._down.wait()
            pause = DIAL_AGAIN
            while not self.up:
                try:
                    await self.dial()
                except CoordinationError:
                    await self._clock.sleep(pause)
                    pause = min(pause * 2, LONGEST_DIAL_PAUSE)

    async def back(self) -> None:
        """Wait a moment for a line that broke: it is being made anew."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_DIAL_PAUSE.total_seconds()):
                await self._back.wait()

    async def ask(self, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Return the rows of a query over this very line; one that stays silent is given up."""
        async with self._using:
            connection = self._connection
            if connection is None or connection.is_closed():
                raise self._address.away()
            try:
                async with asyncio.timeout(self._address.timeout):
                    return await connection.fetch(query.replace("@schema@", quoted(self._schema)), *arguments)
            except asyncpg.PostgresError as error:  # an answer: the line is well
                raise self._address.refusal(error) from error
            except BROKEN as error:
                connection.terminate()
                raise self._address.refusal(error, maybe_done=True) from error

    async def listen(self, channel: str, told: Told) -> None:
        """Give whatever is told on a channel from now on, as long as this connection lasts."""
        async with self._using:
            connection = self._connection
            if connection is None or connection.is_closed():
                return  # the next one will listen to it
            self._told[channel] = told
            try:
                async with asyncio.timeout(self._address.timeout):
                    await connection.add_listener(channel, self._hear)
            except BROKEN as error:
                connection.terminate()
                raise self._address.refusal(error) from error

    async def unlisten(self, channel: str) -> None:
        """Listen to a channel no longer. Raises `CoordinationUnavailable` if the line broke."""
        async with self._using:
            connection = self._connection
            self._told.pop(channel, None)
            if connection is None or connection.is_closed():
                return
            try:
                async with asyncio.timeout(self._address.timeout):
                    await connection.remove_listener(channel, self._hear)
            except BROKEN as error:
                connection.terminate()
                raise self._address.refusal(error) from error

    async def endure(self, ttl: timedelta) -> None:
        """Let the server keep the line, should it hear nothing, for longer than a session with this ttl may be held."""
        silence = ttl + margin(ttl)
        if silence > self._silence:
            self._silence = silence
            async with self._using:
                if self._connection is not None:
                    with suppress(*BROKEN):  # the next connection begins with it
                        async with asyncio.timeout(self._address.timeout):
                            await self._endure(self._connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

    async def _endure(self, connection: Connection) -> None:
        idle = max(KEEPALIVE_IDLE, ceil(self._silence.total_seconds()) - KEEPALIVE_INTERVAL * KEEPALIVES + 1)
        whole = idle + KEEPALIVE_INTERVAL * KEEPALIVES
        await connection.execute(
            f"SET tcp_keepalives_idle = {idle}; SET tcp_keepalives_interval = {KEEPALIVE_INTERVAL};"
            f"SET tcp_keepalives_count = {KEEPALIVES}; SET tcp_user_timeout = {whole * 1000}"
        )

    def _hear(self, _connection: object, _pid: object, channel: str, message: object) -> None:
        told = self._told.get(channel)
        if told is not None:
            told(str(message))

    def _ended(self, connection: object) -> None:
        if connection is self._connection:
            self._down.set()
            self._back.clear()
            self.changed()


async def watch(address: Address, schema: str, life: int, life_too: int) -> bool:
    """Return when both lines with these numbers are gone: whether one of them was seen alive before.

    If not they may belong to somebody who is just coming back. Raises `CoordinationError`.
    """
    connection = await address.connect()
    alive = False
    try:
        await connection.execute(f"SET lock_timeout = {WATCH_MILLISECONDS}")
        for number in (life, life_too):
            lock = lock_class(schema), number
            if not await connection.fetchval("SELECT pg_try_advisory_lock_shared($1, $2)", *lock):
                alive = True
                await _freed(connection, lock)
    except BROKEN as error:
        raise address.refusal(error) from error
    finally:
        connection.terminate()
    return alive


async def _freed(connection: Connection, lock: tuple[int, int]) -> None:
    while True:
        with suppress(asyncpg.LockNotAvailableError):
            await connection.execute("SELECT pg_advisory_lock_shared($1, $2)", *lock)
            return


async def _nothing() -> None:
    """Nobody has anything to take up."""


def _nobody() -> None:
    """Nobody wants to know."""
