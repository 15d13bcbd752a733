"""Controls of one row that say their state in a glyph and a word: a switch, and several picks from a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from console.keymap import bindings
from console.presentation.spans import Line, Span, clean, width_of
from console.widgets.ink import paint


class OnOff(Widget, can_focus=True):
    """A switch. Textual's own tells its state by colour alone."""

    DEFAULT_CSS = """
    OnOff { height: 1; width: 1fr; padding: 0 1; background: $surface; }
    OnOff:focus { background: $cursor; }
    OnOff:nocolor:focus { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("on_off")]

    on: reactive[bool] = reactive(default=False)

    class Changed(Message):
        """The switch was turned."""

        def __init__(self, switch: OnOff) -> None:
            super().__init__()
            self.switch = switch

    def __init__(self, on: bool) -> None:
        super().__init__()
        self.set_reactive(OnOff.on, on)

    def render(self) -> Content:
        if self.on:
            return paint((Span("━━● ", "ok"), Span("on")))
        return paint((Span("○━━ ", "dim"), Span("off", "dim")))

    def action_turn(self) -> None:
        """Turn it."""
        self.on = not self.on
        self.post_message(self.Changed(self))

    def on_click(self) -> None:
        self.action_turn()


class Picks(Widget, can_focus=True):
    """Some of a few words, side by side; they wrap where the row ends."""

    DEFAULT_CSS = """
    Picks { height: auto; width: 1fr; padding: 0 1; background: $surface; }
    Picks:focus { background: $cursor; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("picks")]

    at: reactive[int] = reactive(0)

    class Changed(Message):
        """Something was picked or put back."""

    def __init__(self, words: Sequence[str], picked: Sequence[str]) -> None:
        super().__init__()
        self.words = tuple(words)
        self.picked = list(picked)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return max(len(self._rows(width)), 1)

    def render(self) -> Content:
        rows = self._rows(self.content_size.width)
        if not rows:
            return paint((Span("there is nothing to pick from yet", "dim"),))
        return paint(*(tuple(span for place in row for span in self._word(place)) for row in rows))

    def action_move(self, by: int) -> None:
        """Go to another word."""
        self.at = max(0, min(len(self.words) - 1, self.at + by))

    def action_pick(self) -> None:
        """Pick the word, or put it back."""
        if not self.words:
            return
        word = self.words[self.at]
        if word in self.picked:
            self.picked.remove(word)
        else:
            self.picked.append(word)
        self.refresh()
        self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        rows = self._rows(self.content_size.width)
        if offset is None or offset.y >= len(rows):
            return
        end = 0
        for place in rows[offset.y]:
            end += width_of(self._word(place))
            if offset.x < end:
                self.at = place
                self.action_pick()
                return

    def _word(self, place: int) -> Line:
        word = self.words[place]
        here = self.has_focus and place == self.at
        mark = Span("[x] ", "ok") if word in self.picked else Span("[ ] ", "dim")
        return (Span("▸" if here else " ", "accent"), mark, Span(clean(word), "strong" if here else ""), Span("  "))

    def _rows(self, width: int) -> list[list[int]]:
        rows: list[list[int]] = []
        used = width
        for place in range(len(self.words)):
            needed = width_of(self._word(place))
            if used + needed > width or not rows:
                rows.append([])
                used = 0
            rows[-1].append(place)
            used += needed
        return rows
