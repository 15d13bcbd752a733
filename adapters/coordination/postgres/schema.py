"""The schema of a namespace: made by whoever comes first."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from zlib import crc32

import asyncpg

from adapters.coordination.postgres.address import BROKEN, Address
from engine.errors import NotSupported

VERSION = 2
"""Of tables and functions. In version 1 everything was told, whoever listened."""

SEATS = 16
"""Changes that can be told to nobody at the same time; a few times as many as a server has processors."""

PARTS = ("tables.sql", "functions.sql", "key_functions.sql")


def schema_of(namespace: str) -> str:
    return f"{namespace}_coordination"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def lock_class(schema: str) -> int:
    """Return the class of a schema's advisory locks: they are shared by everybody in the database."""
    return crc32(f"syncdeck {schema}".encode()) >> 2


async def prepared(address: Address, schema: str) -> str:
    """Make the schema if it is not there, and return the server's version. Several may come at once.

    Raises `CoordinationError`, `NotSupported` for a schema of another version.
    """
    connection = await address.connect()
    try:
        async with asyncio.timeout(address.timeout), connection.transaction():
            number = lock_class(schema)
            await connection.execute("SELECT pg_advisory_xact_lock($1, 0)", number)
            table = f"{quoted(schema)}.version"
            if await connection.fetchval("SELECT to_regclass($1)::text", table) is None:
                await _make(connection, schema, number)
            version = await connection.fetchval(f"SELECT number FROM {table}")  # noqa: S608 - the name is quoted
            server: str = await connection.fetchval("SHOW server_version")
    except BROKEN as error:
        raise address.refusal(error) from error
    finally:
        connection.terminate()
    if version != VERSION:
        raise NotSupported(
            f"{address.title} has the schema {schema} in version {version}; this program knows {VERSION}. "
            "Use the same program on all nodes, or another namespace."
        )
    return server


async def _make(connection: asyncpg.Connection[asyncpg.Record], schema: str, number: int) -> None:
    if not await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = $1", schema):
        await connection.execute(f"CREATE SCHEMA {quoted(schema)}")
    channel = "'" + schema.replace("'", "''") + "'"
    for part in PARTS:
        text = files("adapters.coordination.postgres").joinpath(part).read_text(encoding="utf-8")
        words = {"@schema@": quoted(schema), "@channel@": channel, "@class@": str(number)}
        words |= {"@seats@": str(SEATS), "@version@": str(VERSION)}
        for word, meant in words.items():
            text = text.replace(word, meant)
        await connection.execute(text)
