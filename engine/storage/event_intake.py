"""Appends that wait at the same moment go into the log as one work: one look for secrets, one insert."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from functools import partial
from itertools import chain

from engine.events.event import Event, NewEvent
from engine.storage.appended import Appended
from engine.storage.database import Database
from engine.storage.event_append import Appender, Prepared


class _Round:
    """Appends that travel together, and whoever waits for each of them."""

    __slots__ = ("answers", "asked", "refused")

    def __init__(self) -> None:
        self.asked: list[Sequence[NewEvent]] = []
        self.answers: list[asyncio.Future[Sequence[Event]]] = []
        self.refused: dict[int, Exception] = {}
        """What cannot be encoded, by its place among the asked, and why."""


class Intake:
    """Collects appends until the writer comes for them. `append` belongs to the event loop's thread.

    What could fail for one append alone is its encoding, and there it fails alone; what fails later (the disk is
    full) fails for all.
    """

    def __init__(self, database: Database, appender: Appender) -> None:
        self._database = database
        self._appender = appender
        self._turn = threading.Lock()
        self._open_round: _Round | None = None
        self._loop = asyncio.get_running_loop()

    async def append(self, events: Sequence[NewEvent]) -> Sequence[Event]:
        """Append as `EventLog.append` promises. A caller that is cancelled has appended all or nothing."""
        answer: asyncio.Future[Sequence[Event]] = self._loop.create_future()
        with self._turn:
            joined = self._open_round or _Round()
            joined.asked.append(events)
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
        try:
            prepared = self._appender.prepare(list(chain.from_iterable(joined.asked)))
        except Exception:  # noqa: BLE001  whose it is, and what the others have, is found one by one
            prepared = self._prepare_one_by_one(joined)
        return self._appender.write_in(connection, prepared)

    def _prepare_one_by_one(self, joined: _Round) -> list[Prepared]:
        prepared: list[Prepared] = []
        for place, events in enumerate(joined.asked):
            try:
                prepared += self._appender.prepare(events)
            except Exception as error:  # noqa: BLE001  its caller gets it
                joined.refused[place] = error
        return prepared

    def _close(self, joined: _Round) -> None:
        """Let later appends begin another round."""
        with self._turn:
            if self._open_round is joined:
                self._open_round = None

    def _answer(self, joined: _Round, written: asyncio.Future[Appended]) -> None:
        """Give each caller its own events, its own error, or the error that all of them share."""
        self._close(joined)
        shared = written.exception()
        first = 0
        for place, (events, answer) in enumerate(zip(joined.asked, joined.answers, strict=True)):
            error = joined.refused.get(place) or shared
            if error is None:
                end = first + len(events)
                if not answer.done():  # else its caller was cancelled
                    answer.set_result(written.result().part(first, end))
                first = end
            elif not answer.done():
                answer.set_exception(error)
