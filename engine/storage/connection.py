"""Open SQLite as the state file needs it, and say in words what SQLite says in codes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import StorageError
from engine.settings.replacing import sync_folder

APPLICATION_ID = 0x53594E44
"""`SYND` in the file's header (SQLite file format, offset 68): tells a state file from any other database."""

BUSY_PAUSE_MS = 50
"""SQLite's own waiting backs off to 100 ms a try, and then one busy process starves the others; short tries that begin
anew keep turns even."""
BUSY_TRIES = 600
"""30 s in all: longer than any transaction of this program."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def create_private(path: Path) -> None:
    """Make an empty state file that only its owner may read, unless there is one.

    The names of folders that it makes are on the disk when it returns; SQLite sees to the file's own. An existing file
    is never opened here: closing it again would drop the locks that SQLite holds in this process.
    """
    new = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in new:
        sync_folder(folder.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open one connection; transactions are begun and ended by hand. Threads may share it one after another."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    if read_only and _nobody_writes(path):
        uri += "&immutable=1"
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_PAUSE_MS / 1000,
        cached_statements=256,
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
            connection.create_function("folded", 1, str.casefold, deterministic=True)  # searching, in event_filter.py
        else:
            patiently(connection, "PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cache_size = -8000")
    except BaseException:
        connection.close()
        raise
    return connection


def _nobody_writes(path: Path) -> bool:
    """Tell whether a file is to be read as it lies there: SQLite would make files beside it in order to read along
    with writers, and may not; and without a log beside it nothing is being written."""
    return not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()


def patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Execute a statement that other processes may hold up, for as long as they may reasonably take."""
    for _ in range(BUSY_TRIES - 1):
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if primary_code(error) not in _BUSY:
                raise
    connection.execute(statement)


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension; 0 for errors of the Python module itself."""
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def in_words(error: sqlite3.Error | OSError, path: Path) -> StorageError:
    """Return what to tell an operator: the file, the fault, the next step."""
    if isinstance(error, OSError):
        return StorageError(f"The state file {path} cannot be opened: {error.strerror}. Check the folder's rights.")
    code = primary_code(error)
    if code in _DAMAGED:
        return StorageError(
            f"The state file {path} is damaged ({error}). Run `syncdeck doctor`; then restore a backup, "
            "or move the file away to begin a new history."
        )
    if code in _BUSY:
        return StorageError(
            f"Another process has been writing to {path} for more than "
            f"{BUSY_PAUSE_MS * BUSY_TRIES // 1000} s. Look for a stopped or hanging syncdeck, then try again."
        )
    advice = {
        sqlite3.SQLITE_FULL: "The disk is full. Free some space, then try again; nothing was half written.",
        sqlite3.SQLITE_READONLY: "It may only be read here. Check the rights of the file and of its folder, "
        "or open the workspace with --read-only.",
        sqlite3.SQLITE_CANTOPEN: "It cannot be opened. Check that the folder exists and may be written.",
        sqlite3.SQLITE_IOERR: "The disk reports a fault. Check it and the system's log before anything else.",
        sqlite3.SQLITE_PERM: "Access is denied. Check the rights of the file and of its folder.",
    }.get(code, "Run `syncdeck doctor` for a full check.")
    return StorageError(f"The state file {path} cannot be used ({error}). {advice}")


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise inside into `StorageError`."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        raise in_words(error, path) from error
