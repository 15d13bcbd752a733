"""One writer with group commit, readers beside it."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ReadOnly, StorageError
from engine.storage.database import Database, open_database

Work = Callable[[sqlite3.Connection], int]

OPEN_AND_COUNT = """
import asyncio, sys
from pathlib import Path
from engine.storage.database import open_database

async def main():
    async with open_database(Path(sys.argv[1])) as database:
        for _ in range(20):
            await database.write(lambda connection: connection.execute(
                "INSERT INTO meta VALUES ('n', '1') ON CONFLICT DO UPDATE SET value = value + 1"))
asyncio.run(main())
"""


def keeping(name: str) -> Work:
    return lambda connection: connection.execute("INSERT INTO meta VALUES (?, '')", (name,)).rowcount


def failing(name: str) -> Work:
    def work(connection: sqlite3.Connection) -> int:
        keeping(name)(connection)
        raise LookupError(name)

    return work


class Gate:
    """A work that occupies the writer until the test lets it go on, so that others gather behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, connection: sqlite3.Connection) -> None:
        self.entered.set()
        self.opened.wait(10)

    async def occupy(self, database: Database, group: asyncio.TaskGroup) -> None:
        group.create_task(database.write(self))
        await asyncio.to_thread(self.entered.wait, 10)


async def names(database: Database) -> list[str]:
    return [name for (name,) in await database.rows("SELECT name FROM meta ORDER BY name")]


async def test_a_write_is_seen_by_every_reader_once_it_returned(database: Database) -> None:
    assert await database.write(keeping("a")) == 1
    assert await names(database) == ["a"]


async def test_works_that_wait_together_share_one_commit(database: Database) -> None:
    gate = Gate()
    before = database.commits
    async with asyncio.TaskGroup() as group:
        await gate.occupy(database, group)
        for number in range(200):
            group.create_task(database.write(keeping(f"{number:03}")))
        await asyncio.sleep(0)
        gate.opened.set()

    assert database.commits - before == 2
    assert len(await names(database)) == 200


async def test_a_failing_work_loses_only_itself_and_gets_its_own_exception(database: Database) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        await gate.occupy(database, group)
        good = [group.create_task(database.write(keeping(name))) for name in ("a", "c")]
        bad = group.create_task(_error_of(database, failing("b")))
        await asyncio.sleep(0)
        gate.opened.set()

    assert [task.result() for task in good] == [1, 1]
    assert str(bad.result()) == "b"
    assert await names(database) == ["a", "c"]


async def _error_of(database: Database, work: Work) -> BaseException | None:
    try:
        await database.write(work)
    except LookupError as error:
        return error
    return None


async def test_a_breach_of_the_schema_reaches_the_caller_as_it_is(database: Database) -> None:
    await database.write(keeping("a"))

    with pytest.raises(sqlite3.IntegrityError):
        await database.write(keeping("a"))


async def test_a_caller_that_gives_up_in_the_queue_takes_its_work_out_and_breaks_no_other(database: Database) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        await gate.occupy(database, group)
        given_up = group.create_task(database.write(keeping("given up")))
        group.create_task(database.write(keeping("other")))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        gate.opened.set()

    assert given_up.cancelled()
    assert await names(database) == ["other"]


async def test_a_caller_cancelled_while_its_work_runs_has_written_all_of_it(database: Database) -> None:
    gate = Gate()

    def two_rows(connection: sqlite3.Connection) -> None:
        keeping("first")(connection)
        gate(connection)
        keeping("second")(connection)

    task = asyncio.get_running_loop().create_task(database.write(two_rows))
    await asyncio.to_thread(gate.entered.wait, 10)
    task.cancel()
    gate.opened.set()
    await database.write(keeping("third"))

    assert task.cancelled()
    assert await names(database) == ["first", "second", "third"]


async def test_closing_carries_out_what_was_asked_for(state: Path) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group, open_database(state) as database:
        await gate.occupy(database, group)
        asked = [group.create_task(database.write(keeping(str(number)))) for number in range(5)]
        await asyncio.sleep(0)
        gate.opened.set()

    assert [task.result() for task in asked] == [1] * 5
    async with open_database(state, read_only=True) as database:
        assert await names(database) == list("01234")


async def test_nothing_is_written_after_closing(state: Path) -> None:
    async with open_database(state) as database:
        pass

    with pytest.raises(StorageError, match="is closed"):
        await database.write(keeping("late"))


async def test_the_last_to_close_leaves_one_file(state: Path) -> None:
    async with open_database(state) as database:
        await database.write(keeping("a"))

    assert [path.name for path in state.parent.iterdir()] == [state.name]


async def test_a_cancelled_read_stops_and_the_next_one_works(database: Database) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    started = asyncio.Event()

    async def read() -> None:
        started.set()
        await database.rows(endless)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            task = group.create_task(read())
            await started.wait()
            while not task.done():
                task.cancel()
                await asyncio.sleep(0)

    assert await database.rows("SELECT 1") == [(1,)]


async def test_a_reader_does_not_wait_for_the_writer(database: Database) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        await gate.occupy(database, group)
        assert await names(database) == []
        gate.opened.set()


async def test_read_only_reads_and_refuses_to_write(state: Path) -> None:
    async with open_database(state) as database:
        await database.write(keeping("a"))

    async with open_database(state, read_only=True) as looking:
        assert looking.read_only
        assert await names(looking) == ["a"]
        with pytest.raises(ReadOnly, match="without --read-only"):
            await looking.write(keeping("b"))


async def test_the_file_is_for_its_owner_alone(database: Database) -> None:
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


async def test_every_commit_waits_for_the_disk(database: Database) -> None:
    def durability(connection: sqlite3.Connection) -> tuple[str, int, int]:
        return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS)

    assert await database.write(durability) == ("wal", 2, 1)


PRAGMAS = ("journal_mode", "synchronous", "foreign_keys")


async def test_the_log_before_the_file_begins_again_when_it_is_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.storage.checkpoint.RESTART_PAGES", 2_000)

    def fill(connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(str(n), "x" * 500) for n in range(2_000)])

    for _ in range(60):
        await database.write(fill)

    assert database.path.with_name(database.path.name + "-wal").stat().st_size < 4 * 2_000 * 4_096


def test_processes_that_open_a_new_file_at_once_all_get_to_work(state: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_COUNT, str(state)], stderr=subprocess.PIPE) for _ in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]

    assert errors == [b""] * 4
    with sqlite3.connect(state) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'n'").fetchall() == [("80",)]
    connection.close()
