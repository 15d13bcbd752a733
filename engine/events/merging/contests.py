"""Where live writes want different things: sides, base, and what is left to decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.events.event import Event
from engine.events.merging.causality import knows, settled_prefix, tie
from engine.events.merging.frontier import Frontier, Live, Node, Sparing, by_last_write
from engine.events.merging.patches import OBJECT, apply, at, copied, patch_at, same
from engine.events.merging.values import ABSENT, Absent, Candidate, Contest, Path

Side = frozenset[int]
"""What one candidate's side knows: the identities of its event objects, of which there is one for each event."""


class Contests:
    """The contests of one aggregate: its events from the first concurrent one on, and the state before them."""

    def __init__(self, floor: Any, events: Sequence[Event]) -> None:
        """`events` are in causal order; those that write nothing are not among them."""
        self._floor = floor
        self._events = events
        self._place = {id(event): place for place, event in enumerate(events)}
        """Nobody knows what comes after him, whatever the contexts of a hostile peer say."""
        self._sparing = Sparing()
        self._states: dict[Side, Any] = {}
        self._frontiers: dict[Side, Frontier] = {}
        self._found: list[Contest] = []

    def settle(self) -> tuple[Any, tuple[Contest, ...]]:
        """Return the state, with the base where a field is contested, and the contests by path."""
        state = self._state(self._frontier(self._events).root, ())
        return state, tuple(sorted(self._found, key=lambda contest: contest.path))

    def _frontier(self, events: Iterable[Event]) -> Frontier:
        frontier = Frontier(self._floor, self._sparing)
        for event in events:
            frontier.add(event)
        return frontier

    def _state(self, node: Node, path: Path) -> Any:
        if node.torn:
            return self._compare(node, path)
        if values := node.values:
            return values[0].value
        if not node.holds_object:
            return ABSENT
        fields = {key: self._state(child, (*path, key)) for key, child in node.children.items()}
        return {key: value for key, value in fields.items() if not isinstance(value, Absent)}

    def _compare(self, node: Node, path: Path) -> Any:
        """Return what a torn field holds; note a contest unless three-way comparison decides."""
        group = _written_in(node)
        sides = self._sides(group)
        known = {id(event): self._side(event, path) for event in sides}
        base, disputed = self._base(known.values(), path)
        plain = {id(event): at(self._state_of(known[id(event)]), path) for event in sides}
        # Where what they all know was contested already, whoever wrote decided it: nobody left it as it was.
        changed = [event for event in sides if disputed or not same(plain[id(event)], base)] or sides
        candidates = tuple(
            Candidate(event=event, value=_with_others(plain[id(event)], path, known[id(event)], group))
            for event in sorted(changed, key=tie)
        )
        if all(same(candidates[0].value, other.value) for other in candidates[1:]):
            return candidates[0].value
        inside = tuple(sorted({live.path for live in group if live.path != path}))
        self._found.append(Contest(path=path, base=base, candidates=candidates, inside=inside))
        return base

    def _base(self, sides: Iterable[Side], path: Path) -> tuple[Any, bool]:
        """Return the value that all sides know, and whether it was contested itself; then it is what was known before
        that contest, as the field showed while nobody had decided."""
        common = frozenset.intersection(*sides)
        disputed = False
        while common and (torn := self._frontier_of(common).torn_about(path)):
            disputed = True
            above, node = torn
            if len(above) > len(path):
                break
            group = _written_in(node)
            older = common.intersection(*(self._side(event, above) for event in self._sides(group)))
            if older == common:  # only where contexts lie: whoever is contested does not know all of it
                break
            common = older
        return at(self._state_of(common), path), disputed

    def _sides(self, group: Sequence[Live]) -> list[Event]:
        """Return the newest event of each side: no other writer in the group knows it and lets nothing of it stand."""
        writers = {id(live.event): live.event for live in group if live.event is not None}

        def yields(event: Event, other: Event) -> bool:
            if self._place[id(other)] <= self._place[id(event)] or not knows(other, event):
                return False
            return not any(self._sparing.spares(other, live) for live in group if live.event is event)

        return [event for event in writers.values() if not any(yields(event, other) for other in writers.values())]

    def _side(self, event: Event, path: Path) -> Side:
        """Return what an event knows, without the sides whose writes it left standing against its own."""
        kept = [other for other in self._events[: self._place[id(event)] + 1] if knows(event, other)]
        for spared in self._sparing.spared_within(event, path):
            beside = [other for other in kept if not knows(other, spared) and not knows(spared, other)]
            kept = [
                other
                for other in kept
                if other is not spared and (knows(other, spared) or any(knows(each, other) for each in beside))
            ]
        return frozenset(map(id, kept))

    def _state_of(self, side: Side) -> Any:
        """Return the state that a part of the events makes, each contest of its own decided by the last write."""
        if not side:
            return self._floor
        if side not in self._states:
            events = [event for event in self._events if id(event) in side]
            linear = settled_prefix(events) == len(events)
            self._states[side] = self._folded(events) if linear else _plain(self._frontier_of(side).root, ())
        return self._states[side]

    def _folded(self, events: Iterable[Event]) -> Any:
        """Return what events make that each know those before: nearly every side is a handful of such."""
        state = copied(self._floor)
        for event in events:
            state = apply(state, event.data)
        return state

    def _frontier_of(self, side: Side) -> Frontier:
        if side not in self._frontiers:
            self._frontiers[side] = self._frontier(event for event in self._events if id(event) in side)
        return self._frontiers[side]


def _written_in(node: Node) -> list[Live]:
    return [live for live in node.all() if live.event is not None]


def _plain(node: Node, path: Path) -> Any:
    if node.torn:
        return by_last_write(node, path)
    if values := node.values:
        return values[0].value
    if not node.holds_object:
        return ABSENT
    fields = {key: _plain(child, (*path, key)) for key, child in node.children.items()}
    return {key: value for key, value in fields.items() if not isinstance(value, Absent)}


def _with_others(value: Any, path: Path, side: Side, group: Sequence[Live]) -> Any:
    """Return a candidate's value with the live writes of other events that contradict nothing on its side: whoever
    chooses this side need not lose what a third one did beside it."""
    if all(live.path == path for live in group):
        return value
    own = [live for live in group if live.event is not None and id(live.event) in side]
    others = [live for live in group if live.event is not None and id(live.event) not in side]
    contrary = {id(live.event) for live in others if live.event and any(_contradict(live, each) for each in own)}
    fitting = [live for live in others if live.event and id(live.event) not in contrary]
    if not fitting:
        return value
    value = apply({}, value) if isinstance(value, dict) else value
    for live in sorted(fitting, key=lambda live: tie(live.event) if live.event else ()):
        if live.path != path or live.value is not OBJECT:
            value = apply(value, patch_at(live.path[len(path) :], live.value))
    return value


def _contradict(one: Live, other: Live) -> bool:
    if one.path == other.path:
        return not (one.value is OBJECT and other.value is OBJECT) and not same(one.value, other.value)
    upper, lower = sorted((one, other), key=lambda live: len(live.path))
    return upper.value is not OBJECT and lower.path[: len(upper.path)] == upper.path
