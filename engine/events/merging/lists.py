"""Lists seen as sets of their items, compared as canonical JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.events.chain import canonical
from engine.events.merging.causality import tie
from engine.events.merging.values import Contest


def united(contest: Contest) -> list[Any]:
    """Return the base's items that every side still has, then what sides added, the older side's first.

    A side or base that is no list counts as empty. Each item stands once.
    """
    sides = [_items(each.value) for each in sorted(contest.candidates, key=lambda each: tie(each.event))]
    base = _items(contest.base)
    kept = {name: item for name, item in base.items() if all(name in side for side in sides)}
    added = {name: item for side in sides for name, item in side.items() if name not in base}
    return [*kept.values(), *added.values()]


def gathered(lists: Iterable[Any]) -> list[Any]:
    """Return the items of all lists, in their order, each once."""
    found: dict[bytes, Any] = {}
    for items in lists:
        for name, item in _items(items).items():
            found.setdefault(name, item)
    return list(found.values())


def _items(value: Any) -> dict[bytes, Any]:
    items: dict[bytes, Any] = {}
    for item in value if isinstance(value, list) else ():
        items.setdefault(canonical(item), item)
    return items
