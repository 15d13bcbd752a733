"""A list of any length that draws only what is seen, with a cursor bound to a record and not to a place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import ClassVar, Protocol

from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.message import Message
from textual.strip import Strip

from console.keymap import bindings
from console.presentation.spans import Line, Span, cell, plain
from console.widgets.painted import Painted

GUTTER = 2
"""Cells before each row: the cursor's arrow and the mark."""
DRAWN = 512
"""Rows of which it is remembered how they look."""


class Rows(Protocol):
    """Numbered rows, each with a key that survives renumbering."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many rows there are now."""

    @abstractmethod
    def key_at(self, index: int) -> Hashable:
        """Return the key of a row; constant time."""

    @abstractmethod
    def index_of(self, key: Hashable) -> int | None:
        """Return where the row of that key is now; None when it is gone."""

    @abstractmethod
    def line_at(self, index: int, width: int) -> Line | None:
        """Return a row drawn for `width` cells; None while it is still being fetched."""


class NoRows(Rows):
    """Before anything was asked."""

    def __len__(self) -> int:
        return 0

    def key_at(self, index: int) -> Hashable:
        raise IndexError(index)

    def index_of(self, key: Hashable) -> int | None:
        return None

    def line_at(self, index: int, width: int) -> Line | None:
        return None


class RecordList(Painted, can_focus=True):
    """See the module. `empty` lines are shown when there is no row: what is missing, and the next step."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("records")]

    class Opened(Message):
        """Enter or a double click on a row."""

        def __init__(self, records: RecordList, key: Hashable) -> None:
            super().__init__()
            self.records = records
            self.key = key

        @property
        def control(self) -> RecordList:
            return self.records

    class Moved(Message):
        """The cursor is on another record now."""

        def __init__(self, records: RecordList, key: Hashable) -> None:
            super().__init__()
            self.records = records
            self.key = key

        @property
        def control(self) -> RecordList:
            return self.records

    def __init__(self, rows: Rows | None = None, *, empty: Sequence[Line] = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows: Rows = rows or NoRows()
        self.empty = tuple(empty)
        self.cursor = 0
        self.key: Hashable = None
        self.marked: set[Hashable] = set()
        self.shift = 0
        self._lines: LRUCache[int, Line] = LRUCache(DRAWN)
        self._strips: LRUCache[tuple[int, bool], Strip] = LRUCache(DRAWN)

    # -- rows -------------------------------------------------------------------------------------------------------

    def show(self, rows: Rows, *, empty: Sequence[Line] | None = None) -> None:
        """Show other rows; the cursor stays on its record if that is among them."""
        self.rows = rows
        if empty is not None:
            self.empty = tuple(empty)
        self.rows_changed()

    def rows_changed(self) -> None:
        """Take in that rows came, went or moved: the record under the cursor keeps its place on the screen."""
        height = self.cursor - self.scroll_offset.y
        count = len(self.rows)
        self.extend(count)
        before, stood = self.key, self.cursor
        found = self.rows.index_of(before) if before is not None else None
        self.cursor = found if found is not None else max(0, min(self.cursor, count - 1))
        self.key = self.rows.key_at(self.cursor) if count else None
        if found is not None and 0 <= height < max(1, self.size.height):
            self._scroll_to_row(found - height)
        if self.cursor != stood or self.marked:
            self.redraw()
        else:
            self.freshen()
        if self.key != before:
            self.post_message(self.Moved(self, self.key))

    def row_changed(self, index: int) -> None:
        """Draw one row afresh."""
        self._lines.discard(index)
        self._strips.discard((index, True))
        self._strips.discard((index, False))
        self.refresh_line(index)

    def freshen(self) -> None:
        """Draw afresh the rows on the screen that look different now, and no other."""
        count, drawn = len(self.rows), self._lines
        if not count or not len(drawn):
            self.redraw()
            return
        self._lines = LRUCache(DRAWN)
        self._strips.clear()
        top = self.scroll_offset.y
        for index in range(top, top + self.size.height):
            before = drawn.get(index)
            if before != (self._line(index) if index < count else None):
                self.refresh_line(index)

    def redraw(self) -> None:
        """Draw every row afresh."""
        self.drop_strips()
        self.refresh()

    def drop_strips(self) -> None:
        self._lines.clear()
        self._strips.clear()

    # -- drawing ----------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.drop_strips()
        self.extend(len(self.rows))
        self.keep_in_sight()

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        count = len(self.rows)
        if not count:
            return self._empty_line(y, width)
        index = y + self.scroll_offset.y
        if index >= count:
            return Strip.blank(width, self.ground)
        under = index == self.cursor
        strip = self._strips.get((index, under))
        if strip is None:
            line = self._line(index)
            if line is None:
                return self.strip_of((Span("  …", "dim"),), width, y=index)
            marked = bool(self.marked) and self.rows.key_at(index) in self.marked
            gutter = Span(("▸" if under else " ") + ("•" if marked else " "), "accent")
            over = "painted--cursor" if under else "painted--marked" if marked else ""
            strip = self.strip_of((gutter, *line), width, shift=self.shift, over=over, y=index)
            self._strips[index, under] = strip
        return strip

    def _line(self, index: int) -> Line | None:
        line = self._lines.get(index)
        if line is None:
            line = self.rows.line_at(index, max(1, self.size.width - GUTTER) + self.shift)
            if line is not None:
                self._lines[index] = line
        return line

    def _empty_line(self, y: int, width: int) -> Strip:
        top = max(0, (self.size.height - len(self.empty)) // 3)
        if not top <= y < top + len(self.empty):
            return Strip.blank(width, self.ground)
        return self.strip_of((Span("  "), *self.empty[y - top]), width, y=y)

    def line_text(self, y: int) -> str:
        line = self.rows.line_at(y, max(1, self.size.width - GUTTER)) if y < len(self.rows) else None
        return "" if line is None else cell("", GUTTER).text + plain(line)

    # -- the cursor -------------------------------------------------------------------------------------------------

    def go_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into sight."""
        index = max(0, min(len(self.rows) - 1, index))
        if not len(self.rows):
            return
        old, self.cursor = self.cursor, index
        self.refresh_line(old)
        self.refresh_line(index)
        self.keep_in_sight()
        key = self.rows.key_at(index)
        if key != self.key:
            self.key = key
            self.post_message(self.Moved(self, key))

    def go_to_key(self, key: Hashable) -> bool:
        """Put the cursor on the record of that key; tell whether it is here."""
        index = self.rows.index_of(key)
        if index is not None:
            self.go_to(index)
        return index is not None

    def keep_in_sight(self) -> None:
        """Scroll as little as needed to see the cursor."""
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self.cursor < top:
            self._scroll_to_row(self.cursor)
        elif self.cursor >= top + height:
            self._scroll_to_row(self.cursor - height + 1)

    def _scroll_to_row(self, row: int) -> None:
        """Scroll now; forced, because a list that has just grown has no scroll bar yet."""
        self.scroll_to(y=max(0, row), animate=False, force=True)

    def action_cursor(self, by: int) -> None:
        self.go_to(self.cursor + by)

    def action_cursor_page(self, by: int) -> None:
        self.go_to(self.cursor + by * max(1, self.size.height - 1))

    def action_cursor_to(self, index: int) -> None:
        self.go_to(index if index >= 0 else len(self.rows) - 1)

    def mark(self) -> None:
        """Mark the record under the cursor, or take its mark away, and go on to the next."""
        if self.key is not None:
            self.marked ^= {self.key}
            self.row_changed(self.cursor)
            self.action_cursor(1)

    def action_shift(self, by: int) -> None:
        self.shift = max(0, min(2_000, self.shift + by))
        self.redraw()

    def action_open(self) -> None:
        if len(self.rows):
            self.post_message(self.Opened(self, self.rows.key_at(self.cursor)))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not len(self.rows):
            return
        index = offset.y + self.scroll_offset.y
        if index < len(self.rows):
            self.go_to(index)
            if event.chain == 2:
                self.action_open()
