"""What an append wrote, as events that are built when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from engine.events.event import Event, Origin
from engine.storage.event_rows import to_events


class Appended(Sequence[Event]):
    """The rows of an append. Nearly every caller only waits for them to be durable; an event costs as much as its
    chain, so none is built before it is asked for. They read as they will from the file: JSON, secrets hidden."""

    __slots__ = ("_events", "_origin", "_rows", "_types")

    def __init__(self, rows: list[tuple[Any, ...]], types: Mapping[str, int], origin: Origin) -> None:
        """`rows` are of the table `event`; `types` are the numbers of the types they name."""
        self._rows = rows
        self._types = types
        self._origin = origin
        self._events: list[Event] | None = None

    def part(self, first: int, end: int) -> Appended:
        """Return what one of several callers appended."""
        return Appended(self._rows[first:end], self._types, self._origin)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        return self._built()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._built() == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._built())

    def _built(self) -> list[Event]:
        if self._events is None:
            names = {number: name for name, number in self._types.items()}
            self._events = to_events(
                (position, identity, names[number], aggregate, data, metadata, self._origin, *place, None)
                for position, identity, number, aggregate, data, metadata, _, *place in self._rows
            )
        return self._events
