"""The event log's promises."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from engine.events.event import Dot, Event, NewEvent, Position
from engine.events.vector import Vector


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


Version = int | Vector
"""Of an aggregate: how many events of it this log holds, or the vector of all that is known of it (on any node)."""


class EventLog(Protocol):
    """Append-only and durable: what was acknowledged is there after a power cut. Readers never see a gap."""

    @abstractmethod
    async def append(
        self, events: Sequence[NewEvent], *, expected: Mapping[str, Version] | None = None, own: bool = False
    ) -> Sequence[Event]:
        """Append in the order given, all or none, durable when it returns; until then nobody may change the events'
        data. An event sent again (see `NewEvent`) is returned as it stands in the log.

        `expected` maps aggregates to the version they must have now; it is not asked for when all the events are there
        already. `own` is for the parts of the engine that keep its journal (`own.py`), which everybody else is refused.
        Raises `VersionConflict` (with the actual version), `EventRefused` for what no log takes, `TypeError` or
        `UnicodeError` for what JSON cannot hold.
        """

    @abstractmethod
    async def page(
        self, after: Position, limit: int, where: Filter | None = None, *, backwards: bool = False
    ) -> Sequence[Event]:
        """Return up to `limit` events after (backwards: before) a position, in reading order (backwards: newest
        first). 0 is before the first, `END` after the last."""

    @abstractmethod
    async def history(self, aggregate: str, *, until: Position | None = None) -> Sequence[Event]:
        """Return all events of an aggregate in the order of the log, up to and including a position."""

    @abstractmethod
    async def version(self, aggregate: str) -> tuple[int, Vector]:
        """Return both versions of an aggregate: how many events of it are here, and the vector of all known of it."""

    @abstractmethod
    async def vector(self) -> Vector:
        """Return the newest seq of each origin in this log."""

    @abstractmethod
    async def at_dot(self, dot: Dot) -> Event | None:
        """Return the event at a dot, if it is here."""

    @abstractmethod
    async def by_ids(self, identities: Collection[str]) -> Mapping[str, Event]:
        """Return the events of these ids, of those that are here."""

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
