"""Small histories for tests: writers who append to one aggregate, and learn from one another when they are told to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from engine.events.event import Event, Origin, Position

AGGREGATE = "user:ann"

TEN_YEARS_MS = 10 * 365 * 24 * 3600 * 1000
_START_MS = 1_700_000_000_000


class Writers:
    """Nodes by name. Each appends knowing everything that it has of the aggregate; nothing spreads by itself."""

    def __init__(self, *names: str, aggregate: str = AGGREGATE, ahead_ms: Mapping[str, int] | None = None) -> None:
        self.known: dict[str, dict[tuple[str, int], Event]] = {name: {} for name in names}
        self.all: list[Event] = []
        self._aggregate = aggregate
        self._ahead_ms = ahead_ms or {}

    def write(self, name: str, data: Any, type_name: str = "user.changed", **metadata: Any) -> Event:
        known = self.known[name]
        origin = Origin(f"{name}~00000000")
        context: dict[str, int] = {}
        for event in known.values():
            context[event.origin] = max(context.get(event.origin, 0), event.seq)
        tick = _START_MS + len(self.all) + self._ahead_ms.get(name, 0)
        newest = max((event.hlc for event in known.values()), default=0)
        event = Event(
            position=Position(len(self.all) + 1),
            id=f"{name}-{context.get(origin, 0) + 1}",
            type=type_name,
            aggregate_id=self._aggregate,
            data=data,
            metadata={"actor": f"{name}@example", **metadata},
            origin=origin,
            seq=context.get(origin, 0) + 1,
            context=context,
            hlc=max(newest + 1, tick << 16),
            chain="",
        )
        known[event.origin, event.seq] = event
        self.all.append(event)
        return event

    def meet(self, *names: str) -> None:
        """Let these (or all) learn everything that any of them knows."""
        names = names or tuple(self.known)
        union = {dot: event for name in names for dot, event in self.known[name].items()}
        for name in names:
            self.known[name] = dict(union)

    def pull(self, name: str, source: str) -> None:
        """Let one learn what another knows."""
        self.known[name] |= self.known[source]

    def resolve(self, name: str, data: Any, conflict: str = "", **metadata: Any) -> Event:
        return self.write(name, data, "conflict.resolved", conflict=conflict, **metadata)

    def reopen(self, name: str, resolution: Event) -> Event:
        return self.write(name, {}, "conflict.reopened", undoes=str(resolution.dot))


scalars = st.sampled_from([1, 2, "x", "y", True, 1.5, [1], [1, 2]])
leaves = scalars | st.none()
patches = st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=5)

NAMES = ("north", "south", "west")

steps = st.lists(
    st.tuples(st.sampled_from(NAMES), patches)
    | st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES).map(lambda name: ("pull", name))),
    max_size=14,
)


deeds = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES).map(lambda name: ("pull", name)))
    | st.tuples(st.sampled_from(NAMES), patches)
    | st.tuples(st.sampled_from(NAMES), patches.map(lambda patch: ("resolve", patch)))
    | st.tuples(st.sampled_from(NAMES), st.just(("reopen", None))),
    max_size=12,
)
"""Scripts in which operators decide, too, and take back what they know of."""


def played(script: list[tuple[str, Any]]) -> list[Event]:
    """Return the events that a script of writes and pulls makes."""
    writers = Writers(*NAMES)
    for name, act in script:
        match act:
            case ("pull", source):
                writers.pull(name, source)
            case ("resolve", patch):
                writers.resolve(name, patch)
            case ("reopen", None):
                decided = [each for each in writers.known[name].values() if each.type.startswith("conflict.")]
                if decided:
                    writers.reopen(name, decided[-1])
            case _:
                writers.write(name, act)
    return writers.all


histories = steps.map(played)
deciding_histories = deeds.map(played)
