"""A scrolling widget that draws its own lines: spans with roles become strips, and nothing is drawn twice."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from console.presentation.spans import Line
from console.widgets.ink import inks

COPY_LIMIT = 10_000
"""Most lines that one selection copies."""


class Painted(ScrollView):
    """Subclasses give `line_text` for copying and call `strip_of` in `render_line`; a new theme drops caches. To paint
    a line takes far longer than to compare it: who can tell that it looks as before paints nothing."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"painted--cursor", "painted--marked"}

    DEFAULT_CSS = """
    Painted {
        overflow-x: hidden;
        .painted--cursor { background: $cursor-idle; }
        .painted--marked { background: $panel; }
        &:focus .painted--cursor { background: $cursor; text-style: bold; }
        &:ansi .painted--cursor, &:nocolor .painted--cursor { background: ansi_default; text-style: reverse; }
        &:ansi .painted--marked, &:nocolor .painted--marked { background: ansi_default; text-style: underline; }
    }
    """

    _inks: dict[str, Style] | None = None
    _ground: Style | None = None

    @property
    def ground(self) -> Style:
        """The colours of an empty place."""
        if self._ground is None:
            self._ground = self.rich_style
        return self._ground

    def extend(self, lines: int) -> None:
        """Take in how many lines there are. The screen is laid out anew only when the scroll bar comes or goes."""
        size = Size(self.size.width, lines)
        scrolls = lines > self.container_size.height
        if scrolls != self.show_vertical_scrollbar or size.width != self.virtual_size.width:
            self.virtual_size = size
            return
        self.set_reactive(Widget.virtual_size, size)
        if scrolls:
            self.vertical_scrollbar.window_virtual_size = lines
        self.scroll_y = self.validate_scroll_y(self.scroll_y)

    @property
    def line_count(self) -> int:
        """How many lines there are to copy from."""
        return self.virtual_size.height

    def line_text(self, y: int) -> str:
        """Return line `y` as text, for copying."""
        return ""

    def drop_strips(self) -> None:
        """Forget everything drawn so far."""

    def strip_of(self, line: Line, width: int, *, shift: int = 0, over: str = "", y: int = 0) -> Strip:
        """Draw a line `width` cells wide, `over` being the component that lies over its colours."""
        if self._inks is None:
            self._inks = inks(self.app)
        ground = self.ground
        cover = self._over(over)
        fill = ground + cover
        segments = [Segment(span.text, ground + self._inks[span.role] + cover) for span in line if span.text]
        whole = Strip(segments)
        strip = whole.crop_extend(shift, shift + width, fill)
        if whole.cell_length > shift + width and whole.crop(shift + width, whole.cell_length).text.strip():
            cut = Strip([Segment("…", ground + self._inks["dim"] + cover)])
            strip = Strip.join([strip.crop(0, width - 1), cut])
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            strip = self._selected(strip, span)
        return strip.apply_offsets(shift, y)

    def _over(self, over: str) -> Style:
        if not over:
            return Style.null()
        style = self.get_component_rich_style(over)
        return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse, underline=style.underline)

    def _selected(self, strip: Strip, span: tuple[int, int]) -> Strip:
        start, end = span
        length = strip.cell_length
        end = length if end == -1 else min(end, length)
        start = min(start, end)
        marked = self.screen.get_component_rich_style("screen--selection")
        before, inside, after = strip.crop(0, start), strip.crop(start, end), strip.crop(end, length)
        return Strip.join([before, Strip([Segment(s.text, (s.style or Style()) + marked) for s in inside]), after])

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what the mouse selected, at most `COPY_LIMIT` lines of it."""
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else self.line_count - 1
        last = min(last, self.line_count - 1, first + COPY_LIMIT)
        lines = [self.line_text(y) for y in range(max(0, first), last + 1)]
        if not lines:
            return None
        if selection.end is not None:
            lines[-1] = lines[-1][: selection.end.x]
        if selection.start is not None:
            lines[0] = lines[0][selection.start.x :]
        return "\n".join(line.rstrip() for line in lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.drop_strips()
        self.refresh()

    def notify_style_update(self) -> None:
        self._inks = self._ground = None
        self.drop_strips()
        super().notify_style_update()
