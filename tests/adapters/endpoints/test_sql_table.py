"""Tables: whose rows are members, what a row may hold, and who is to blame when the database refuses."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.endpoints.sql_table import SqlTable
from engine.errors import RemoteRefused
from engine.reconcile.plan import Change
from engine.reconcile.ports import Outcome, Result
from tests.adapters.endpoints.files import add, reasons, remove, rename, update
from tests.contracts.case import Reading, read
from tests.contracts.sandbox import Surroundings

PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT NOT NULL DEFAULT '', age INTEGER)"


class Database:
    """A SQLite file and an endpoint on a table of it."""

    def __init__(self, folder: Path, *statements: str) -> None:
        self.folder = folder
        self.file = folder / "wiki.db"
        self.run(*statements)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            return [row for statement in statements for row in connection.execute(statement).fetchall()]

    def endpoint(self, **more: Any) -> SqlTable:
        settings = {"url": "sqlite:///wiki.db", "table": "people", "key": "email", **more}
        return SqlTable(msgspec.convert(settings, SqlTable.Settings), Surroundings(self.folder))

    async def read(self, **more: Any) -> Reading:
        async with self.endpoint(**more) as endpoint:
            return await read(endpoint)

    async def write(self, changes: Sequence[Change], **more: Any) -> Sequence[Outcome]:
        async with self.endpoint(**more) as endpoint:
            return await endpoint.write(changes)


NOT_FOUND = {
    "another table": ({"table": "peeple"}, "has no table 'peeple'. Did you mean people?"),
    "another key": ({"key": "mail"}, "has no column 'mail'. Did you mean email?"),
    "another column": ({"columns": {"name": "nane"}}, "has no column 'nane'. Did you mean name?"),
    "another file": ({"url": "sqlite:///wike.db"}, "wike.db does not exist. The folder"),
    "a database in memory": ({"url": "sqlite://"}, "in memory is empty for everybody"),
    "another kind of database": ({"url": "oracel://x/y"}, "oracel is no database that is known here"),
    "a condition that is no SQL": ({"where": "team ="}, "refuses: "),
}


@pytest.mark.parametrize(("settings", "sentence"), NOT_FOUND.values(), ids=NOT_FOUND)
async def test_what_is_not_there_is_refused_with_the_nearest(
    settings: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    database = Database(tmp_path, PEOPLE)
    with pytest.raises(RemoteRefused) as caught:
        await database.read(**settings)
    assert sentence in str(caught.value)
    assert not (tmp_path / "wike.db").exists(), "looking makes no database"


def test_a_password_in_the_url_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="url holds a password"):
        msgspec.convert({"url": "postgresql://me:pw@host/db", "table": "t", "key": "k"}, SqlTable.Settings)


async def test_one_row_the_database_refuses_leaves_the_others_alone(tmp_path: Path) -> None:
    database = Database(tmp_path, PEOPLE, "ALTER TABLE people ADD COLUMN code TEXT CHECK (code <> 'bad')")
    codes = ["bad" if number in {3, 77} else "good" for number in range(100)]
    outcomes = await database.write([add(f"p{number}@x", code=code) for number, code in enumerate(codes)])
    assert [number for number, outcome in enumerate(outcomes) if outcome.result is Result.REFUSED] == [3, 77]
    assert "CHECK constraint failed" in outcomes[3].reason
    assert database.run("SELECT count(*) FROM people") == [(98,)]


async def test_a_value_that_does_not_fit_its_column_is_refused_alone(tmp_path: Path) -> None:
    database = Database(tmp_path, PEOPLE)
    outcomes = await database.write([add("ann@x", age="old"), add("bob@x", age="42"), add("carl@x", age="")])
    assert [outcome.result for outcome in outcomes] == [Result.REFUSED, Result.DONE, Result.DONE]
    assert "'old' does not fit the column age, which holds INTEGER" in outcomes[0].reason
    assert database.run("SELECT email, age FROM people ORDER BY id") == [("bob@x", 42), ("carl@x", None)]


async def test_an_update_that_changes_nothing_is_already_so(tmp_path: Path) -> None:
    database = Database(tmp_path, PEOPLE, "INSERT INTO people VALUES (1, 'ann@x', 'Ann', 42)")
    outcomes = await database.write([update("ann@x", age="42"), update("bob@x", age="1")])
    assert [outcome.result for outcome in outcomes] == [Result.ALREADY, Result.REFUSED]
    assert "not a member any more" in outcomes[1].reason


async def test_other_rows_are_neither_read_nor_touched(tmp_path: Path) -> None:
    team = "CREATE TABLE people (email TEXT, team TEXT)"
    database = Database(
        tmp_path, team, "INSERT INTO people VALUES ('ann@x', 'ops'), ('bob@x', 'eng'), ('bob@x', '100%')"
    )
    mine = {"where": "team = 'eng' AND team NOT LIKE '%:x'", "defaults": {"team": "eng"}}
    assert (await database.read(**mine)).spellings == ["bob@x"]
    assert [outcome.result for outcome in await database.write([remove("ann@x"), remove("bob@x")], **mine)] == [
        Result.ALREADY,
        Result.DONE,
    ]
    await database.write([add("ann@x")], **mine)
    assert database.run("SELECT * FROM people") == [("ann@x", "ops"), ("bob@x", "100%"), ("ann@x", "eng")]


async def test_a_row_that_would_not_belong_to_the_set_is_not_added(tmp_path: Path) -> None:
    database = Database(tmp_path, "CREATE TABLE people (email TEXT, team TEXT)")
    (outcome,) = await database.write([add("ann@x")], where="team = 'eng'")
    assert outcome.result is Result.REFUSED
    assert "Set `defaults`" in outcome.reason
    assert database.run("SELECT * FROM people") == []


MARKS = {
    "a time": ("left_at TIMESTAMP", "left_at IS NOT NULL"),
    "a truth": ("left_at BOOLEAN", "left_at"),
    "a number": ("left_at INT", "left_at = 1"),
}


@pytest.mark.parametrize(("column", "removed"), MARKS.values(), ids=MARKS)
async def test_a_removal_may_mark_the_row_and_an_addition_takes_the_mark_away(
    column: str, removed: str, tmp_path: Path
) -> None:
    database = Database(tmp_path, f"CREATE TABLE people (email TEXT UNIQUE, name TEXT, {column})")
    marking = {"removed_column": "left_at"}
    await database.write([add("ann@x", name="Ann")], **marking)
    await database.write([remove("ann@x")], **marking)
    assert database.run(f"SELECT name FROM people WHERE {removed}") == [("Ann",)]
    assert (await database.read(**marking)).spellings == []
    assert [outcome.result for outcome in await database.write([remove("ann@x")], **marking)] == [Result.ALREADY]
    await database.write([add("ann@x", name="Anna")], **marking)
    assert (await database.read(**marking)).members == {"ann@x": {"email": "ann@x", "name": "Anna"}}


async def test_dates_and_numbers_are_read_as_text_and_bytes_are_left_out(tmp_path: Path) -> None:
    table = "CREATE TABLE people (email TEXT, born DATE, pay NUMERIC(10, 2), photo BLOB, code INTEGER)"
    database = Database(tmp_path, table, "INSERT INTO people VALUES ('ann@x', '1980-02-03', 12.5, x'00ff', 7)")
    assert (await database.read()).members == {
        "ann@x": {"email": "ann@x", "born": "1980-02-03", "pay": "12.50", "code": 7}
    }
    with pytest.raises(RemoteRefused, match="The column photo holds bytes"):
        await database.read(columns={"photo": "photo"})


async def test_a_key_that_is_a_number_is_called_by_its_text(tmp_path: Path) -> None:
    database = Database(
        tmp_path, "CREATE TABLE people (number INTEGER, name TEXT)", "INSERT INTO people VALUES (7, 'Ann')"
    )
    assert (await database.read(key="number")).spellings == ["7"]
    outcomes = await database.write([remove("7"), remove("x")], key="number")
    assert [outcome.result for outcome in outcomes] == [Result.DONE, Result.ALREADY]


async def test_a_rename_onto_somebody_else_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path, PEOPLE, "INSERT INTO people (email) VALUES ('ann@x'), ('bob@x')")
    assert "is a member already" in reasons(await database.write([rename("ann@x", "bob@x")]))[0]
    assert [o.result for o in await database.write([rename("bob@x", "carl@x"), rename("ann@x", "bob@x")])] == [
        Result.DONE
    ] * 2
    assert database.run("SELECT email FROM people ORDER BY id") == [("bob@x",), ("carl@x",)]


async def test_names_that_sql_would_run_are_names(tmp_path: Path) -> None:
    name = 'peo"ple; DROP TABLE x'
    quoted = name.replace('"', '""')
    database = Database(tmp_path, f'CREATE TABLE "{quoted}" ("e mail" TEXT, "select" TEXT)', "CREATE TABLE x (y)")
    odd = {"table": name, "key": "e mail"}
    assert [o.result for o in await database.write([add("a'; --@x", select="b")], **odd)] == [Result.DONE]
    assert (await database.read(**odd)).members == {"a'; --@x": {"e mail": "a'; --@x", "select": "b"}}
    assert database.run("SELECT * FROM x") == []
