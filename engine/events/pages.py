"""Reading the event log from a thread or between two frames of a screen: synchronous, in pages, never the whole."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Sequence
from typing import Protocol

from engine.events.event import Event, Position
from engine.events.log import Filter


class EventPages(Protocol):
    """A read-only view of the log that any thread may use. Each call sees everything acknowledged before it."""

    @abstractmethod
    def bounds(self) -> tuple[Position, Position]:
        """Return the first and the last position, (1, 0) when empty. Constant time."""

    @abstractmethod
    def page_from(self, position: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events from this position on, in reading order."""

    @abstractmethod
    def at(self, positions: Sequence[int]) -> Sequence[Event]:
        """Return the events at these ascending positions, in reading order; those that no longer exist are left out."""

    @abstractmethod
    def matching(self, where: Filter, first: int, last: int) -> array[int]:
        """Return the ascending positions (type code `q`) of events within [first, last] that match.

        Takes time in proportion to the range: callers ask for ranges of some ten thousand and stop between them.
        """

    @abstractmethod
    def history(self, aggregate: str) -> Sequence[Event]:
        """Return all events of an aggregate, in the order of the log."""
