"""Rows for a `RecordList` that fit in memory: each a key and a function that draws it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from console.presentation.spans import Line
from console.widgets.record_list import RecordList, Rows

Draw = Callable[[int], Line]
"""From the width there is to the line."""


def always(line: Line) -> Draw:
    """Return what draws the same line at any width."""
    return lambda _: line


class Silent(NamedTuple):
    """Key of a row that is only there to be read: the cursor passes over it."""

    place: Hashable


class ListedRows(Rows):
    """A sequence of (key, draw). Keys are unique."""

    def __init__(self, rows: Sequence[tuple[Hashable, Draw]]) -> None:
        self._rows = rows
        self._index = {key: index for index, (key, _) in enumerate(rows)}

    def __len__(self) -> int:
        return len(self._rows)

    def key_at(self, index: int) -> Hashable:
        return self._rows[index][0]

    def index_of(self, key: Hashable) -> int | None:
        return self._index.get(key)

    def line_at(self, index: int, width: int) -> Line | None:
        return self._rows[index][1](width)


class SteppingList(RecordList):
    """A list whose cursor passes over `Silent` rows."""

    def go_to(self, index: int) -> None:
        count = len(self.rows)
        if not count:
            return
        index = max(0, min(count - 1, index))
        onward = range(index, count) if index >= self.cursor else range(index, -1, -1)
        backward = reversed(range(index)) if index >= self.cursor else range(index, count)
        for place in (*onward, *backward):
            if not isinstance(self.rows.key_at(place), Silent):
                super().go_to(place)
                return
