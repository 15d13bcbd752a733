"""Readings of many statements see one state, and end when nobody waits for them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from engine.errors import StorageError
from engine.storage.database import Database

PATIENCE = 20

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


async def put(database: Database, name: str) -> None:
    await database.write(lambda connection: connection.execute("INSERT INTO meta VALUES (?, '')", (name,)))


def names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM meta ORDER BY name")]


async def test_all_statements_of_a_reading_see_the_same_state(database: Database) -> None:
    await put(database, "before")
    looked, go_on = threading.Event(), threading.Event()

    def look_twice(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
        first = names(connection)
        looked.set()
        go_on.wait(PATIENCE)
        return first, names(connection)

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(database.read(look_twice))
        await asyncio.to_thread(looked.wait, PATIENCE)
        await put(database, "between")
        go_on.set()

    assert reading.result() == (["before"], ["before"])
    assert await database.read(names) == ["before", "between"]


async def test_more_readings_than_connections_take_turns(database: Database) -> None:
    await put(database, "a")
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        readings = [group.create_task(database.read(names)) for _ in range(20)]

    assert [reading.result() for reading in readings] == [["a"]] * 20


async def test_a_reading_that_nobody_waits_for_any_more_is_ended(database: Database) -> None:
    async with asyncio.timeout(PATIENCE):
        for _ in range(4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await database.read(lambda connection: connection.execute(ENDLESS).fetchone())
        await put(database, "after")

        assert await database.read(names) == ["after"]


async def test_a_reading_writes_nothing(database: Database) -> None:
    with pytest.raises(StorageError):
        await database.read(lambda connection: connection.execute("INSERT INTO meta VALUES ('x', '')"))


async def test_what_a_reading_raises_is_raised_and_the_connection_goes_on(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        raise LookupError(str(names(connection)))

    for _ in range(3):
        with pytest.raises(LookupError):
            await database.read(fail)

    assert await database.read(names) == []
