"""Standing in line to write: what could not be done at once is done in a thread, in the order of asking.

SQLite's own waiting sleeps, and whoever wakes first goes first: with eight writers most processes got one turn a second
while one ran free. A lock of the kernel's (flock(2)) on a file of its own keeps the order. Works that wait together
share a transaction; those that must be on the disk when they are answered share one that waits for it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from engine.errors import CoordinationUnavailable
from engine.storage.connection import connect, primary_code
from engine.storage.coordination.blocked import who_blocks
from engine.storage.coordination.file import (
    ceiling_of,
    closed,
    connect_quick,
    first_in_line,
    in_words,
    lock_path,
    raise_ceiling,
)
from engine.storage.coordination.turn import CeilingReached, Turn, Work
from engine.storage.groups import next_group

PATIENCE = 5.0
"""Seconds in which a work is done, or its caller told that it was not."""
GROUP_LIMIT = 256
_TRIES = [0.0002] * 100 + [0.001] * 2_900
"""Pauses between tries to begin: three seconds in all, longer than any transaction of this program."""

MakeTurn = Callable[[sqlite3.Connection, int], Turn]
"""With the ceiling of numbers."""
Committed = Callable[[Sequence[Turn]], None]


class Job:
    """A work and whoever waits for it. Either side takes it first: the thread to do it, the caller to withdraw."""

    __slots__ = ("_taken", "durable", "error", "result", "turn", "waiting", "withdrawn", "work")

    def __init__(self, work: Work[Any], waiting: asyncio.Future[Any], durable: bool) -> None:
        self.work = work
        self.waiting = waiting
        self.durable = durable
        self.turn: Turn | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.withdrawn = False
        self._taken = threading.Lock()

    def take(self) -> bool:
        """Return whether nobody took it before."""
        return self._taken.acquire(blocking=False)

    def withdraw(self) -> bool:
        """Return whether it will certainly not be done."""
        self.withdrawn = self.take()
        return self.withdrawn

    def deliver(self) -> None:
        """Tell the waiting caller, unless he has gone."""
        if self.waiting.done():
            return
        if self.error is not None:
            self.waiting.set_exception(self.error)
        else:
            self.waiting.set_result(self.result)


class Line:
    """Owns its thread and connections from `start` to `close`. `run` is for the event loop's thread alone."""

    def __init__(self, path: Path, make_turn: MakeTurn, committed: Committed) -> None:
        self.unfinished = 0
        """Works that are not durable and may still be done, whether or not their callers wait: who asks now comes after
        them, or what he gives back might be taken later."""
        self._path = path
        self._make_turn = make_turn
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._ended = self._loop.create_future()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="syncdeck-coordination", daemon=True)
        self._lock = os.open(lock_path(path), os.O_RDWR | os.O_CLOEXEC)
        self._quick = connect_quick(path)
        self._durable = connect(path, read_only=False)
        self._durable.execute("PRAGMA busy_timeout = 0")
        self.ceiling = ceiling_of(self._durable)
        """Below it, numbers may be given out."""

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    async def run(self, work: Work[Any], *, durable: bool) -> Any:
        """Do a work in a transaction, and return what it returned once that is on record (on the disk, if durable).

        Raises what the work raises, and `CoordinationUnavailable`. A caller that is cancelled has either done all or
        nothing of it.
        """
        if self._stopping.is_set():
            raise closed(self._path)
        job = Job(work, self._loop.create_future(), durable)
        self.unfinished += not durable
        self._jobs.put(job)
        try:
            async with asyncio.timeout(PATIENCE):
                return await job.waiting
        except TimeoutError:
            withdrawn = self._withdraw(job)
            raise CoordinationUnavailable(who_blocks(self._path), maybe_done=not withdrawn) from None
        except asyncio.CancelledError:
            self._withdraw(job)
            raise

    def _withdraw(self, job: Job) -> bool:
        withdrawn = job.withdraw()
        self.unfinished -= withdrawn and not job.durable
        return withdrawn

    def _deliver(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if not job.withdrawn:
                self.unfinished -= not job.durable
                job.deliver()

    async def close(self) -> None:
        """Do what was asked for, then let go of the file. A thread that another process holds up is left behind."""
        self._stopping.set()
        self._jobs.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(self._ended)

    def _run(self) -> None:
        more = True
        while more:
            group, more = next_group(self._jobs, GROUP_LIMIT)
            if group:
                self._do(group)
                self._call_in_loop(partial(self._deliver, group))
        self._quick.close()
        self._durable.close()
        os.close(self._lock)
        self._call_in_loop(lambda: None if self._ended.done() else self._ended.set_result(None))

    def _do(self, group: Sequence[Job]) -> None:
        """Give every job of a group its answer."""
        try:
            with first_in_line(self._lock):
                for connection, durable in ((self._quick, False), (self._durable, True)):
                    jobs = [job for job in group if job.durable is durable and job.take()]
                    if jobs:
                        self._do_together(connection, jobs)
        except BaseException as error:  # noqa: BLE001  nobody may believe that he succeeded, or wait for ever
            _fail(group, error)

    def _do_together(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Do some jobs in one transaction."""
        done = False
        try:
            self._begin(connection)
            for job in jobs:
                self._do_one(connection, job)
            done = True
            connection.execute("COMMIT")
        except CeilingReached:
            connection.execute("ROLLBACK")
            self._raise_ceiling()
            self._do_together(connection, jobs)
            return
        except BaseException as error:  # noqa: BLE001  its callers get it
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            _fail(
                jobs,
                in_words(error, self._path, maybe_done=done) if isinstance(error, sqlite3.DatabaseError) else error,
            )
            return
        self._committed([job.turn for job in jobs if job.turn is not None])

    def _do_one(self, connection: sqlite3.Connection, job: Job) -> None:
        """Do one job; if it fails, all that it did is undone, and the others stay."""
        turn = self._make_turn(connection, self.ceiling)
        job.error, job.turn = None, None
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(turn)
            job.turn = turn
        except (CeilingReached, sqlite3.DatabaseError):
            raise
        except BaseException as error:  # noqa: BLE001  its caller gets it
            connection.execute("ROLLBACK TO job")
            job.error = error
        connection.execute("RELEASE job")

    def _begin(self, connection: sqlite3.Connection) -> None:
        for pause in _TRIES:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY:
                    raise
            self._stopping.wait(pause)
        raise CoordinationUnavailable(who_blocks(self._path))

    def _raise_ceiling(self) -> None:
        """Let the numbers go on, unless another process did so."""
        self._begin(self._durable)
        on_disk = ceiling_of(self._durable)
        self.ceiling = raise_ceiling(self._durable) if on_disk == self.ceiling else on_disk
        self._durable.execute("COMMIT")

    def _call_in_loop(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # a closed loop: nobody waits any more, and what was committed stays
            self._loop.call_soon_threadsafe(call)


def _fail(jobs: Sequence[Job], error: BaseException) -> None:
    for job in jobs:
        job.error = job.error or error
