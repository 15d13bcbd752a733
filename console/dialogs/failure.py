"""What failed, why, and what to do; details on demand; once more where that may help."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Button, Static

from console.crash import report, write_report
from console.dialogs.dialog import Dialog
from console.keymap import bindings
from console.presentation.failures import explain
from engine.errors import SyncdeckError


class FailureDialog(Dialog[None]):
    """Shows a failure; `r` closes it and tries again."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("failure")]

    def __init__(self, what: str, error: Exception, again: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.error = error
        self.again = again
        expected = isinstance(error, SyncdeckError)
        self.explanation = explain(what, error, expected=expected)
        self.report_file = None if expected else write_report(error)

    def in_short(self) -> str:
        """Return the line for the message log."""
        return f"{self.explanation.title}: {self.explanation.sentences[0]}"

    def heading(self) -> str:
        return self.explanation.title

    def body(self) -> Iterable[Widget]:
        for sentence in self.explanation.sentences:
            yield Static(sentence, markup=False, classes="sentence")
        if self.explanation.hint:
            yield Static(self.explanation.hint, markup=False, classes="hint")
        details = Static(self._details(), markup=False, id="details")
        details.display = False
        yield details

    def buttons(self) -> Iterable[Button]:
        yield Button("Close  esc", id="least", action="screen.give_up")
        if self.retryable:
            yield Button("Try again  r", action="screen.retry")
        yield Button("Details  d", action="screen.details")

    @property
    def retryable(self) -> bool:
        """Trying again is possible and not pointless."""
        return self.again is not None and self.explanation.retry

    def action_details(self) -> None:
        details = self.query_one("#details")
        details.display = not details.display

    def action_retry(self) -> None:
        if self.retryable and self.again is not None:
            self.dismiss(None)
            self.again()

    def _details(self) -> str:
        where = f"Report: {self.report_file}\n\n" if self.report_file is not None else ""
        return where + report(self.error)
