"""What an operator reads when the state file cannot be used: the file, the fault, the next step."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.storage.connection import in_words
from engine.storage.database import Database, open_database


async def begin(state: Path) -> None:
    async with open_database(state):
        pass


def run_on(state: Path, statement: str) -> None:
    with closing(sqlite3.connect(state)) as connection:
        connection.execute(statement)
        connection.commit()


async def refusal(state: Path, *, read_only: bool = False) -> str:
    with pytest.raises(StorageError) as refused:
        async with open_database(state, read_only=read_only):
            pass
    assert str(state) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_newer_file_is_refused(state: Path, read_only: bool) -> None:
    await begin(state)
    run_on(state, "PRAGMA user_version = 7")

    assert "written by a newer Syncdeck (schema 7, this one knows up to 3). Upgrade" in await refusal(
        state, read_only=read_only
    )


async def test_a_newer_file_is_left_as_it_is(state: Path) -> None:
    await begin(state)
    run_on(state, "PRAGMA user_version = 7")
    before = state.read_bytes()
    await refusal(state)

    assert state.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
async def test_another_programs_database_is_refused(state: Path, read_only: bool) -> None:
    state.parent.mkdir()
    run_on(state, "CREATE TABLE song (title TEXT)")

    assert "a database of another program. Name another file as `state`" in await refusal(state, read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_file_that_is_no_database_is_refused(state: Path, read_only: bool) -> None:
    state.parent.mkdir()
    state.write_bytes(b"Dear diary, " * 500)

    words = await refusal(state, read_only=read_only)
    assert "is damaged" in words
    assert "Run `syncdeck doctor`; then restore a backup" in words
    assert state.read_bytes() == b"Dear diary, " * 500


async def test_damage_found_while_reading_is_told_in_words(state: Path) -> None:
    async with open_database(state) as database:
        await database.write(_many_rows)
    content = bytearray(state.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) // 2)
    state.write_bytes(content)

    async with open_database(state, read_only=True) as database:
        with pytest.raises(StorageError, match="is damaged"):
            await database.rows("SELECT * FROM meta")


async def test_a_missing_file_cannot_be_looked_at(state: Path) -> None:
    assert "There is no state file" in await refusal(state, read_only=True)
    assert not state.exists()


async def test_an_older_file_is_not_changed_by_looking(state: Path) -> None:
    await begin(state)
    run_on(state, "PRAGMA user_version = 0")

    assert "Open it once without --read-only" in await refusal(state, read_only=True)


async def test_a_folder_in_the_files_place_is_refused(state: Path) -> None:
    state.mkdir(parents=True)

    assert "cannot be opened" in await refusal(state)


async def test_a_file_in_the_folders_place_is_refused(state: Path) -> None:
    state.parent.write_text("a file")

    assert "Check the folder's rights" in await refusal(state)


@pytest.mark.parametrize("replaced", [True, False], ids=["a backup in its place", "nothing in its place"])
async def test_nothing_is_acknowledged_once_the_file_was_taken_away(tmp_path: Path, *, replaced: bool) -> None:
    state = tmp_path / "state.db"
    async with open_database(state) as database:
        await database.write(_one_row)
        state.rename(tmp_path / "away.db")
        if replaced:
            shutil.copy(tmp_path / "away.db", state)
        with pytest.raises(StorageError, match="moved away or replaced while this process had it open"):
            await database.write(_one_row)

        (tmp_path / "away.db").replace(state)
        await database.write(_one_row)
        assert await database.rows("SELECT count(*) FROM meta WHERE name = 'one'") == [(1,)]


def _one_row(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO meta VALUES ('one', '') ON CONFLICT DO NOTHING")


async def test_a_full_disk_is_told_in_words_and_loses_nothing_older(database: Database) -> None:
    def limit(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    await database.write(limit)
    with pytest.raises(StorageError, match=r"The disk is full\. Free some space"):
        await database.write(_many_rows)

    assert await database.rows("SELECT count(*) FROM meta") == [(0,)]
    await database.write(lambda connection: connection.execute("INSERT INTO meta VALUES ('small', '')").rowcount)
    assert await database.rows("SELECT name FROM meta") == [("small",)]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (sqlite3.SQLITE_READONLY, "It may only be read here. Check the rights of the file and of its folder"),
        (sqlite3.SQLITE_IOERR | 10 << 8, "The disk reports a fault."),
        (sqlite3.SQLITE_BUSY, "Another process has been writing to"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_MISUSE, "Run `syncdeck doctor`"),
    ],
)
def test_each_fault_of_the_file_has_its_own_advice(state: Path, code: int, sentence: str) -> None:
    error = sqlite3.OperationalError("the library's own words")
    error.sqlite_errorcode = code

    assert sentence in str(in_words(error, state))
    assert str(state) in str(in_words(error, state))


def _many_rows(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO meta VALUES (?, ?)", [(str(number), "x" * 900) for number in range(2_000)])
