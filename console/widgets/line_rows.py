"""Lines without keys of their own as rows, for lists that are only read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from console.presentation.spans import Line
from console.widgets.record_list import Rows


class LineRows(Rows):
    """A row's key is its number."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def key_at(self, index: int) -> int:
        return index

    def index_of(self, key: Hashable) -> int | None:
        return key if isinstance(key, int) and key < len(self._lines) else None

    def line_at(self, index: int, width: int) -> Line | None:
        return self._lines[index]
