"""The event log as rows: pages read when they are seen, positions instead of events, a scan that runs beside.

Memory is bounded whatever the log holds: some thousand short lines, and eight bytes for each match of a filter.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable

from textual.cache import LRUCache

from console.presentation.ages import TimeStyle
from console.presentation.events import EventLine, event_line, line_of
from console.presentation.spans import Line, Span
from console.widgets.record_list import Rows
from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.events.event import Event
from engine.events.log import Filter
from engine.events.pages import EventPages

BLOCK = 64
STEP = 20_000
"""Events that a scan looks at between two chances to stop: some 20 ms."""

SLOW_SECONDS = 0.02
"""A read that took longer sends the next ones to a thread, with placeholders meanwhile."""


GONE: Line = (Span("compacted: archived and no longer here", "dim"),)
"""Stands at a position whose event is gone."""


class EventScan:
    """Finds the positions that match a filter, newest first, on a thread of its caller; watched from another."""

    def __init__(self, pages: EventPages, where: Filter, first: int, last: int) -> None:
        self.where = where
        self.first = first
        self.last = last
        self.older = array("q")
        """Matching positions, descending; it only ever grows at its end."""
        self.looked_at = 0
        self.done = False
        self.error: SyncdeckError | None = None
        self._pages = pages
        self._stop = threading.Event()

    @property
    def total(self) -> int:
        return max(0, self.last - self.first + 1)

    def stop(self) -> None:
        """Stop at the next chance; what was found stays."""
        self._stop.set()

    def run(self) -> None:
        """Look through the whole range. An error ends it and is kept, for whoever watches to say."""
        try:
            for end in range(self.last, self.first - 1, -STEP):
                if self._stop.is_set():
                    return
                start = max(self.first, end - STEP + 1)
                found = self._pages.matching(self.where, start, end)
                found.reverse()
                self.older.extend(found)
                self.looked_at = self.last - start + 1
        except SyncdeckError as error:
            self.error = error
        finally:
            self.done = True


class EventRows(Rows):
    """All events, or those a scan has found. `missing` is called with an index whose block should be read elsewhere."""

    def __init__(self, pages: EventPages, clock: Clock, missing: Callable[[int], None]) -> None:
        self.pages = pages
        self.clock = clock
        self.style = TimeStyle.LOCAL
        self.scan: EventScan | None = None
        self.first, self.last = pages.bounds()
        self.slow = False
        self.nodes: set[str] = set()
        """Names of the nodes that wrote what was seen so far; with a second one each line says whose it is."""
        self._missing = missing
        self._newer = array("q")
        self._taken = 0
        self._lines: LRUCache[int, EventLine] = LRUCache(4_096)

    # -- which events -----------------------------------------------------------------------------------------------

    def narrow(self, scan: EventScan | None) -> None:
        """Show what a scan finds; None: everything."""
        self.scan = scan
        self._newer = array("q")
        self._taken = 0
        self.first, self.last = self.pages.bounds()

    def take(self) -> bool:
        """Take in what the scan has found since; tell whether there was anything."""
        found = len(self.scan.older) if self.scan is not None else 0
        changed = found != self._taken
        self._taken = found
        return changed

    def grow(self) -> int:
        """Take in what was appended to the log; return how many rows that added at the end."""
        first, last = self.pages.bounds()
        before = self.last
        self.first, self.last = first, last
        if last <= before:
            return 0
        if self.scan is None:
            return last - before
        found = self.pages.matching(self.scan.where, before + 1, last)
        self._newer.extend(found)
        return len(found)

    def __len__(self) -> int:
        if self.scan is None:
            return self.last - self.first + 1
        return self._taken + len(self._newer)

    def key_at(self, index: int) -> int:
        if self.scan is None:
            return self.first + index
        if index < self._taken:
            return self.scan.older[self._taken - 1 - index]
        return self._newer[index - self._taken]

    def index_of(self, key: Hashable) -> int | None:
        if not isinstance(key, int):
            return None
        index = self.nearest(key)
        return index if index < len(self) and self.key_at(index) == key else None

    def nearest(self, position: int) -> int:
        """Return the index of the first row at or after a position (the length when there is none)."""
        if self.scan is None:
            return max(0, min(len(self), position - self.first))
        if self._newer and position >= self._newer[0]:
            return self._taken + bisect_left(self._newer, position)
        return self._taken - bisect_right(self.scan.older, -position, 0, self._taken, key=lambda one: -one)

    # -- what they say ----------------------------------------------------------------------------------------------

    def line_at(self, index: int, width: int) -> Line | None:
        line = self._lines.get(self.key_at(index))
        if line is None:
            if self.slow:
                self._missing(index)
                return None
            self.keep(self.read_block(index))
            line = self._lines.get(self.key_at(index))
            if line is None:
                return GONE
        return event_line(line, width, self.style, self.clock.now(), nodes=self.several)

    @property
    def several(self) -> bool:
        """Whether more than one node wrote."""
        return len(self.nodes) > 1

    def read_block(self, index: int) -> list[EventLine]:
        """Read the events around a row; may be called on any thread, but only the list's own may `keep` them."""
        started = self.clock.monotonic()
        start = index - index % BLOCK
        if self.scan is None:
            found = self.pages.page_from(self.first + start, BLOCK)
        else:
            found = self.pages.at([self.key_at(one) for one in range(start, min(len(self), start + BLOCK))])
        lines = [line_of(event) for event in found]
        self.slow = self.clock.monotonic() - started > SLOW_SECONDS
        return lines

    def keep(self, lines: Iterable[EventLine]) -> None:
        """Remember what was read."""
        for line in lines:
            self._lines[line.position] = line
            self.nodes.add(line.node)

    def event_at(self, position: int) -> Event | None:
        """Return one whole event."""
        found = self.pages.at([position])
        return found[0] if found else None

    def position_at_time(self, milliseconds: int) -> int:
        """Return the first position at or after a time, by halving: some twenty reads for a million events."""
        low, high = int(self.first), int(self.last) + 1
        while low < high:
            middle = (low + high) // 2
            found = self.pages.page_from(middle, 1)
            if found and found[0].milliseconds < milliseconds:
                low = middle + 1
            else:
                high = middle
        return low
