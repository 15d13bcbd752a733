"""Numbered steps: an old file brought up to date is laid out as a new one is."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.storage.connection import APPLICATION_ID, connect, create_private
from engine.storage.migrate import latest_version, migrate, migrations, statements, version_of


def layout(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    return sorted((kind, name, re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()))) for kind, name, sql in rows)


def test_a_migrated_file_is_laid_out_as_a_new_one(tmp_path: Path) -> None:
    create_private(tmp_path / "new.db")
    with closing(sqlite3.connect(":memory:")) as old, closing(connect(tmp_path / "new.db", read_only=False)) as new:
        for script in migrations().values():
            for statement in statements(script):
                old.execute(statement)
        migrate(new, tmp_path / "new.db")

        assert layout(old) == layout(new)
        assert layout(new)


def test_steps_are_numbered_from_one_without_gaps() -> None:
    assert list(migrations()) == list(range(1, latest_version() + 1))


def test_a_new_file_says_whose_it_is_and_of_which_version(state: Path) -> None:
    create_private(state)
    with closing(connect(state, read_only=False)) as connection:
        migrate(connection, state)

        assert version_of(connection) == latest_version()
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_migrating_again_changes_nothing(state: Path) -> None:
    create_private(state)
    with closing(connect(state, read_only=False)) as connection:
        migrate(connection, state)
        connection.execute("INSERT INTO meta VALUES ('kept', '')")
        migrate(connection, state)

        assert connection.execute("SELECT name FROM meta").fetchall() == [("kept",)]


def test_a_step_that_fails_leaves_nothing_behind(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "CREATE TABLE a (b);\nCREATE TABLE a (c);\n"
    monkeypatch.setattr("engine.storage.migrate.new_layout", lambda: broken)
    create_private(state)
    with closing(connect(state, read_only=False)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection, state)

        assert layout(connection) == []
        assert version_of(connection) == 0


def test_a_semicolon_in_a_text_or_a_comment_ends_no_statement() -> None:
    script = "-- first; of two\nCREATE TABLE a (b TEXT DEFAULT 'x;y');\nCREATE TABLE c (d);\n"

    assert [text.count("CREATE") for text in statements(script)] == [1, 1]
