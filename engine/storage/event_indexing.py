"""Index what was written for searching: behind the writer, when nothing else is to be done.

An append never waits for it longer than for any other write: the grams of a segment are computed beside the writer, in
a tenth of a second or two, and kept in one short transaction.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from engine.clock import Clock
from engine.errors import StorageError
from engine.storage.database import Database
from engine.storage.event_grams import SEGMENT, index_segment

QUIET = timedelta(seconds=1)
"""So long nobody in this process may have written before a segment is indexed."""
SHARE = 4
"""Of its time so many parts are spent waiting for each that is spent working."""
AFTER_FAULT = timedelta(minutes=1)

_NEXT = """
    WITH RECURSIVE full(segment) AS (
        SELECT (SELECT max(position) + 1 FROM event) / ?1 - 1
        UNION ALL SELECT segment - 1 FROM full WHERE segment > 0
    )
    SELECT segment FROM full WHERE segment >= 0 AND segment NOT IN (SELECT segment FROM event_indexed) LIMIT 1
"""
"""The newest full segment that is not indexed: what is new is looked for most."""

_TEXTS = """
    SELECT e.position, t.name || char(10) || e.aggregate || char(10) || e.data || char(10) || e.metadata
    FROM event e JOIN event_type t ON t.id = e.type WHERE e.position BETWEEN ? AND ?
"""

_CONTENT = "SELECT count(*), count(hashes) FROM event WHERE position BETWEEN ? AND ?"


class EventIndexer:
    """Indexes the log of a state file that this process may write."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Index what there is, and then what comes, until cancelled."""
        while True:
            await self._wait_for_quiet()
            begun = self._clock.monotonic()
            try:
                more = await self.index_one()
            except StorageError:  # a full disk or a damaged page: searching walks the log, and others tell the operator
                await self._clock.sleep(AFTER_FAULT)
                continue
            if more:
                await self._clock.sleep(SHARE * timedelta(seconds=self._clock.monotonic() - begun))
            else:
                await self._database.written_since(self._database.rounds, AFTER_FAULT.total_seconds())

    async def index_one(self) -> bool:
        """Index the newest full segment that is not; tell whether there was one."""
        found = await self._database.rows(_NEXT, (SEGMENT,))
        if not found:
            return False
        ((segment,),) = found
        span = segment * SEGMENT, segment * SEGMENT + SEGMENT - 1

        def read(connection: sqlite3.Connection) -> tuple[tuple[int, int], list[tuple[int, bytes]]]:
            return connection.execute(_CONTENT, span).fetchone(), index_segment(connection.execute(_TEXTS, span))

        content, grams = await self._database.read(read)

        def keep(connection: sqlite3.Connection) -> None:
            if connection.execute(_CONTENT, span).fetchone() != content:
                return  # redacted or compacted meanwhile: what is gone may not come back in here
            connection.execute("DELETE FROM event_gram WHERE segment = ?", (segment,))
            rows = ((segment, gram, blocks) for gram, blocks in grams)
            connection.executemany("INSERT INTO event_gram VALUES (?, ?, ?)", rows)
            connection.execute("INSERT OR IGNORE INTO event_indexed VALUES (?)", (segment,))

        await self._database.write(keep)
        return True

    async def _wait_for_quiet(self) -> None:
        rounds = -1
        while rounds != self._database.rounds:
            rounds = self._database.rounds
            await self._clock.sleep(QUIET)
