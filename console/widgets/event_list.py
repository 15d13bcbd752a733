"""The list of the event log: opens at once, narrows while it is looked at, follows live without ever jumping."""

from __future__ import annotations

from array import array
from collections.abc import Set

from textual import work
from textual.message import Message
from textual.timer import Timer
from textual.worker import get_current_worker

from console.presentation.ages import TimeStyle
from console.presentation.event_filter import HINT
from console.presentation.spans import Span
from console.widgets.event_rows import STEP, EventRows, EventScan
from console.widgets.record_list import RecordList
from engine.clock import Clock
from engine.events.log import Filter
from engine.events.pages import EventPages

SCAN_SECONDS = 0.05
"""How often a running scan is looked at: the first matches are seen at once, and drawing costs little."""


class EventList(RecordList):
    """A `RecordList` over `EventRows`. The viewport moves by itself only while `following`."""

    class Progressed(Message):
        """A scan went on, ended or failed, events arrived, or following changed: look at the list's attributes."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.events: EventRows | None = None
        self.following = True
        self.paused = False
        self.unseen = 0
        """Rows that arrived since the end was last looked at."""
        self.first_style = TimeStyle.LOCAL
        """How times are written until somebody chooses."""
        self.gaps = False
        """Events were compacted: places and events are not the same number."""
        self._watch: Timer | None = None
        self._fetching: set[int] = set()

    def open_log(self, pages: EventPages, clock: Clock) -> None:
        """Show a log from its end; costs one page."""
        style = self.events.style if self.events is not None else self.first_style
        self.events = EventRows(pages, clock, self._missing)
        self.events.style = style
        self.show(
            self.events,
            empty=(
                (Span("Nothing has happened in this workspace yet.", "strong"),),
                (Span("Plans, decisions and runs appear here as they happen, and what other nodes send.", "dim"),),
            ),
        )
        self.action_cursor_to(-1)

    def name_nodes(self, nodes: Set[str]) -> bool:
        """Take in who wrote to this log; tell whether that was news."""
        if self.events is None or nodes <= self.events.nodes:
            return False
        self.events.nodes |= nodes
        self.redraw()
        return True

    def pass_over_gaps(self) -> None:
        """List only the events that are there, from now on: some places were compacted."""
        if not self.gaps:
            self.gaps = True
            if self.events is not None and self.events.scan is None:
                self.narrow(None)

    # -- narrowing --------------------------------------------------------------------------------------------------

    def narrow(self, where: Filter | None) -> None:
        """Show only what matches, newest found first; None shows everything. Keeps the cursor's event if it can."""
        if self.events is None:
            return
        if where is None and self.gaps:
            where = Filter()
        if self.events.scan is not None:
            self.events.scan.stop()
        scan = None if where is None else EventScan(self.events.pages, where, *self.events.pages.bounds())
        self.events.narrow(scan)
        self.unseen = 0
        self.show(
            self.events,
            empty=(
                (Span("No event matches this filter.", "strong"),),
                (Span(HINT, "dim"),),
                (Span("Esc", "accent"), Span(" shows everything again", "dim")),
            ),
        )
        if scan is None:
            if self.following:
                self.action_cursor_to(-1)
            self.post_message(self.Progressed())
            return
        self._scan(scan)
        if self._watch is None:
            self._watch = self.set_interval(SCAN_SECONDS, self._look_at_scan)
        self._watch.resume()

    @work(thread=True, group="event-scan", exit_on_error=False)
    def _scan(self, scan: EventScan) -> None:
        scan.run()

    def _look_at_scan(self) -> None:
        if self.events is None or self.events.scan is None:
            return
        done = self.events.scan.done
        first = not len(self.events)
        if self.events.take():
            self.rows_changed()
            if first and self.following:
                self.action_cursor_to(-1)
        if done and self._watch is not None:
            self._watch.pause()
        self.post_message(self.Progressed())

    def stop_scan(self) -> bool:
        """Stop a running scan and keep what it found; tell whether there was one."""
        scan = self.events.scan if self.events is not None else None
        if scan is None or scan.done:
            return False
        scan.stop()
        return True

    # -- following --------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Take in what was appended, also by other processes. Unless following, only the count at the end changes."""
        if self.events is None or self.paused:
            return
        if self.events.scan is not None and not self.events.scan.done:
            return
        grown = self.events.grow()
        if not grown:
            return
        self.rows_changed()
        if self.following:
            self.go_to(len(self.events) - 1)
        else:
            self.unseen += grown
        self.post_message(self.Progressed())

    def follow(self, on: bool) -> None:
        """Go to the end and stay there, or stop doing so."""
        self.following = on
        if on:
            self.paused = False
            self.unseen = 0
            self.poll()
            super().action_cursor_to(-1)
        self.post_message(self.Progressed())

    def go_to(self, index: int) -> None:
        super().go_to(index)
        if self.following and self.events is not None and self.cursor < len(self.events) - 1:
            self.follow(False)

    def action_cursor_to(self, index: int) -> None:
        super().action_cursor_to(index)
        if index < 0 and not self.following:
            self.follow(True)

    def go_to_time(self, milliseconds: int) -> None:
        """Put the cursor on the first shown event at or after a time."""
        if self.events is None:
            return
        if self.events.several:
            self._seek(milliseconds)  # what others wrote long ago may have arrived just now
        else:
            self.go_to(self.events.nearest(self.events.position_at_time(milliseconds)))

    @work(thread=True, exclusive=True, group="event-find", exit_on_error=False)
    def _seek(self, milliseconds: int) -> None:
        rows, worker = self.events, get_current_worker()
        if rows is None:
            return
        where = Filter(since_ms=milliseconds)
        first, last = rows.pages.bounds()
        for low in range(first, last + 1, STEP):
            if worker.is_cancelled:
                return
            found = rows.pages.matching(where, low, min(last, low + STEP - 1))
            if shown := self._shown(rows, found):
                self.app.call_from_thread(self.go_to_key, shown[0])
                return
        self.app.call_from_thread(self.go_to, len(rows) - 1)

    # -- finding ----------------------------------------------------------------------------------------------------

    @work(thread=True, exclusive=True, group="event-find", exit_on_error=False)
    def find(self, text: str, older: bool) -> None:
        """Put the cursor on the next event that holds the text; says so by `Found`."""
        rows = self.events
        if rows is None or not isinstance(self.key, int):
            return
        worker = get_current_worker()
        where = Filter(search=text)
        first, last = rows.pages.bounds()
        position = self.key - 1 if older else self.key + 1
        while first <= position <= last and not worker.is_cancelled:
            low, high = (
                (max(first, position - STEP + 1), position) if older else (position, min(last, position + STEP - 1))
            )
            found = rows.pages.matching(where, low, high)
            if shown := self._shown(rows, found):
                self.app.call_from_thread(self._found, shown[-1] if older else shown[0])
                return
            position = low - 1 if older else high + 1
        if not worker.is_cancelled:
            self.app.call_from_thread(self._found, None)

    def _shown(self, rows: EventRows, found: array[int]) -> list[int]:
        return [position for position in found if rows.scan is None or rows.index_of(position) is not None]

    def _found(self, position: int | None) -> None:
        if position is not None:
            self.go_to_key(position)
        self.post_message(self.Found(position))

    class Found(Message):
        """A search ended; `position` is None when nothing more holds the text."""

        def __init__(self, position: int | None) -> None:
            super().__init__()
            self.position = position

    # -- slow disks -------------------------------------------------------------------------------------------------

    def _missing(self, index: int) -> None:
        if index not in self._fetching:
            self._fetching.add(index)
            self._fetch(index)

    @work(thread=True, group="event-fetch", exit_on_error=False)
    def _fetch(self, index: int) -> None:
        rows = self.events
        if rows is None:
            return
        lines = rows.read_block(index)

        def keep() -> None:
            rows.keep(lines)
            self._fetching.discard(index)
            self.redraw()

        self.app.call_from_thread(keep)
