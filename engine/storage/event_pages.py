"""The event log for readers that cannot wait in an event loop: a scrolling list between two frames."""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from engine.events.event import END, Event, Position
from engine.events.log import Filter
from engine.events.pages import EventPages
from engine.events.upcast import AS_WRITTEN, Upcasts
from engine.storage.connection import connect, telling
from engine.storage.database import Row
from engine.storage.event_filter import Condition, Known, compile_filter
from engine.storage.event_grams import INDEXED, Span, blocks_query, narrowed, segment_of
from engine.storage.event_history import OF_AGGREGATE
from engine.storage.event_rows import FIRST_AND_LAST, SELECT, SELECT_POSITION, to_bounds, to_events
from engine.storage.event_search import batches, statement

FEW = 100_000
"""So many entries of the index by type are read in the time that 20,000 events take."""

AT_ONCE = 500
"""Positions in one statement of `at`; SQLite allows 32,766 parameters."""


class StoredEventPages(EventPages):
    """Reads through connections of its own. Any thread may call; a page does not wait for another thread's search."""

    def __init__(self, path: Path, upcasts: Upcasts = AS_WRITTEN) -> None:
        self._path = path
        self._upcasts = upcasts
        with telling(path):
            self._paging = connect(path, read_only=True)
            self._searching = connect(path, read_only=True)
        self._paging_turn = threading.Lock()
        self._searching_turn = threading.Lock()

    def bounds(self) -> tuple[Position, Position]:
        with self._page_connection() as connection:
            return to_bounds(connection.execute(FIRST_AND_LAST).fetchone())

    def page_from(self, position: int, limit: int) -> Sequence[Event]:
        with self._page_connection() as connection:
            return self._read(
                connection.execute(f"{SELECT} WHERE e.position >= ? ORDER BY e.position LIMIT ?", (position, limit))
            )

    def at(self, positions: Sequence[int]) -> Sequence[Event]:
        found: list[Event] = []
        for start in range(0, len(positions), AT_ONCE):
            some = tuple(positions[start : start + AT_ONCE])
            marks = ", ".join("?" * len(some))
            with self._page_connection() as connection:
                found += self._read(
                    connection.execute(f"{SELECT} WHERE e.position IN ({marks}) ORDER BY e.position", some)
                )
        return found

    def matching(self, where: Filter, first: int, last: int) -> array[int]:
        with self._searching_turn, telling(self._path):
            condition = self._condition(where)
            found = array("q")
            for parts in batches(self._parts(condition, (first, last))):
                sql, parameters = statement(SELECT_POSITION, condition, parts)
                found.extend(position for (position,) in self._searching.execute(sql, (*parameters, last - first + 1)))
            return found

    def _parts(self, condition: Condition, span: Span) -> Iterable[Span]:
        """Return what of a span has to be looked at."""
        if condition.impossible or span[0] > span[1]:
            return ()
        if not condition.grams:
            return (span,)
        segments = segment_of(span[0]), segment_of(span[1])
        indexed = {segment for (segment,) in self._searching.execute(INDEXED, segments)}
        return narrowed(span, indexed, self._searching.execute(blocks_query(condition.grams), segments))

    def history(self, aggregate: str) -> Sequence[Event]:
        with self._page_connection() as connection:
            return self._read(connection.execute(OF_AGGREGATE, (aggregate, END)))

    def close(self) -> None:
        """Let go of the file; a search under way ends first."""
        with self._searching_turn:
            self._searching.close()
        with self._paging_turn:
            self._paging.close()

    def _read(self, rows: Iterable[Row]) -> Sequence[Event]:
        return self._upcasts.read_all(to_events(rows))

    @contextmanager
    def _page_connection(self) -> Iterator[sqlite3.Connection]:
        with self._paging_turn, telling(self._path):
            yield self._paging

    def _condition(self, where: Filter) -> Condition:
        types = self._searching.execute("SELECT name, id, count FROM event_type")
        origins = self._searching.execute("SELECT name, id FROM event_origin")
        return compile_filter(
            where, Known(types={name: (number, count) for name, number, count in types}, origins=dict(origins)), FEW
        )


@contextmanager
def open_event_pages(path: Path, upcasts: Upcasts = AS_WRITTEN) -> Iterator[StoredEventPages]:
    """Open the pages of a state file that exists. Raises `StorageError`."""
    with closing(StoredEventPages(path, upcasts)) as pages:
        yield pages
