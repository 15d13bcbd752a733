"""Move what the write-ahead log holds into the database file, beside the writer and not in its way."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from engine.storage.connection import connect

ROWS_BETWEEN = 4_000
COMMITS_BETWEEN = 200
"""Either is about 1,000 pages of log, SQLite's own default distance between checkpoints."""

RESTART_PAGES = 16_000
"""64 MB: if the log is still longer after a checkpoint, the writer makes a pause so that it can begin again at its
start; readers get slower with its length."""


class Checkpointer:
    """A thread with a connection of its own; `note` is called by the writer after each commit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due = threading.Event()
        self._closing = False
        self._commits = 0
        self._changes = 0
        self._too_long = False
        self._thread = threading.Thread(target=self._run, name="syncdeck-checkpoint", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def note(self, writing: sqlite3.Connection) -> None:
        """Count a commit; wake the thread when enough has gathered."""
        self._commits += 1
        if self._commits < COMMITS_BETWEEN and writing.total_changes - self._changes < ROWS_BETWEEN:
            return
        self._commits, self._changes = 0, writing.total_changes
        if self._too_long:
            self._too_long = False
            writing.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        else:
            self._due.set()

    def close(self) -> None:
        """Finish the checkpoint under way, if any."""
        self._closing = True
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path, read_only=False)
        try:
            while True:
                self._due.wait()
                self._due.clear()
                if self._closing:
                    return
                self._checkpoint(connection)
        finally:
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        try:
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.OperationalError:
            return  # another process is at it, or the disk is full: the log keeps everything, and we come again
        self._too_long = pages > RESTART_PAGES
