"""An event log in a list, with pages over it: what a screen reads, without a file."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.events.event import Event, Origin, Position
from engine.events.log import Filter
from engine.events.pages import EventPages

START_MS = 1_772_434_800_000
"""Two hours before the manual clock's start."""


def event(
    position: int,
    type_: str = "run.item.done",
    aggregate_id: str = "run:1",
    data: Any = ...,
    metadata: dict[str, Any] | None = None,
    *,
    milliseconds: int | None = None,
    origin: str = "desk~00000001",
    **more: Any,
) -> Event:
    """Return an event whose other fields follow from its position: one every two seconds. `...`: any data."""
    return Event(
        position=Position(position),
        id=f"event-{position}",
        type=type_,
        aggregate_id=aggregate_id,
        data=data if data is not ... else {"item": f"list/add/user{position}@acme.example"},
        metadata=metadata if metadata is not None else {"actor": "ann@desk"},
        origin=Origin(origin),
        seq=more.pop("seq", position),
        context=more.pop("context", {}),
        hlc=(milliseconds if milliseconds is not None else START_MS + position * 2_000) << 16,
        chain=f"{position:064x}",
        **more,
    )


class MemoryEventPages(EventPages):
    """Keeps the contract over a list. `stall` makes every search wait until it is set, for tests of progress."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.events = list(events)
        self.stall: threading.Event | None = None

    def add(self, *events: Event) -> None:
        """Append, as another process would."""
        self.events += events

    def bounds(self) -> tuple[Position, Position]:
        if not self.events:
            return Position(1), Position(0)
        return self.events[0].position, self.events[-1].position

    def page_from(self, position: int, limit: int) -> Sequence[Event]:
        start = bisect_left(self.events, position, key=lambda one: one.position)
        return self.events[start : start + limit]

    def at(self, positions: Sequence[int]) -> Sequence[Event]:
        return [found[0] for one in positions if (found := self.page_from(one, 1)) and found[0].position == one]

    def matching(self, where: Filter, first: int, last: int) -> array[int]:
        if self.stall is not None:
            self.stall.wait(10)
        start = bisect_left(self.events, first, key=lambda one: one.position)
        end = bisect_left(self.events, last + 1, key=lambda one: one.position)
        return array("q", [one.position for one in self.events[start:end] if fits(one, where)])

    def history(self, aggregate: str) -> Sequence[Event]:
        return [one for one in self.events if one.aggregate_id == aggregate]


def fits(one: Event, where: Filter) -> bool:
    """Tell whether an event matches, by the filter's own words."""
    text = msgspec.json.encode([one.type, one.aggregate_id, one.data, one.metadata]).decode().lower()
    return (
        _pattern(where.type, one.type)
        and _pattern(where.aggregate, one.aggregate_id)
        and _pattern(where.actor, str(one.metadata.get("actor", "")))
        and _pattern(where.origin, one.origin)
        and (where.since_ms is None or one.milliseconds >= where.since_ms)
        and (where.until_ms is None or one.milliseconds < where.until_ms)
        and where.search.lower() in text
    )


def _pattern(pattern: str, text: str) -> bool:
    return not pattern or (text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern)
