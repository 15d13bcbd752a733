"""Lines to read over the screen, however many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from console.dialogs.dialog import Dialog
from console.presentation.spans import Line
from console.widgets.line_rows import LineRows
from console.widgets.record_list import RecordList


class Reading(Dialog[None]):
    """Shows lines; Esc closes."""

    AUTO_FOCUS = "#lines"

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def heading(self) -> str:
        return self._title

    def body(self) -> Iterable[Widget]:
        yield RecordList(LineRows(self._lines), id="lines")
