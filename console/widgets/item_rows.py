"""A run's items as rows: pages that are asked for when they are seen, and asked again while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from textual.cache import LRUCache

from console.presentation.runs import item_line
from console.presentation.spans import Line
from console.widgets.record_list import Rows
from engine.reconcile.history import RunItem

PAGE = 256


class PagedItems(Rows):
    """All items of a run, by their place in the plan. `wanted` is called with the number of a page that is missing."""

    def __init__(self, total: int, wanted: Callable[[int], None]) -> None:
        self.total = total
        self.interrupted = False
        self._wanted = wanted
        self._pages: LRUCache[int, Sequence[RunItem]] = LRUCache(24)
        self._age = 0
        self._age_of: dict[int, int] = {}
        self._asked: dict[int, int] = {}

    def __len__(self) -> int:
        return self.total

    def key_at(self, index: int) -> int:
        return index

    def index_of(self, key: Hashable) -> int | None:
        return key if isinstance(key, int) and key < self.total else None

    def item(self, key: Hashable) -> RunItem | None:
        """Return an item if its page is here."""
        if not isinstance(key, int):
            return None
        number, offset = divmod(key, PAGE)
        page = self._pages.get(number)
        if page is None or self._age_of.get(number) != self._age:
            self._ask(number)
        return page[offset] if page is not None and offset < len(page) else None

    def line_at(self, index: int, width: int) -> Line | None:
        item = self.item(index)
        return None if item is None else item_line(item, width, interrupted=self.interrupted)

    def grow_stale(self) -> None:
        """What is here may have changed: it is shown until the new comes."""
        self._age += 1

    def deliver(self, number: int, items: Sequence[RunItem]) -> None:
        """Take in a page. What was asked before the last change is shown, and asked again."""
        self._age_of[number] = self._asked.pop(number, -1)
        # Textual's cache keeps what it has for a key: without this a page would stay as it first came.
        self._pages.discard(number)
        self._pages[number] = items

    def _ask(self, number: int) -> None:
        if self._asked.get(number) != self._age:
            self._asked[number] = self._age
            self._wanted(number)


class ListedItems(Rows):
    """Items of one state, all in memory."""

    def __init__(self, items: Sequence[RunItem], *, interrupted: bool = False) -> None:
        self._items = items
        self._interrupted = interrupted
        self._places = {item.index: place for place, item in enumerate(items)}

    def __len__(self) -> int:
        return len(self._items)

    def key_at(self, index: int) -> int:
        return self._items[index].index

    def index_of(self, key: Hashable) -> int | None:
        return self._places.get(key) if isinstance(key, int) else None

    def item(self, key: Hashable) -> RunItem | None:
        """Return an item that is listed."""
        place = self.index_of(key)
        return None if place is None else self._items[place]

    def line_at(self, index: int, width: int) -> Line | None:
        return item_line(self._items[index], width, interrupted=self._interrupted)
