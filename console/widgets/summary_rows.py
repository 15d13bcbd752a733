"""Summaries (plans, runs) as rows: each with its key, drawn by a function of `console.presentation`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from console.presentation.spans import Line
from console.widgets.record_list import Rows

T = TypeVar("T")


class SummaryRows(Rows, Generic[T]):
    """Keys are unique."""

    def __init__(self, summaries: Sequence[T], key: Callable[[T], Hashable], draw: Callable[[T, int], Line]) -> None:
        self.summaries = summaries
        self._key = key
        self._draw = draw
        self._index = {key(summary): index for index, summary in enumerate(summaries)}

    def __len__(self) -> int:
        return len(self.summaries)

    def key_at(self, index: int) -> Hashable:
        return self._key(self.summaries[index])

    def index_of(self, key: Hashable) -> int | None:
        return self._index.get(key)

    def line_at(self, index: int, width: int) -> Line | None:
        return self._draw(self.summaries[index], width)

    def of_key(self, key: Hashable) -> T | None:
        """Return the summary of a key; None when it is gone."""
        index = self._index.get(key)
        return None if index is None else self.summaries[index]
