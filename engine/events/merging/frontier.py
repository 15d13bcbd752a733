"""The live writes of an aggregate: what no later, informed write has replaced, as a tree of fields.

A write is replaced by a write at its path, above it or inside it, whose event knows it. That alone makes a history
without concurrency equal to folding its merge patches one after another (RFC 7396; a property test says so).

One thing is spared: a value or a removal that stands against concurrent edits *inside* it is not replaced by an
ordinary event that knows both and writes inside it too. Such a writer sides with the edits; whether what stands
against them is to go is still an operator's decision. Only a write at the contested path or above it, and a
resolution, decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine.events.event import Event
from engine.events.merging.causality import knows, tie
from engine.events.merging.patches import OBJECT, Write, apply, patch_at, same, writes_of
from engine.events.merging.values import ABSENT, Path
from engine.events.own import RESOLVED


class Live(NamedTuple):
    """A live write; `event` is None for what stood before anything was concurrent."""

    path: Path
    value: Any
    event: Event | None


class Node:
    """A field: the writes at its own path, and the fields inside it."""

    __slots__ = ("children", "writes")

    def __init__(self) -> None:
        self.writes: list[Live] = []
        self.children: dict[str, Node] = {}

    @property
    def values(self) -> list[Live]:
        """The writes at this path that want something else here than an object."""
        return [write for write in self.writes if write.value is not OBJECT]

    @property
    def holds_object(self) -> bool:
        """Somebody wrote inside this field, or wants an object here."""
        return bool(self.children) or any(write.value is OBJECT for write in self.writes)

    @property
    def torn(self) -> bool:
        """Live writes want different things at this path."""
        if not self.writes or not (values := self.values):
            return False
        return self.holds_object or any(not same(values[0].value, write.value) for write in values[1:])

    def torn_within(self, path: Path) -> tuple[Path, Node] | None:
        """Return the first torn field at this path or inside it, with its path."""
        if self.torn:
            return path, self
        within = (child.torn_within((*path, key)) for key, child in sorted(self.children.items()))
        return next((found for found in within if found), None)

    def all(self) -> Iterator[Live]:
        """Yield the live writes at this path and inside it."""
        yield from self.writes
        for child in self.children.values():
            yield from child.all()


class Sparing:
    """Which event spared which writes; each event decides once, by what it knew, for all parts of one history.

    Events are told apart by identity: one history holds one object for each.
    """

    __slots__ = ("_by_event",)

    def __init__(self) -> None:
        self._by_event: dict[int, dict[tuple[int, Path], Event]] = {}

    def decide(self, event: Event) -> bool:
        """Return whether it is the first time that this is asked."""
        if id(event) in self._by_event:
            return False
        self._by_event[id(event)] = {}
        return True

    def spare(self, event: Event, path: Path, writer: Event) -> None:
        """Note that an event left standing what another wrote, above where it writes."""
        self._by_event[id(event)][id(writer), path] = writer

    def spares(self, event: Event, live: Live) -> bool:
        """Tell whether an event spared a write."""
        spared = self._by_event.get(id(event))
        return spared is not None and (id(live.event), live.path) in spared

    def spared_within(self, event: Event, path: Path) -> list[Event]:
        """Return the writers of what an event spared at a path or inside it."""
        spared = self._by_event.get(id(event))
        if not spared:
            return []
        return sorted((writer for (_, at), writer in spared.items() if at[: len(path)] == path), key=tie)


class Frontier:
    """The live writes of a set of events, given in causal order, on top of a state that all of them know."""

    def __init__(self, floor: Any, sparing: Sparing) -> None:
        self.root = Node()
        self._sparing = sparing
        self._added: list[Event] = []
        self._floor = floor
        self._values: dict[Path, list[Event]] = {}
        """Who ever wrote a value or a removal at a path, also where it was replaced since."""
        if floor is not ABSENT:
            for path, value in writes_of(floor):
                self._insert(Live(path, value, None))

    def add(self, event: Event) -> None:
        """Let an event write; nothing that comes later is known by it."""
        writes = writes_of(event.data)
        if event.type != RESOLVED and self._sparing.decide(event):
            for write in writes:
                self._spare(write, event)
        for write in writes:
            self._replace(write, event)
        for path, value in writes:
            self._insert(Live(path, value, event))
            if value is not OBJECT:
                self._values.setdefault(path, []).append(event)
        self._added.append(event)

    def _spare(self, write: Write, event: Event) -> None:
        """Note which values above a write stand against edits inside them, in what its writer knew."""
        path, value = write
        above = [path[:length] for length in range(len(path) + (value is OBJECT))]
        met = [(each, by) for each in above for by in self._values.get(each, ()) if knows(event, by)]
        if not met:
            return
        known = self._known_to(event)
        for each, by in met:
            node = known.find(each)
            if node is not None and node.holds_object and any(live.event is by for live in node.values):
                self._sparing.spare(event, each, by)

    def _known_to(self, event: Event) -> Frontier:
        past = [other for other in self._added if knows(event, other)]
        if len(past) == len(self._added):
            return self
        known = Frontier(self._floor, self._sparing)
        for other in past:
            known.add(other)
        return known

    def find(self, path: Path) -> Node | None:
        """Return the field at a path, if there are live writes at or inside it."""
        node: Node | None = self.root
        for key in path:
            node = node.children.get(key) if node else None
        return node

    def torn_about(self, path: Path) -> tuple[Path, Node] | None:
        """Return the first torn field above a path, at it or inside it, with its path."""
        node = self.root
        above: Path = ()
        for key in path:
            if node.torn:
                return above, node
            if key not in node.children:
                return None
            node, above = node.children[key], (*above, key)
        return node.torn_within(above)

    def _replace(self, write: Write, event: Event) -> None:
        path, value = write

        def stays(live: Live) -> bool:
            return live.event is not None and not knows(event, live.event)

        def stays_above(live: Live) -> bool:
            return stays(live) or self._sparing.spares(event, live)

        node = self.root
        for key in path:
            node.writes = [live for live in node.writes if stays_above(live)]
            if key not in node.children:
                return
            node = node.children[key]
        if value is OBJECT:
            node.writes = [live for live in node.writes if stays_above(live)]
        else:
            _keep(node, stays)

    def _insert(self, live: Live) -> None:
        node = self.root
        for key in live.path:
            node = node.children.setdefault(key, Node())
        node.writes.append(live)


def _keep(node: Node, stays: Callable[[Live], bool]) -> None:
    """Drop the writes of a field that do not stay, and fields inside it that have none left."""
    node.writes = [live for live in node.writes if stays(live)]
    for key, child in list(node.children.items()):
        _keep(child, stays)
        if not child.writes and not child.children:
            del node.children[key]


def by_last_write(node: Node, path: Path) -> Any:
    """Return what a torn field holds when each write simply replaces those before it in the order of ties."""
    writes = sorted(node.all(), key=lambda live: tie(live.event) if live.event else (-1, "", 0))
    state: Any = ABSENT
    for live in writes:
        state = apply(state, patch_at(live.path[len(path) :], live.value))
    return state
