"""Some lines that are drawn for a width: facts above a list, the detail beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import ClassVar

from textual.binding import BindingType
from textual.strip import Strip

from console.keymap import bindings
from console.presentation.spans import Line, plain
from console.widgets.painted import Painted

Content = Callable[[int], Sequence[Line]]
"""Lines for a width in cells."""


class LinePanel(Painted, can_focus=True):
    """Shows `content(width)`, scrolls when it is longer, and draws it afresh when the width changes."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("panel")]
    DEFAULT_CSS = "LinePanel { height: 1fr; }"

    def __init__(self, content: Content = lambda _: (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.content = content
        self._lines: Sequence[Line] = ()
        self._drawn: dict[int, Strip] = {}

    def show(self, content: Content, *, stay: bool = False) -> None:
        """Show something else, from its top unless it is the same thing grown (`stay`)."""
        self.content = content
        if not stay:
            self.scroll_to(y=0, animate=False)
        self.draw_afresh()

    def draw_afresh(self) -> None:
        """Ask for the lines again, and draw those that are others now."""
        width, before = self.size.width, self._lines
        self._lines = self.content(width) if width else ()
        self.extend(len(self._lines))
        self.settle_height(len(self._lines))
        for place, (old, new) in enumerate(zip_longest(before, self._lines)):
            if old != new:
                self._drawn.pop(place, None)
                self.refresh_line(place)

    def settle_height(self, lines: int) -> None:
        """Take in how many lines there are; a panel of fixed height does nothing."""

    def on_resize(self) -> None:
        self._drawn.clear()
        self.draw_afresh()
        self.refresh()

    def drop_strips(self) -> None:
        self._drawn.clear()

    def render_line(self, y: int) -> Strip:
        index, width = y + self.scroll_offset.y, self.size.width
        if index >= len(self._lines):
            return Strip.blank(width, self.ground)
        strip = self._drawn.get(index)
        if strip is None:
            strip = self._drawn[index] = self.strip_of(self._lines[index], width, y=index)
        return strip

    def line_text(self, y: int) -> str:
        return plain(self._lines[y]) if y < len(self._lines) else ""

    def action_scroll(self, by: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + by, animate=False)


class LineStack(LinePanel, can_focus=False):
    """As tall as its lines: headings, facts, banners. Gone from the layout when there are none."""

    DEFAULT_CSS = "LineStack { height: auto; max-height: 12; overflow-y: hidden; }"

    def settle_height(self, lines: int) -> None:
        self.styles.height = lines
        self.set_class(not lines, "-nothing")

    def on_mount(self) -> None:
        self.styles.height = max(1, len(self.content(80)))
