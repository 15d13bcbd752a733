"""The state file, open: one writer with group commit, readers beside it. Several processes may have it open."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from engine.errors import ReadOnly, StorageError
from engine.storage.connection import connect, create_private, in_words, telling
from engine.storage.migrate import check_ours, latest_version, migrate, refuse_newer, version_of
from engine.storage.snapshots import Snapshots
from engine.storage.writer import Writer

T = TypeVar("T")
Row = tuple[Any, ...]

READERS = 2
"""Reading connections: a long scan must not keep a screen from its page."""


class Database:
    """One process's access to a state file. Belongs to the event loop it was opened in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: Writer | None = None
        """None: open to look only."""
        self.rounds = 0
        """How many groups this process has written; see `written_since`."""
        self.tip: object = None
        self.tip_generation = -1
        """Where the log stands, for works in the writer's thread alone: see `log_tip.py`."""
        self._free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._readers: list[aiosqlite.Connection] = []
        self._snapshots = Snapshots(path)
        self._round_ended = asyncio.Event()

    @property
    def read_only(self) -> bool:
        return self.writer is None

    @property
    def commits(self) -> int:
        """How many transactions this process has committed."""
        return self.writer.commits if self.writer else 0

    @property
    def generation(self) -> int:
        """For works, in the writer's thread: see `Writer.generation`."""
        return self.writer.generation if self.writer else 0

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the writer's thread, inside a transaction; return what it returns once that is on the disk.

        A work sees the file as it is under the write lock, and must not begin or end transactions. What it raises is
        raised here, and all it did is undone, while other works of the same transaction stay. A caller that is
        cancelled has either written all or nothing. Raises `ReadOnly`, `StorageError`.
        """
        return await self.submit(work)

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Begin a `write` without waiting for it."""
        if self.writer is None:
            raise ReadOnly(f"{self.path} is open to look only. Start again without --read-only to change anything.")
        return self.writer.submit(work)

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of one SELECT, on a reading connection. Sees everything acknowledged before.

        Cancelling interrupts the statement.
        """
        reader = await self._free.get()
        try:
            return list(await reader.execute_fetchall(sql, parameters))  # type: ignore[arg-type]
        except asyncio.CancelledError:
            await reader.interrupt()
            raise
        except sqlite3.DatabaseError as error:
            raise in_words(error, self.path) from error
        finally:
            self._free.put_nowait(reader)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads, in a thread; all its statements see the same state, the newest.

        Cancelling interrupts the statement that is running.
        """
        return await self._snapshots.read(work)

    async def written_since(self, rounds: int, patience: float) -> bool:
        """Wait until this process writes again after it has written `rounds` groups, at most `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while self.rounds <= rounds:
                    await self._round_ended.wait()
        except TimeoutError:
            return False
        return True

    async def open_readers(self) -> None:
        """Open the reading connections."""
        for _ in range(READERS):
            reader = aiosqlite.Connection(lambda: connect(self.path, read_only=True), iter_chunk_size=1)
            self._readers.append(await reader)
            self._free.put_nowait(reader)

    async def close_readers(self) -> None:
        """Interrupt what is still being read, and close."""
        self._snapshots.close()
        while self._readers:
            reader = self._readers.pop()
            await reader.interrupt()
            await reader.close()

    def note_round(self) -> None:
        """Wake whoever waits in `written_since`."""
        self.rounds += 1
        self._round_ended.set()
        self._round_ended = asyncio.Event()


@asynccontextmanager
async def open_database(path: Path, *, read_only: bool = False) -> AsyncIterator[Database]:
    """Open a state file, laying out a new one or bringing an older one up to date; close it at the end.

    Closing first carries out every write that was asked for. Raises `StorageError`.
    """
    database = Database(path)
    async with AsyncExitStack() as stack:
        if read_only:
            await asyncio.to_thread(_look, path)
        else:
            writer = Writer(await asyncio.to_thread(_prepare, path), path, database.note_round)
            writer.start()
            stack.push_async_callback(writer.close)
            database.writer = writer
        stack.push_async_callback(database.close_readers)
        await database.open_readers()
        yield database


def _prepare(path: Path) -> sqlite3.Connection:
    """Return the writing connection of a file that is there, ours and up to date."""
    with telling(path):
        create_private(path)
        connection = connect(path, read_only=False)
        try:
            migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _look(path: Path) -> None:
    """Raise `StorageError` unless the file can be read as it is."""
    if not path.exists():
        raise StorageError(f"There is no state file {path} yet. Run any command without --read-only to begin one.")
    with telling(path), closing(connect(path, read_only=True)) as connection:
        refuse_newer(connection, path)
        version = version_of(connection)
        check_ours(connection, path)
        if version < latest_version():
            raise StorageError(
                f"{path} was written by an older Syncdeck (schema {version}, this one needs {latest_version()}). "
                "Open it once without --read-only to bring it up to date."
            )
