"""Transactions of the coordination file: at once where nobody else writes, else in line.

A transaction that finds the file free takes some thirty microseconds, less than handing it to a thread and back: so it
is carried out where it was asked for. There it waits for no longer than the transaction of another process takes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar

from engine.clock import Clock
from engine.errors import CoordinationUnavailable
from engine.storage.connection import primary_code
from engine.storage.coordination.file import connect_quick, in_words, telling
from engine.storage.coordination.line import Line
from engine.storage.coordination.turn import CeilingReached, Gone, Turn, Work
from engine.storage.moments import to_number

T = TypeVar("T")


_TRIES = 20
"""To begin, before a work goes to stand in line. Another process is done after one to ten of them, and the way to the
thread and back takes longer: eight processes pass one name on half as often again (measured)."""

_LOOKED_SECONDS = 0.05
"""For how long nobody looks again whether the file is still the one that bears its name."""


class _Busy:
    """Somebody else is writing."""


BUSY: Final = _Busy()


class Transactions:
    """All writing of one store. Belongs to the event loop it was made in, and to no child of this process."""

    def __init__(
        self, path: Path, clock: Clock, namespace: int, gone: Gone, committed: Callable[[Sequence[Turn]], None]
    ) -> None:
        """`committed` is told of every transaction that is on record, in the thread that did it."""
        self._path = path
        self._name = str(path)
        self._clock = clock
        self._namespace = namespace
        self._gone = gone
        self._committed = committed
        self._process = os.getpid()
        self._look_again = 0.0
        with telling(path):
            found = path.stat()
            self._file = (found.st_ino, found.st_dev)
            self._connection = connect_quick(path)
            self._line = Line(path, self._turn, committed)
        self._line.start()

    async def run(self, work: Work[T]) -> T:
        """Do a work in a transaction, and return what it returned once that is on record: a crash of this process does
        not undo it, one of the machine may."""
        if not self._line.unfinished:
            done = self.at_once(work)
            if not isinstance(done, _Busy):
                return done
        result: T = await self._line.run(work, durable=False)
        return result

    async def run_durably(self, work: Work[T]) -> T:
        """Do a work in a transaction, and return what it returned once that is on the disk."""
        result: T = await self._line.run(work, durable=True)
        return result

    def at_once(self, work: Work[T]) -> T | _Busy:
        """Do a work now, unless somebody else keeps on writing."""
        connection = self._connection
        try:
            if not _begun(connection):
                return BUSY
        except sqlite3.DatabaseError as error:
            raise in_words(error, self._path) from error
        done = False
        try:
            turn = self._turn(connection, self._line.ceiling)
            result = work(turn)
            done = True
            connection.execute("COMMIT")
        except CeilingReached:
            connection.execute("ROLLBACK")
            return BUSY
        except BaseException as error:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError):
                raise in_words(error, self._path, maybe_done=done) from error
            raise
        self._committed((turn,))
        return result

    def _turn(self, connection: sqlite3.Connection, ceiling: int) -> Turn:
        now = self._clock.monotonic()
        if now >= self._look_again or os.getpid() != self._process:
            self._look_for_the_file()
            self._look_again = now + _LOOKED_SECONDS
        return Turn(connection, self._namespace, now, to_number(self._clock.now()), ceiling, self._gone)

    def _look_for_the_file(self) -> None:
        """Raise when the file no longer bears its name: others would hold the same names in a new one."""
        if os.getpid() != self._process:
            raise CoordinationUnavailable(
                "This process was forked from one that has the coordination file open. Open it anew in the child."
            )
        with suppress(OSError):
            found = os.stat(self._name)  # noqa: PTH116  a Path takes as long again
            if (found.st_ino, found.st_dev) == self._file:
                return
        raise CoordinationUnavailable(
            f"The coordination file {self._path} was moved away or replaced while this process had it open: what it "
            "held there counts no more. Stop this process (syncdeck serve, a console) and start it again."
        )

    async def close(self) -> None:
        """Do what was asked for, then let go of the file."""
        await self._line.close()
        with closing(self._connection):
            pass


def _begun(connection: sqlite3.Connection) -> bool:
    """Begin a transaction, and tell whether that could be done at once."""
    for _ in range(_TRIES):
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY:
                raise
            os.sched_yield()
        else:
            return True
    return False
