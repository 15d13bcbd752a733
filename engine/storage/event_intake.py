"""Appends that wait at the same moment go into the log as one work: one insert, one look at the log's head."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from functools import partial

from engine.events.event import Event
from engine.storage.appended import Appended
from engine.storage.database import Database
from engine.storage.event_append import Appender, Prepared


class _Round:
    """Appends that travel together, and whoever waits for each of them."""

    __slots__ = ("answers", "events", "sizes")

    def __init__(self) -> None:
        self.events: list[Prepared] = []
        self.sizes: list[int] = []
        self.answers: list[asyncio.Future[Sequence[Event]]] = []


class Intake:
    """Collects appends until the writer comes for them. `append` belongs to the event loop's thread.

    Everything that could fail for one append alone has happened in `Appender.prepare`; what fails later (the disk is
    full) fails for all.
    """

    def __init__(self, database: Database, appender: Appender) -> None:
        self._database = database
        self._appender = appender
        self._turn = threading.Lock()
        self._open_round: _Round | None = None

    async def append(self, prepared: Sequence[Prepared]) -> Sequence[Event]:
        """Append as `EventLog.append` promises. A caller that is cancelled has appended all or nothing."""
        answer: asyncio.Future[Sequence[Event]] = asyncio.get_running_loop().create_future()
        with self._turn:
            joined = self._open_round or _Round()
            joined.events.extend(prepared)
            joined.sizes.append(len(prepared))
            joined.answers.append(answer)
            begun, self._open_round = self._open_round is None, joined
        if begun:
            try:
                written = self._database.submit(partial(self._write, joined))
            except BaseException:
                self._close(joined)
                raise
            written.add_done_callback(partial(self._answer, joined))
        return await answer

    def _write(self, joined: _Round, connection: sqlite3.Connection) -> Appended:
        self._close(joined)
        return self._appender.write_in(connection, joined.events)

    def _close(self, joined: _Round) -> None:
        """Let later appends begin another round."""
        with self._turn:
            if self._open_round is joined:
                self._open_round = None

    def _answer(self, joined: _Round, written: asyncio.Future[Appended]) -> None:
        """Give each caller its own events, or the error that all of them share."""
        self._close(joined)
        error = written.exception()
        first = 0
        for size, answer in zip(joined.sizes, joined.answers, strict=True):
            if answer.done():
                pass  # its caller was cancelled
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(written.result().part(first, first + size))
            first += size
