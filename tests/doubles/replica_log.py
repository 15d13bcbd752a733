"""The event log of a node in memory, over the same memory as its replica."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from engine.errors import VersionConflict
from engine.events.event import Dot, Event, NewEvent, Origin, Position
from engine.events.log import EventLog, Filter, Version
from engine.events.merging.evaluate import quiet
from engine.events.merging.ports import Histories
from engine.events.own import is_own, refuse_own
from engine.events.vector import Vector, merge
from tests.doubles.replica import MemoryReplica


@dataclass(frozen=True, slots=True)
class MemoryLog(EventLog, Histories):
    """One node's log, as its own operators and applications see it."""

    replica: MemoryReplica

    async def append(
        self, events: Sequence[NewEvent], *, expected: Mapping[str, Version] | None = None, own: bool = False
    ) -> Sequence[Event]:
        if not own:
            refuse_own(events)
        await self.replica.pause("append")
        for aggregate, version in (expected or {}).items():
            actual = self._versions(aggregate)
            if version != actual[0] and version != actual[1]:
                raise VersionConflict(f"{aggregate} has version {actual}, not {version}. Read it again.")
        dots = [self.replica.keep_new(event) for event in events]
        written = [self.replica.memory.events[dot] for dot in dots]
        await self.replica.pause("appended")
        return written

    async def page(
        self, after: Position, limit: int, where: Filter | None = None, *, backwards: bool = False
    ) -> Sequence[Event]:
        found = [event for event in self._all() if _matches(event, where or Filter())]
        if backwards:
            return [event for event in reversed(found) if event.position < after][:limit]
        return [event for event in found if event.position > after][:limit]

    async def history(self, aggregate: str, *, until: Position | None = None) -> Sequence[Event]:
        events = self.replica.memory.history(aggregate)
        return [event for event in events if until is None or event.position <= until]

    async def version(self, aggregate: str) -> tuple[int, Vector]:
        return self._versions(aggregate)

    async def vector(self) -> Vector:
        return self.replica.vector()

    async def at_dot(self, dot: Dot) -> Event | None:
        return self.replica.memory.events.get(dot)

    async def by_ids(self, identities: Collection[str]) -> Mapping[str, Event]:
        memory = self.replica.memory
        return {identity: memory.events[memory.ids[identity]] for identity in identities if identity in memory.ids}

    async def bounds(self) -> tuple[Position, Position]:
        log = self.replica.memory.log
        return (Position(min(log)), Position(max(log))) if log else (Position(1), Position(0))

    async def count(self, where: Filter, limit: int = 10_000) -> int:
        return min(limit + 1, sum(_matches(event, where) for event in self._all()))

    async def counts_by_type(self) -> Mapping[str, int]:
        return Counter(event.type for event in self._all())

    async def follow(self, after: Position, where: Filter | None = None) -> AsyncIterator[Event]:
        for event in await self.page(after, len(self.replica.memory.log), where):
            yield event

    async def contested(self) -> Sequence[str]:
        memory = self.replica.memory
        return [
            aggregate for aggregate in memory.about if not is_own(aggregate) and not quiet(memory.history(aggregate))
        ]

    async def histories(self, aggregates: Iterable[str]) -> Mapping[str, Sequence[Event]]:
        return {name: events for name in aggregates if (events := self.replica.memory.history(name))}

    def _versions(self, aggregate: str) -> tuple[int, dict[Origin, int]]:
        events = self.replica.memory.history(aggregate)
        known = [{Origin(origin): seq for origin, seq in event.context.items()} for event in events]
        return len(events), merge(*known, *({event.origin: event.seq} for event in events))

    def _all(self) -> list[Event]:
        return sorted(self.replica.memory.events.values(), key=lambda event: event.position)


def _matches(event: Event, where: Filter) -> bool:
    return (
        (not where.type or fnmatchcase(event.type, where.type))
        and (not where.aggregate or fnmatchcase(event.aggregate_id, where.aggregate))
        and (not where.actor or event.metadata.get("actor") == where.actor)
        and (not where.origin or fnmatchcase(event.origin, where.origin))
        and (where.since_ms is None or event.milliseconds >= where.since_ms)
        and (where.until_ms is None or event.milliseconds < where.until_ms)
    )
