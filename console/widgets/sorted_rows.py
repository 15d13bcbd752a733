"""Rows of things that come, go and change one by one, in an order of their own."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from console.presentation.spans import Line
from console.widgets.record_list import Rows

T = TypeVar("T")


class SortedRows(Rows, Generic[T]):
    """Each thing has a name, and a rank (a tuple) among the others; equal ranks are ordered by name. Putting a few that
    changed in their places costs the same however many the others are."""

    def __init__(
        self, name: Callable[[T], str], rank: Callable[[T], tuple[Any, ...]], draw: Callable[[T, int], Line]
    ) -> None:
        self.things: dict[str, T] = {}
        """All by name, whether they are shown or not."""
        self._order: list[tuple[Any, ...]] = []
        self._name = name
        self._rank = rank
        self._draw = draw
        self._wanted: Callable[[T], bool] | None = None

    def take(self, things: Iterable[T]) -> None:
        """Know exactly these."""
        self.things = {self._name(thing): thing for thing in things}
        self.narrow(self._wanted)

    def update(self, things: Iterable[T], gone: Sequence[str] = ()) -> None:
        """Know some as they are now, and forget those that are gone."""
        for name in gone:
            self._drop(name)
        for thing in things:
            name = self._name(thing)
            self._drop(name)
            self.things[name] = thing
            if self._wanted is None or self._wanted(thing):
                insort(self._order, self._place(thing))

    def narrow(self, wanted: Callable[[T], bool] | None) -> None:
        """Show only those that are wanted; None: all."""
        self._wanted = wanted
        shown = self.things.values() if wanted is None else filter(wanted, self.things.values())
        self._order = sorted(map(self._place, shown))

    def get(self, key: Hashable) -> T | None:
        """Return a thing by its name; None when it is gone."""
        return self.things.get(key) if isinstance(key, str) else None

    def __len__(self) -> int:
        return len(self._order)

    def key_at(self, index: int) -> Hashable:
        return str(self._order[index][-1])

    def index_of(self, key: Hashable) -> int | None:
        thing = self.get(key)
        return None if thing is None else self._find(thing)

    def line_at(self, index: int, width: int) -> Line | None:
        return self._draw(self.things[self._order[index][-1]], width)

    def _place(self, thing: T) -> tuple[Any, ...]:
        return (*self._rank(thing), self._name(thing))

    def _find(self, thing: T) -> int | None:
        place = self._place(thing)
        index = bisect_left(self._order, place)
        return index if index < len(self._order) and self._order[index] == place else None

    def _drop(self, name: str) -> None:
        thing = self.things.pop(name, None)
        if thing is not None and (index := self._find(thing)) is not None:
            del self._order[index]
