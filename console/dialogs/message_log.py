"""Everything that was told in passing since the console was opened, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from console.dialogs.dialog import Dialog
from console.messages import Said
from console.presentation.spans import Line, Span, clean
from console.widgets.ink import paint

ROLES = {"information": "", "warning": "warn", "error": "error"}


class MessageLog(Dialog[None]):
    """The answer to "what did that toast say?"."""

    def __init__(self, said: Sequence[Said]) -> None:
        super().__init__()
        self.said = said

    def heading(self) -> str:
        return "Messages"

    def body(self) -> Iterable[Widget]:
        if not self.said:
            yield Static("Nothing has been said yet.", classes="quiet")
        for said in reversed(self.said):
            yield Static(paint(told(said)))


def told(said: Said) -> Line:
    """Return one line of the log."""
    time = f"{said.at.astimezone():%H:%M:%S}  " if said.at is not None else ""
    return (Span(time, "dim"), Span(clean(said.text), ROLES.get(said.severity, "")))
