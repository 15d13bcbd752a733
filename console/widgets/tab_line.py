"""The tabs of a screen in one row: the key of each stands before it, and a click goes there."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from console.presentation.spans import Line
from console.widgets.ink import paint


class TabLine(Widget):
    """Draws `line(width)`; `at(width, column)` names the tab that was clicked."""

    DEFAULT_CSS = "TabLine { height: 1; padding: 0 1; }"

    class Chosen(Message):
        """Somebody clicked a tab."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, line: Callable[[int], Line], at: Callable[[int, int], str | None]) -> None:
        super().__init__()
        self._line = line
        self._at = at
        self._drawn: Line = ()

    def look_again(self) -> None:
        """Draw the tabs anew if they say something else now."""
        if self._line(self.content_size.width) != self._drawn:
            self.refresh()

    def render(self) -> Content:
        self._drawn = self._line(self.content_size.width)
        return paint(self._drawn)

    def on_click(self, event: events.Click) -> None:
        name = self._at(self.content_size.width, event.x - self.styles.padding.left)
        if name is not None:
            self.post_message(self.Chosen(name))
