"""What an aggregate's events make of it, reckoned as slowly and plainly as can be: the judge of the engine's merging.

Nothing of the engine's merging is used. Every event's whole past is known, every write is compared with every event,
and whatever is asked for is reckoned anew from a set of events. The rules:

- `data` is a merge patch; flattened, it writes values at paths, removes them, or makes sure of an object.
- A write is superseded when another event that knows its event writes at the path, above or below it.
- But an ordinary event spares a value (or a removal) that stood, in all it knew, against edits inside it: writing
  inside too, it takes the edits' side, and decides nothing.
- Writes that are left and want different things are a contest, at the shortest path; who knows another does not stand
  against him, unless he spared him; a side that left things as all sides knew them gives way, and equal sides agree.
  To each side's value belongs what others did beside it. Where what all sides knew was disputed itself, nobody left
  things as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.events.event import Dot, Event

Path = tuple[str, ...]


class _Mark:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NOTHING: Final = _Mark("NOTHING")
"""The field, or the aggregate, does not exist; as a write: it is removed."""
OBJECT: Final = _Mark("OBJECT")
"""As a write: there is to be an object, whatever is in it."""

_canonical = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Dispute:
    """A contest as the oracle sees it."""

    path: Path
    base: str
    sides: tuple[tuple[str, str], ...]
    """Dot and value of each side, oldest first; values in words, so that 1 and 1.0 and true are three."""


@dataclass(frozen=True, slots=True)
class _Write:
    path: Path
    value: Any
    dot: Dot


def reckon(events: Sequence[Event]) -> tuple[Any, tuple[Dispute, ...]]:
    """Return the state (disputed fields as all sides knew them) and the disputes."""
    return _Reckoning(events).settle([event.dot for event in events], newest_wins=False)


def in_words(value: Any) -> str:
    """Return a value so that different ones differ."""
    return repr(value) if isinstance(value, _Mark) else _canonical(value).decode()


class _Reckoning:
    """One aggregate; `settle` may be asked about any part of its events."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = {event.dot: event for event in events}
        mute = _undone(events)
        self._heard = {
            event.dot
            for event in events
            if event.dot not in mute and not event.redacted and event.type != "conflict.reopened"
        }
        self._written = {dot: list(_flat(self._events[dot].data)) for dot in self._heard}
        self._spared: dict[Dot, set[tuple[Dot, Path]]] = {}
        for dot in sorted(self._heard, key=self._age):
            self._spared[dot] = self._spared_by(dot)

    def settle(self, among: Collection[Dot], *, newest_wins: bool) -> tuple[Any, tuple[Dispute, ...]]:
        """Return what a set of events makes, as `reckon` does; or with every dispute decided by the last write."""
        disputes: list[Dispute] = []
        state: Any = NOTHING
        for path, writes in _groups(self._live(self._heard.intersection(among))):
            if path is None:
                for write in writes:
                    state = _made_sure(state, write.path)
            elif newest_wins or len(writes) == 1:
                made: Any = NOTHING
                for write in sorted(writes, key=lambda each: self._age(each.dot)):
                    made = _written_over(made, write.path[len(path) :], write.value)
                state = _put(state, path, made)
            else:
                state = _put(state, path, self._compared(path, writes, disputes))
        return state, tuple(sorted(disputes, key=lambda each: each.path))

    def _compared(self, path: Path, writes: Sequence[_Write], disputes: list[Dispute]) -> Any:
        """Return what a field that several want differently is; note the dispute unless one side alone changed it."""
        sides = {dot: self._side(dot, path) for dot in self._newest(writes)}
        base, disputed = self._base(path, frozenset.intersection(*sides.values()))
        changed = [
            dot for dot, side in sides.items() if disputed or in_words(self._value(path, side)) != in_words(base)
        ]
        wants = {
            dot: in_words(self._with_what_fits(path, self._value(path, sides[dot]), sides[dot], writes))
            for dot in sorted(changed or sides, key=self._age)
        }
        if len(set(wants.values())) == 1:
            return _from_words(next(iter(wants.values())))
        disputes.append(Dispute(path, in_words(base), tuple((str(dot), value) for dot, value in wants.items())))
        return base

    def _base(self, path: Path, common: frozenset[Dot]) -> tuple[Any, bool]:
        """Return what all sides knew, and whether that was disputed itself; then nobody left it as it was, and it is
        what was known before that dispute."""
        disputed = False
        while True:
            torn = [(top, writes) for top, writes in _groups(self._live(self._heard & common)) if _torn(writes)]
            around = [(top, writes) for top, writes in torn if top is not None and path[: len(top)] == top]
            within = [top for top, _ in torn if top is not None and top[: len(path)] == path]
            disputed = disputed or bool(around or within)
            if not around:
                return self._value(path, common), disputed
            ((top, writes),) = around
            common = frozenset.intersection(*(self._side(dot, top) for dot in self._newest(writes)))

    def _live(self, dots: Collection[Dot]) -> list[_Write]:
        """Return the writes that nobody who knew them wrote over, or spared when he did."""
        live: list[_Write] = []
        for dot in dots:
            later = [other for other in dots if other != dot and self._knows(other, dot)]
            for path, value in self._written[dot]:
                over = (
                    other
                    for other in later
                    for written in self._written[other]
                    if _over(path, *written)
                    and not ((dot, path) in self._spared.get(other, ()) and _inside(path, *written))
                )
                if next(over, None) is None:
                    live.append(_Write(path, value, dot))
        return live

    def _spared_by(self, dot: Dot) -> set[tuple[Dot, Path]]:
        """Return the writes that an ordinary event lets stand although it knows them and writes inside them: values
        that, in all it knew, stood against somebody's edits inside them. Siding with the edits decides nothing."""
        if self._events[dot].type == "conflict.resolved":
            return set()
        known = self._live([other for other in self._heard if other != dot and self._knows(dot, other)])
        return {
            (write.dot, write.path)
            for write in known
            if write.value is not OBJECT
            and any(_inside(write.path, *written) for written in self._written[dot])
            and any(_inside(write.path, other.path, other.value) for other in known)
        }

    def _newest(self, writes: Sequence[_Write]) -> list[Dot]:
        """Return who stands against whom: whoever no other knows, or only one who let his writes stand."""
        dots = {write.dot for write in writes}

        def gives_way(dot: Dot, other: Dot) -> bool:
            mine = {(dot, write.path) for write in writes if write.dot == dot}
            return other != dot and self._knows(other, dot) and not mine & self._spared[other]

        return [dot for dot in dots if not any(gives_way(dot, other) for other in dots)]

    def _side(self, dot: Dot, path: Path) -> frozenset[Dot]:
        """Return what somebody knows, without the sides that he let stand against his own."""
        kept = {other for other in self._heard if self._knows(dot, other)}
        spared = {other for other, where in self._spared[dot] if where[: len(path)] == path}
        for against in sorted(spared, key=self._age):
            beside = [each for each in kept if not self._knows(each, against) and not self._knows(against, each)]
            kept = {
                other
                for other in kept - {against}
                if self._knows(other, against) or any(self._knows(each, other) for each in beside)
            }
        return frozenset(kept)

    def _with_what_fits(self, path: Path, value: Any, side: frozenset[Dot], writes: Sequence[_Write]) -> Any:
        """Return a side's value with what others did beside it: whoever takes a side need not lose the rest."""
        own = [write for write in writes if write.dot in side]
        others = [write for write in writes if write.dot not in side]
        contrary = {write.dot for write in others if any(_contradict(write, each) for each in own)}
        for write in sorted(others, key=lambda each: self._age(each.dot)):
            if write.dot not in contrary and not (write.value is OBJECT and write.path == path):
                value = _written_over(value, write.path[len(path) :], write.value)
        return value

    def _value(self, path: Path, among: frozenset[Dot]) -> Any:
        state, _ = self.settle(among, newest_wins=True)
        for key in path:
            if not isinstance(state, Mapping) or key not in state:
                return NOTHING
            state = state[key]
        return state

    def _knows(self, dot: Dot, other: Dot) -> bool:
        return _knows(self._events[dot], self._events[other])

    def _age(self, dot: Dot) -> tuple[int, Dot]:
        return self._events[dot].hlc, dot


def _inside(path: Path, other: Path, value: Any) -> bool:
    """Tell whether a write is inside what a value at `path` takes the place of."""
    return other[: len(path)] == path and (other != path or value is OBJECT)


def _contradict(one: _Write, other: _Write) -> bool:
    if one.path == other.path:
        return in_words(one.value) != in_words(other.value)
    upper, lower = sorted((one, other), key=lambda write: len(write.path))
    return upper.value is not OBJECT and lower.path[: len(upper.path)] == upper.path


def _torn(writes: Sequence[_Write]) -> bool:
    return len({(write.path, in_words(write.value)) for write in writes}) > 1


def _written_over(state: Any, path: Path, value: Any) -> Any:
    return _made_sure(state, path) if value is OBJECT else _put(state, path, value)


def _knows(event: Event, other: Event) -> bool:
    return event is other or event.context.get(other.origin, 0) >= other.seq


def _undone(events: Sequence[Event]) -> set[Dot]:
    """Return the resolutions, and undoings, that an undoing which stands has undone."""
    by_dot = {str(event.dot): event for event in events}
    undoings = [event for event in events if event.type == "conflict.reopened" and not event.redacted]
    undone: set[Dot] = set()
    for event in sorted(undoings, key=lambda event: event.hlc, reverse=True):  # whoever undoes an undoing is later
        undoes = by_dot.get(str(event.metadata.get("undoes", "")))
        if event.dot in undone or undoes is None or undoes is event or not _knows(event, undoes):
            continue
        if undoes.type in ("conflict.resolved", "conflict.reopened"):
            undone.add(undoes.dot)
    return undone


def _flat(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if not isinstance(data, dict):
        yield path, NOTHING if data is None else data
    elif not data:
        yield path, OBJECT
    else:
        for key, value in data.items():
            yield from _flat(value, (*path, key))


def _over(path: Path, later_path: Path, later: Any) -> bool:
    """Tell whether a later write takes the place of an earlier one."""
    below = later_path[: len(path)] == path
    return below or (later is not OBJECT and path[: len(later_path)] == later_path)


def _from_words(words: str) -> Any:
    return NOTHING if words == repr(NOTHING) else msgspec.json.decode(words)


def _groups(live: Sequence[_Write]) -> Iterator[tuple[Path | None, list[_Write]]]:
    """Yield the writes that have to do with one another, with the shortest path; under None those that only make sure
    of an object nobody puts anything else in place of. Shortest first."""
    values = {write.path for write in live if write.value is not OBJECT}
    tops = sorted((path for path in values if not any(path[:n] in values for n in range(len(path)))), key=len)
    grouped: set[int] = set()
    for top in tops:
        inside = [write for write in live if write.path[: len(top)] == top]
        grouped |= {id(write) for write in inside}
        yield top, inside
    yield None, [write for write in live if id(write) not in grouped]


def _put(state: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    made = dict(state) if isinstance(state, Mapping) else {}
    key, rest = path[0], path[1:]
    put = _put(made.get(key, NOTHING), rest, value)
    if put is NOTHING:
        made.pop(key, None)
    else:
        made[key] = put
    return made


def _made_sure(state: Any, path: Path) -> Any:
    made = dict(state) if isinstance(state, Mapping) else {}
    if path:
        made[path[0]] = _made_sure(made.get(path[0], NOTHING), path[1:])
    return made
