"""Reading the coordination file without writing to it: small things where they are asked for, lists in a thread.

Neither waits for writers. A file that is not there yet is empty.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from engine.storage.connection import connect
from engine.storage.coordination.file import check, closed, in_words, namespace_number, telling

T = TypeVar("T")
Look = Callable[[sqlite3.Connection, int], T]
"""What is read, from a connection and the number of a namespace."""


class _Glass:
    """A connection that only reads, opened when it is first needed and there is a file."""

    def __init__(self, path: Path, namespace: str) -> None:
        self._path = path
        self._namespace = namespace
        self._number: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._file = 0
        self._stands_still = False

    def look(self, work: Look[T], nothing: T) -> T:
        try:
            connection = self._opened()
            if connection is None:
                return nothing
            if self._number is None:
                self._number = namespace_number(connection, self._namespace)
            return nothing if self._number is None else work(connection, self._number)
        except (sqlite3.DatabaseError, OSError) as error:
            raise in_words(error, self._path) from error

    def look_again(self) -> None:
        """Let go of a file that no longer bears its name."""
        with suppress(OSError):
            if self._connection is not None and self._path.stat().st_ino != self._file:
                self.close()

    def version(self) -> int:
        """Return a number that changes whenever anybody has written."""
        self.look_again()
        with telling(self._path):
            connection = self._opened()
            if connection is None:
                return 0
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return int(version)

    def _opened(self) -> sqlite3.Connection | None:
        if self._stands_still:  # opened where nothing may be written, it would never see what others write
            self.close()
        if self._connection is None and self._path.exists() and self._path.stat().st_size:
            self._stands_still = not self._path.with_name(f"{self._path.name}-wal").exists()
            connection = connect(self._path, read_only=True)
            try:
                check(connection, self._path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._file = self._path.stat().st_ino
            self._number = None
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Reading:
    """What one store reads. Belongs to an event loop."""

    def __init__(self, path: Path, namespace: str) -> None:
        self._near = _Glass(path, namespace)
        self._far = _Glass(path, namespace)
        self._turn = threading.Lock()
        self._path = path
        self._closed = False

    def now(self, work: Look[T], nothing: T) -> T:
        """Read something small."""
        self._require_open()
        return self._near.look(work, nothing)

    async def away(self, work: Look[T], nothing: T) -> T:
        """Read something that may be large, in a thread."""
        self._require_open()
        return await asyncio.to_thread(self._look_far, work, nothing)

    def _look_far(self, work: Look[T], nothing: T) -> T:
        with self._turn:
            self._far.look_again()
            return self._far.look(work, nothing)

    def _require_open(self) -> None:
        if self._closed:
            raise closed(self._path)

    def version(self) -> int:
        """Return a number that changes whenever anybody, this process's writers included, has written."""
        return self._near.version()

    def close(self) -> None:
        """Let go of the file."""
        self._closed = True
        with self._turn:
            self._far.close()
        self._near.close()
