"""Rows that lose their colours while what they show is out of date."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from console.presentation.spans import Line, greyed
from console.widgets.record_list import Rows


class Greyed(Rows):
    """Other rows, grey as long as `old()` says so."""

    def __init__(self, rows: Rows, old: Callable[[], bool]) -> None:
        self.within = rows
        self._old = old

    def __len__(self) -> int:
        return len(self.within)

    def key_at(self, index: int) -> Hashable:
        return self.within.key_at(index)

    def index_of(self, key: Hashable) -> int | None:
        return self.within.index_of(key)

    def line_at(self, index: int, width: int) -> Line | None:
        line = self.within.line_at(index, width)
        return greyed(line) if line is not None and self._old() else line
