"""The line that narrows a list: a field, what it leads to at its right end, and what is wrong with it below."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from console.presentation.spans import Line
from console.widgets.ink import paint

TYPING_SECONDS = 0.12
"""After the last key stroke, so that a filter is not started for each letter."""


class FilterBar(Vertical):
    """Says `Changed` shortly after somebody typed, and `Left` when Enter was pressed."""

    DEFAULT_CSS = """
    FilterBar {
        height: auto;
        Horizontal { height: 1; }
        #slash { width: 2; color: $ink-accent; }
        Input { width: 1fr; height: 1; border: none; padding: 0; background: transparent; }
        Input:focus { background: $cursor-idle; }
        #filter-state { width: auto; padding: 0 0 0 2; }
        #filter-problem { height: auto; color: $ink-error; padding: 0 2; display: none; }
    }
    """

    class Changed(Message):
        """Another text is asked for."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

    class Left(Message):
        """Enter: back to the list."""

    def __init__(self, text: str = "", *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._start = text
        self._placeholder = placeholder
        self._typing: Timer | None = None
        self._said: Line = ()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/ ", id="slash")
            yield Input(self._start, placeholder=self._placeholder, compact=True, select_on_focus=False)
            yield Static("", id="filter-state")
        yield Static("", id="filter-problem", markup=False)

    @property
    def field(self) -> Input:
        """Where the text is typed."""
        return self.query_one(Input)

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self.field.value if self.is_mounted else self._start

    def say(self, state: Line) -> None:
        """Show what the filter leads to. Costs a layout, so only when it says something else."""
        if state != self._said:
            self._said = state
            self.query_one("#filter-state", Static).update(paint(state))

    def complain(self, problem: str) -> None:
        """Show what is wrong with the text, or nothing."""
        line = self.query_one("#filter-problem", Static)
        line.update(problem)
        line.display = bool(problem)

    def clear(self) -> bool:
        """Go back to the text it began with; tell whether there was anything to clear."""
        if self.field.value == self._start:
            return False
        self.field.value = self._start
        return True

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING_SECONDS, self._settle)

    @on(Input.Submitted)
    def _sent(self, event: Input.Submitted) -> None:
        event.stop()
        self._settle()
        self.post_message(self.Left())

    def _settle(self) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None
            self.post_message(self.Changed(self, self.field.value))
