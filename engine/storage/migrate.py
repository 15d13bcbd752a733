"""Bring a state file to the schema this program knows: numbered steps, each whole or not at all.

The number of a migration is the version it leads to, kept in `PRAGMA user_version`. A new file gets `schema.sql` at
once; an older one gets the steps it lacks; a newer one is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from engine.errors import StorageError
from engine.storage.connection import APPLICATION_ID, patiently

_FOLDER = files("engine.storage")


def migrations() -> dict[int, str]:
    """Return every step's script by the version it leads to, in order."""
    scripts = {
        int(entry.name.split("-", 1)[0]): entry.read_text("utf-8")
        for entry in _FOLDER.joinpath("migrations").iterdir()
        if entry.name.endswith(".sql")
    }
    return dict(sorted(scripts.items()))


def new_layout() -> str:
    """Return the script that lays out a new file."""
    return _FOLDER.joinpath("schema.sql").read_text("utf-8")


def latest_version() -> int:
    """Return the schema version that this program writes."""
    return max(int(entry.name.split("-", 1)[0]) for entry in _FOLDER.joinpath("migrations").iterdir())


def version_of(connection: sqlite3.Connection) -> int:
    """Return the schema version of a file; 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Lay out a new file or bring an older one up to date. Several processes may do so at once.

    Raises `StorageError` for a newer file, and for a database that is not a state file.
    """
    latest = latest_version()
    if version_of(connection) == latest:
        check_ours(connection, path)
        return
    refuse_newer(connection, path)
    _apply(connection, path, 0, latest, new_layout())
    for version, script in migrations().items():
        _apply(connection, path, version - 1, version, script)


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `StorageError` when a later version of this program wrote the file."""
    version, latest = version_of(connection), latest_version()
    if version > latest:
        raise StorageError(
            f"{path} was written by a newer Syncdeck (schema {version}, this one knows up to {latest}). "
            "Upgrade this program, or use another state file."
        )


def check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `StorageError` when the database belongs to another program; an empty one belongs to nobody."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise StorageError(f"{path} is a database of another program. Name another file as `state` in syncdeck.yaml.")


def _apply(connection: sqlite3.Connection, path: Path, before: int, after: int, script: str) -> None:
    """Run a script in one transaction if the file, seen under the write lock, is at the version it starts from."""
    patiently(connection, "BEGIN IMMEDIATE")
    try:
        if version_of(connection) == before:
            check_ours(connection, path)
            for statement in statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {after}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """Yield a script's statements one by one (`executescript` would commit between them)."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
