"""Appends that wait at the same moment go into the log as one work: one look for secrets, one insert."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain

from engine.events.event import Event, NewEvent
from engine.events.log import Version
from engine.storage.database import Database
from engine.storage.event_append import Appender, is_plain
from engine.storage.event_preparing import Prepared

Answer = Sequence[Event] | Exception


class _Asked:
    """An append, and whoever waits for it."""

    __slots__ = ("answer", "events", "expected", "plain")

    def __init__(self, events: Sequence[NewEvent], expected: Mapping[str, Version] | None) -> None:
        self.events = events
        self.expected = expected
        self.plain = is_plain(events, expected)
        self.answer: asyncio.Future[Sequence[Event]] = asyncio.get_running_loop().create_future()


class _Round:
    """Appends that travel together."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked: list[_Asked] = []


class Intake:
    """Collects appends until the writer comes for them. `append` belongs to the event loop's thread.

    What could fail for one append alone is its encoding and what its caller expects, and there it fails alone; what
    fails later (the disk is full) fails for all.
    """

    def __init__(self, database: Database, appender: Appender) -> None:
        self._database = database
        self._appender = appender
        self._turn = threading.Lock()
        self._open_round: _Round | None = None

    async def append(self, events: Sequence[NewEvent], expected: Mapping[str, Version] | None) -> Sequence[Event]:
        """Append as `EventLog.append` promises. A caller that is cancelled has appended all or nothing."""
        asked = _Asked(events, expected)
        with self._turn:
            joined = self._open_round or _Round()
            joined.asked.append(asked)
            begun, self._open_round = self._open_round is None, joined
        if begun:
            try:
                written = self._database.submit(partial(self._write, joined))
            except BaseException:
                self._close(joined)
                raise
            written.add_done_callback(partial(self._answer, joined))
        return await asked.answer

    def _write(self, joined: _Round, connection: sqlite3.Connection) -> list[Answer]:
        """Write a round; return the answer to each append of it."""
        self._close(joined)
        if all(asked.plain for asked in joined.asked):
            try:
                prepared = self._appender.prepare(list(chain.from_iterable([asked.events for asked in joined.asked])))
            except Exception:  # noqa: BLE001, S110  whose it is, and what the others have, is found one by one
                pass
            else:
                return self._write_together(connection, joined, prepared)
        return [self._write_one(connection, asked) for asked in joined.asked]

    def _write_together(
        self, connection: sqlite3.Connection, joined: _Round, prepared: Sequence[Prepared]
    ) -> list[Answer]:
        appended = self._appender.write_in(connection, prepared)
        answers: list[Answer] = []
        first = 0
        for asked in joined.asked:
            answers.append(appended.part(first, first + len(asked.events)))
            first += len(asked.events)
        return answers

    def _write_one(self, connection: sqlite3.Connection, asked: _Asked) -> Answer:
        """Write one append, or return why it cannot be; nothing of it is written then."""
        try:
            prepared = self._appender.prepare(asked.events)
            if asked.plain:
                return self._appender.write_in(connection, prepared)
            return self._appender.write_once_in(connection, asked.events, prepared, asked.expected)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001  its caller gets it
            return error

    def _close(self, joined: _Round) -> None:
        """Let later appends begin another round."""
        with self._turn:
            if self._open_round is joined:
                self._open_round = None

    def _answer(self, joined: _Round, written: asyncio.Future[list[Answer]]) -> None:
        """Give each caller its own events, its own error, or the error that all of them share."""
        self._close(joined)
        shared = written.exception()
        answers = written.result() if shared is None else [None] * len(joined.asked)
        for asked, answer in zip(joined.asked, answers, strict=True):
            if asked.answer.done():
                continue  # its caller was cancelled
            if isinstance(answer, Exception):
                asked.answer.set_exception(answer)
            elif answer is None:
                asked.answer.set_exception(shared or RuntimeError("a round without an answer"))
            else:
                asked.answer.set_result(answer)
