"""The event log's promises."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec

from engine.events.event import Event, NewEvent, Position


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are wanted; every given condition must hold. Patterns take `*` at the end only (`run.*`)."""

    type: str = ""
    aggregate: str = ""
    actor: str = ""
    origin: str = ""
    since_ms: int | None = None
    """Milliseconds since 1970, inclusive."""
    until_ms: int | None = None
    """Milliseconds since 1970, exclusive."""
    search: str = ""
    """A text that must occur, in any letter case, in type, aggregate, data or metadata."""


class EventLog(Protocol):
    """Append-only and durable: what was acknowledged is there after a power cut. Readers never see a gap."""

    @abstractmethod
    async def append(self, events: Sequence[NewEvent]) -> Sequence[Event]:
        """Append in the order given, all or none, durable when it returns; until then nobody may change the events'
        data. Raises `TypeError` or `UnicodeError` for what JSON cannot hold."""

    @abstractmethod
    async def page(
        self, after: Position, limit: int, where: Filter | None = None, *, backwards: bool = False
    ) -> Sequence[Event]:
        """Return up to `limit` events after (backwards: before) a position, in reading order (backwards: newest
        first). 0 is before the first; use a huge position to read backwards from the end."""

    @abstractmethod
    async def bounds(self) -> tuple[Position, Position]:
        """Return the first and the last position, (1, 0) when empty. Constant time."""

    @abstractmethod
    async def count(self, where: Filter, limit: int = 10_000) -> int:
        """Count matching events, at most `limit` + 1: whoever gets more says "10,000+"."""

    @abstractmethod
    async def counts_by_type(self) -> Mapping[str, int]:
        """Return how many events there are of each type, from counters kept by the writer."""

    @abstractmethod
    def follow(self, after: Position, where: Filter | None = None) -> AsyncIterator[Event]:
        """Yield events after a position, then wait for more, also from other processes."""
