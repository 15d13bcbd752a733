"""What an aggregate's events make of it, reckoned as slowly and plainly as can be: the judge of the engine's merging.

Nothing of the engine's merging is used. Every event's whole past is known, every write is compared with every event,
and whatever is asked for is reckoned anew from a set of events. The rules are those of DESIGN §3:

- `data` is a merge patch; flattened, it writes values at paths, removes them, or makes sure of an object.
- A write is superseded when another event that knows its event writes at the path, above or below it.
- Writes that are left and want different things are a contest, at the shortest path; who knows another does not stand
  against him; a side that left things as all sides knew them gives way, and equal sides agree.
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
    event: Event


def reckon(events: Sequence[Event]) -> tuple[Any, tuple[Dispute, ...]]:
    """Return the state (disputed fields as all sides knew them) and the disputes."""
    return _Reckoning(events).settle(frozenset(event.dot for event in events), newest_wins=False)


def in_words(value: Any) -> str:
    """Return a value so that different ones differ."""
    return repr(value) if isinstance(value, _Mark) else _canonical(value).decode()


class _Reckoning:
    def __init__(self, events: Sequence[Event]) -> None:
        self._events = {event.dot: event for event in events}
        mute = _undone(events)
        self._heard = {
            event.dot
            for event in events
            if event.dot not in mute and not event.redacted and event.type != "conflict.reopened"
        }
        self._done: dict[tuple[frozenset[Dot], bool], tuple[Any, tuple[Dispute, ...]]] = {}

    def settle(self, among: frozenset[Dot], *, newest_wins: bool) -> tuple[Any, tuple[Dispute, ...]]:
        """Return what a set of events makes, as `reckon` does; or with every dispute decided by the newest side."""
        key = (among, newest_wins)
        if key not in self._done:
            self._done[key] = self._settle([self._events[dot] for dot in among & self._heard], newest_wins)
        return self._done[key]

    def _settle(self, events: Collection[Event], newest_wins: bool) -> tuple[Any, tuple[Dispute, ...]]:
        live = list(_live(events))
        disputes: list[Dispute] = []
        state: Any = NOTHING
        for path, writes in _groups(live):
            if path is None:
                for write in writes:
                    state = _made_sure(state, write.path)
                continue
            if len(writes) == 1:
                state = _put(state, path, writes[0].value)
                continue
            sides = self._sides(path, writes)
            if len({in_words(value) for _, value in sides}) == 1:
                state = _put(state, path, sides[0][1])
                continue
            base = self._base(path, [event for event, _ in sides])
            changed = [(event, value) for event, value in sides if in_words(value) != in_words(base)]
            if len({in_words(value) for _, value in changed}) == 1 or newest_wins:
                state = _put(state, path, changed[-1][1])
                continue
            told = tuple((str(event.dot), in_words(value)) for event, value in changed)
            disputes.append(Dispute(path, in_words(base), told))
            state = _put(state, path, base)
        return state, tuple(sorted(disputes, key=lambda each: each.path))

    def _sides(self, path: Path, writes: Collection[_Write]) -> list[tuple[Event, Any]]:
        """Return who stands against whom, oldest first, and what the field is for whoever knows only his past."""
        events = {write.event.dot: write.event for write in writes}.values()
        newest = [event for event in events if not any(_knows(other, event) for other in events if other is not event)]
        newest.sort(key=lambda event: (event.hlc, event.origin, event.seq))
        return [(event, self._value(path, self._past(event))) for event in newest]

    def _base(self, path: Path, sides: Sequence[Event]) -> Any:
        shared = frozenset.intersection(*(self._past(event) - {event.dot} for event in sides))
        return self._value(path, shared)

    def _value(self, path: Path, among: frozenset[Dot]) -> Any:
        state, _ = self.settle(among, newest_wins=True)
        for key in path:
            if not isinstance(state, Mapping) or key not in state:
                return NOTHING
            state = state[key]
        return state

    def _past(self, event: Event) -> frozenset[Dot]:
        return frozenset(dot for dot, other in self._events.items() if _knows(event, other))


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


def _live(events: Collection[Event]) -> Iterator[_Write]:
    """Yield the writes that nobody who knew them wrote over."""
    written = {event.dot: list(_flat(event.data)) for event in events}
    for event in events:
        later = [other for other in events if other is not event and _knows(other, event)]
        for path, value in written[event.dot]:
            if not any(_over(path, value, *other) for each in later for other in written[each.dot]):
                yield _Write(path, value, event)


def _over(path: Path, value: Any, later_path: Path, later: Any) -> bool:
    """Tell whether a later write takes the place of an earlier one."""
    below = later_path[: len(path)] == path
    if later is OBJECT:
        return later_path == path or (below and value is not OBJECT)
    return below or path[: len(later_path)] == later_path


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
