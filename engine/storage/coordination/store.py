"""The coordination file as a backend: who opens it, and what its store is put together of."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import ClassVar, TypeVar

from engine.clock import Clock
from engine.coordination.promises import Promises
from engine.coordination.store import Backend, Store
from engine.errors import CoordinationUnavailable
from engine.storage.coordination.bell import Bell
from engine.storage.coordination.blocked import who_blocks
from engine.storage.coordination.expiry import Expiry
from engine.storage.coordination.feed import Feed
from engine.storage.coordination.file import closed, prepare, refuse_elsewhere
from engine.storage.coordination.line import PATIENCE
from engine.storage.coordination.opened import OpenedStore
from engine.storage.coordination.reading import Reading
from engine.storage.coordination.stream import StoredStreams
from engine.storage.coordination.waiting import Waiting
from engine.storage.coordination.watch import Watch
from engine.storage.coordination.writing import Changing, LookingOnly, Writing
from engine.together import together

T = TypeVar("T")

_AFTER_A_POWER_CUT = (
    "After a power cut every lock is free and every token greater than before; keys and streams are as they were "
    "acknowledged, and keys that expire get their whole time again."
)
_STOPPED_WHILE_WRITING = (
    "A process that is stopped in the middle of a transaction keeps all others from writing until it goes on or ends; "
    "nobody is granted anything meanwhile, and locks lapse in their time."
)


class SqliteStore(Backend):
    """A coordination file, not yet open."""

    promises: ClassVar[Promises] = Promises(
        backend=f"SQLite {sqlite3.sqlite_version}",
        reach="all processes of this machine",
        shortest_ttl=timedelta(milliseconds=200),
        crash_seen="at once, through its process id",
        hang_seen="when its time is over",
        shortest_expiry=timedelta(milliseconds=50),
        cautions=(
            _AFTER_A_POWER_CUT,
            _STOPPED_WHILE_WRITING,
        ),
    )

    def __init__(self, path: Path, clock: Clock, namespace: str, *, read_only: bool = False) -> None:
        """`read_only` looks and changes nothing; a file that is not there yet is empty, and is not made."""
        self._path = path
        self._clock = clock
        self._namespace = namespace
        self._read_only = read_only

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        """Open the file, laying out a new one. Raises `CoordinationUnavailable`, `NotSupported`, `StorageError`."""
        async with AsyncExitStack() as stack:
            if self._read_only:
                refuse_elsewhere(self._path)
                store = self._looking(stack)
            else:
                store = await self._taking_part(stack)
            group = await stack.enter_async_context(together())
            watching = group.create_task(store.expiry.run())
            stack.callback(watching.cancel)
            yield store

    def _looking(self, stack: AsyncExitStack) -> OpenedStore:
        bell = Bell(self._path, may_ring=False)
        stack.callback(bell.close)
        return self._put_together(stack, bell, LookingOnly())

    async def _taking_part(self, stack: AsyncExitStack) -> OpenedStore:
        try:
            async with asyncio.timeout(PATIENCE):
                number = await _beside(partial(prepare, self._path, self._namespace, self._clock.monotonic()))
        except TimeoutError:
            raise CoordinationUnavailable(who_blocks(self._path)) from None
        bell = Bell(self._path, may_ring=True)
        stack.callback(bell.close)
        watch = Watch(lambda mark: store.expiry.died(mark))  # noqa: PLW0108  there is no store yet
        changing = Changing(self._path, self._clock, number, watch, bell)
        stack.push_async_callback(changing.close)
        stack.callback(watch.close)
        store = self._put_together(stack, bell, changing)
        store.take_part(changing, watch)
        return store

    def _put_together(self, stack: AsyncExitStack, bell: Bell, writing: Writing) -> OpenedStore:
        reading = Reading(self._path, self._namespace)
        stack.callback(reading.close)
        waiting = Waiting(reading)
        stack.callback(lambda: waiting.close(closed(self._path)))
        expiry = Expiry(self._clock, reading, waiting, bell)
        feed = Feed(reading, bell, self._clock, expiry.moved)
        streams = StoredStreams(reading, writing, bell)
        return OpenedStore(self.promises, self._clock, reading, writing, waiting, expiry, feed, streams)


async def _beside(work: Callable[[], T]) -> T:
    """Do a work in a thread of its own, which the program does not wait for at its end: somebody stopped may keep it
    for ever."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:  # noqa: BLE001  whoever waits for the answer gets it
            answer.set_exception(error)

    Thread(target=run, name="syncdeck-coordination-opening", daemon=True).start()
    return await asyncio.shield(asyncio.wrap_future(answer))
