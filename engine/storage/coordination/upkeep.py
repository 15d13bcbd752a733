"""Keeping the coordination file small, in a thread and in nobody's way: the write-ahead log goes into the file, changes
that everybody has seen and names that nobody has held for long are dropped."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from engine.storage.coordination.file import connect_quick

COMMITS_BETWEEN = 1_000
"""About 4,000 pages of write-ahead log: 8 MB."""
RESTART_PAGES = 32_000
"""64 MB: if the log is still longer after a checkpoint, writers are held up until it has begun anew."""
CHANGES_KEPT = 50_000
"""Two seconds of the most that one machine does; a follower that falls further behind begins again."""
FREE_NAMES_KEPT = 1_000
"""Of names that nobody holds, with their last holders."""
_AT_ONCE = 1_000
"""Rows that are dropped in one transaction: less than a millisecond."""
_BUSY_MS = 50
_LAST_TO_DROP = "SELECT seq FROM change ORDER BY seq DESC LIMIT 1 OFFSET ?"


class Upkeep:
    """A thread with a connection of its own; `note` is for any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due = threading.Event()
        self._closing = False
        self._commits = 0
        self._thread = threading.Thread(target=self._run, name="syncdeck-coordination-upkeep", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def note(self, commits: int) -> None:
        """Count transactions; wake the thread when enough have gathered."""
        self._commits += commits
        if self._commits >= COMMITS_BETWEEN:
            self._commits = 0
            self._due.set()

    def close(self) -> None:
        """Tidy up a last time. A process that only took a lock for a moment does its share here. Waits for the thread,
        unless another process holds it up."""
        self._closing = True
        self._due.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        with suppress(sqlite3.Error), closing(connect_quick(self._path)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            while not self._closing:
                self._due.wait()
                self._due.clear()
                try:
                    trim(connection)
                    _checkpoint(connection)
                except sqlite3.OperationalError:  # busy, or the disk is full: the next time will do
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")


def trim(connection: sqlite3.Connection) -> None:
    """Drop what is not needed any more, a little at a time."""
    while _trim_changes(connection):
        pass
    (free,) = connection.execute("SELECT count(*) FROM claim WHERE session IS NULL").fetchone()
    if free > FREE_NAMES_KEPT * 3 // 2:
        connection.execute(
            """
            DELETE FROM claim WHERE id IN
                (SELECT id FROM claim WHERE session IS NULL ORDER BY token DESC LIMIT -1 OFFSET ?)
            """,
            (FREE_NAMES_KEPT,),
        )


def _trim_changes(connection: sqlite3.Connection) -> bool:
    """Drop some changes; return whether there may be more to drop."""
    newest = connection.execute(_LAST_TO_DROP, (CHANGES_KEPT,)).fetchone()
    if newest is None:
        return False
    connection.execute("BEGIN IMMEDIATE")
    some = connection.execute(
        "SELECT max(seq), count(*) FROM (SELECT seq FROM change WHERE seq <= ? ORDER BY seq LIMIT ?)",
        (*newest, _AT_ONCE),
    ).fetchone()
    connection.execute("DELETE FROM change WHERE seq <= ?", some[:1])
    connection.execute("UPDATE meta SET value = max(value, ifnull(?, 0)) WHERE name = 'trimmed'", some[:1])
    connection.execute("COMMIT")
    return bool(some[1] == _AT_ONCE)


def _checkpoint(connection: sqlite3.Connection) -> None:
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if pages > RESTART_PAGES:
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
