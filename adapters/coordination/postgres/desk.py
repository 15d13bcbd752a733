"""The connections that requests go through: a few, made when needed and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

import asyncpg

from adapters.coordination.postgres.address import BROKEN, Address
from engine.errors import CoordinationError

MOST_CONNECTIONS = 4

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LASTING = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
"""A grant must outlive a crash of the server, or its token is given again: with `off`, 1 came after 100 (measured)."""


class Desk:
    """Requests, one at a time for each connection. One that its caller no longer waits for is carried through: to stop
    it half-way would cost the connection."""

    def __init__(self, address: Address, group: asyncio.TaskGroup, schema: str) -> None:
        self.address = address
        self.schema = schema
        self._group = group
        self._idle: list[Connection] = []
        self._closed = False
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)

    async def call(self, function: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Call a function of the schema and return the rows it gives."""
        given = ", ".join(f"${at}" for at in range(1, len(arguments) + 1))
        return await self.ask(f"SELECT * FROM @schema@.{function}({given})", *arguments)  # noqa: S608 - our own names

    async def ask(self, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Return the rows of a query. Raises `CoordinationError`, of `CoordinationUnavailable` with `maybe_done` where
        the request had been sent."""
        if self._closed:
            raise self.address.closed()
        query = query.replace("@schema@", self.schema)
        outcome = await asyncio.shield(self._group.create_task(self._answered(query, arguments)))
        if isinstance(outcome, CoordinationError):
            raise outcome
        return outcome

    def close(self) -> None:
        """Close all connections, each once its request is done."""
        self._closed = True
        while self._idle:
            self._idle.pop().terminate()

    async def _answered(self, query: str, arguments: Sequence[object]) -> Sequence[asyncpg.Record] | CoordinationError:
        """Never raises: its task may be nobody's any more."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.address.timeout), self._places:
                connection = await self._connection()
                rows: Sequence[asyncpg.Record] = await connection.fetch(query, *arguments)
                self._done_with(connection)
                return rows
        except CoordinationError as error:
            return error
        except asyncpg.PostgresError as error:
            if connection is not None:
                self._done_with(connection)
            return self.address.refusal(error, maybe_done=connection is not None)
        except BROKEN as error:
            if connection is not None:
                connection.terminate()
            return self.address.refusal(error, maybe_done=connection is not None)

    def _done_with(self, connection: Connection) -> None:
        if self._closed:
            connection.terminate()
        elif not connection.is_closed():
            self._idle.append(connection)

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        connection = await self.address.connect()
        try:
            await connection.execute(LASTING)
        except BaseException:
            connection.terminate()
            raise
        return connection
