"""The one writer of a state file: a thread that puts waiting works into shared transactions (group commit).

Durability costs one `fdatasync` for each commit, 0.1 to 4 ms; the work itself costs microseconds. So everything that
arrives while one commit is on its way to the disk shares the next one, and each caller still hears only of its own
work, and only after the disk has it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from engine.errors import StorageError
from engine.storage.checkpoint import Checkpointer
from engine.storage.connection import in_words, patiently
from engine.storage.groups import next_group

Work = Callable[[sqlite3.Connection], Any]

GROUP_LIMIT = 1_024
"""Most works in one transaction, so that the first of them is not kept waiting by an endless stream."""


class Job:
    """A work and whoever waits for it."""

    __slots__ = ("error", "result", "waiting", "work")

    def __init__(self, work: Work, waiting: asyncio.Future[Any]) -> None:
        self.work = work
        self.waiting = waiting
        self.result: Any = None
        self.error: BaseException | None = None

    def deliver(self) -> None:
        """Tell the waiting caller, unless he has gone."""
        if self.waiting.done():
            return
        if self.error is not None:
            self.waiting.set_exception(self.error)
        else:
            self.waiting.set_result(self.result)


class Writer:
    """Owns the writing connection from `start` to `close`. `submit` is for the event loop's thread alone."""

    def __init__(self, connection: sqlite3.Connection, path: Path, on_commit: Callable[[], None]) -> None:
        self.generation = 0
        """Changes whenever something that a work did was undone, or another process wrote: works that remember what
        they saw in the file (numbers, counters) forget it then. Read and written in the writer's thread."""
        self.commits = 0
        self._connection = connection
        self._path = path
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._seen_version: int | None = None
        self._file = _file_at(path)
        self._checkpointer = Checkpointer(path)
        self._ended = self._loop.create_future()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="syncdeck-writer", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._checkpointer.start()
        self._thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue a work; the future ends after the commit that holds it, or with the work's own exception.

        Cancelling the future before the work has begun takes it out; later it is carried out all the same.
        """
        if self._closing:
            raise StorageError(f"The state file {self._path} is closed.")
        waiting = self._loop.create_future()
        self._jobs.put(Job(work, waiting))
        return waiting

    async def close(self) -> None:
        """Carry out what was queued, then let go of the file. Completes also when the caller is cancelled."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await asyncio.shield(self._ended)

    def _run(self) -> None:
        open_for_work = True
        while open_for_work:
            group, open_for_work = next_group(self._jobs, GROUP_LIMIT)
            if group:
                self._carry_out(group)
                self._tell(group)
        self._checkpointer.close()
        self._connection.close()
        self._call_in_loop(lambda: None if self._ended.done() else self._ended.set_result(None))

    def _carry_out(self, group: list[Job]) -> None:
        """Run a group in one transaction. A work that fails loses only what it did itself."""
        connection = self._connection
        try:
            patiently(connection, "BEGIN IMMEDIATE")
            self._look_for_the_file()
            self._look_for_strangers()
            for job in group:
                if not job.waiting.cancelled():
                    self._carry_out_one(job)
            connection.execute("COMMIT")
            self.commits += 1
            self._look_for_the_file()  # nobody believes that he succeeded if it went away meanwhile
        except BaseException as error:  # noqa: BLE001  nobody of this group may believe that he succeeded
            self._undo(group, error)
            return
        self._checkpointer.note(connection)

    def _carry_out_one(self, job: Job) -> None:
        connection = self._connection
        connection.execute("SAVEPOINT work")
        try:
            job.result = job.work(connection)
        except BaseException as error:
            self.generation += 1
            if not connection.in_transaction:  # SQLite gave up the whole transaction (disk full, disk fault)
                raise
            connection.execute("ROLLBACK TO work")
            job.error = self._told(error)
        connection.execute("RELEASE work")

    def _look_for_the_file(self) -> None:
        """Raise `StorageError` when the file no longer bears its name, as when a backup was put in its place: SQLite
        would go on writing to the one without a name, which ends with this process."""
        if _file_at(self._path) != self._file:
            raise StorageError(
                f"The state file {self._path} was moved away or replaced while this process had it open. What is "
                "written now would be lost, so nothing is written. Stop this process (syncdeck serve, a console) and "
                "start it again."
            )

    def _look_for_strangers(self) -> None:
        """Notice whether another connection has written since our last transaction."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._seen_version:
            self._seen_version = version
            self.generation += 1

    def _undo(self, group: list[Job], error: BaseException) -> None:
        self.generation += 1
        with suppress(sqlite3.Error):  # the first error says more; what stays open shows at the next BEGIN
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        told = self._told(error)
        for job in group:
            job.error = job.error or told

    def _told(self, error: BaseException) -> BaseException:
        """Return an error as its caller gets it: faults of the file in words, a work's own exceptions as they are."""
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            return in_words(error, self._path)
        return error

    def _tell(self, group: list[Job]) -> None:
        def deliver() -> None:
            for job in group:
                job.deliver()
            self._on_commit()

        self._call_in_loop(deliver)

    def _call_in_loop(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # a closed loop: nobody waits any more, and what was committed stays
            self._loop.call_soon_threadsafe(call)


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return which file bears a name, whatever it holds; None: none does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
