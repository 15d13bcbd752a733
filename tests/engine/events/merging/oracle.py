"""The same decisions made the slow way: no tree, no order, no folding; each definition read off the whole graph."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

from engine.events.event import Dot, Event
from engine.events.merging.causality import knows, tie
from engine.events.merging.patches import OBJECT, apply, at, patch_at, same, writes_of
from engine.events.merging.values import ABSENT, Path


class W(NamedTuple):
    event: Event
    path: Path
    value: Any


def _above(path: Path, other: Path) -> bool:
    return len(path) < len(other) and other[: len(path)] == path


class Oracle:
    """`value` and `contests` (path, base, dots and values of the candidates) of a set of events."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = list({event.dot: event for event in events}.values())
        mute = self._mute()
        self.writers = [
            e for e in self.events if e.type != "conflict.reopened" and not e.redacted and e.dot not in mute
        ]
        self.contests: list[tuple[Path, Any, list[tuple[Dot, Any]]]] = []
        live = self.live(self.writers)
        self.value = self._state(live, self._compare)
        self.contests.sort(key=lambda contest: contest[0])

    def _mute(self) -> set[Dot]:
        def gone(target: Event) -> bool:
            return any(
                each.type == "conflict.reopened"
                and each.metadata.get("undoes") == str(target.dot)
                and each.dot != target.dot
                and knows(each, target)
                and not gone(each)
                for each in self.events
            )

        return {e.dot for e in self.events if e.type in ("conflict.resolved", "conflict.reopened") and gone(e)}

    def live(self, events: Sequence[Event]) -> list[W]:
        writes = [W(event, *write) for event in events for write in writes_of(event.data)]
        return [w for w in writes if not any(v.event is not w.event and self._replaces(v, w) for v in writes)]

    def _replaces(self, v: W, w: W) -> bool:
        if not knows(v.event, w.event):
            return False
        if v.value is OBJECT:
            inside = v.path == w.path or (_above(w.path, v.path))
            return inside and not self.spares(v, w)
        if v.path == w.path or _above(v.path, w.path):
            return True
        return _above(w.path, v.path) and not self.spares(v, w)

    def spares(self, v: W, w: W) -> bool:
        """`w` stands against something inside it, in what v's writer knew; v writes inside it too, and decides not."""
        inside = _above(w.path, v.path) or (v.path == w.path and v.value is OBJECT)
        if w.value is OBJECT or not inside or v.event.type == "conflict.resolved":
            return False
        past = [event for event in self.writers if knows(v.event, event) and event is not v.event]
        live = self.live(past)
        if not any(u.event is w.event and u.path == w.path for u in live):
            return False
        return any(_above(w.path, u.path) or (u.path == w.path and u.value is OBJECT) for u in live)

    def _state(self, live: Sequence[W], torn: Any) -> Any:
        """Assemble live writes; where they clash, ask `torn` for the shortest path of the clash."""
        tops = self._tops(live)
        state: Any = ABSENT
        for w in live:
            if not any(w.path == top or _above(top, w.path) for top in tops):
                state = apply(state, patch_at(w.path, w.value))
        for top in sorted(tops):
            value = torn(top, [w for w in live if w.path == top or _above(top, w.path)])
            if value is ABSENT and top:
                state = apply(state, patch_at((*top[:-1], "never"), ABSENT))
            else:
                state = apply(state, patch_at(top, value))
        return state

    def _tops(self, live: Sequence[W]) -> list[Path]:
        """Return the shortest paths at which live writes want different things."""
        clashes: set[Path] = set()
        for one, other in combinations(live, 2):
            upper, lower = sorted((one, other), key=lambda w: len(w.path))
            if upper.path == lower.path:
                both = upper.value is OBJECT and lower.value is OBJECT
                if not both and not same(upper.value, lower.value):
                    clashes.add(upper.path)
            elif _above(upper.path, lower.path) and upper.value is not OBJECT:
                clashes.add(upper.path)
        return [path for path in clashes if not any(_above(other, path) for other in clashes)]

    def _compare(self, path: Path, group: list[W]) -> Any:
        writers = {w.event.dot: w.event for w in group}.values()
        sides = [e for e in writers if not any(self._gives_way(e, other, group) for other in writers)]
        known = {e.dot: self._side(e, path) for e in sides}
        base, disputed = self._base([set(side) for side in known.values()], path)
        plain = {e.dot: at(self._settled([d for d in self.writers if d.dot in known[e.dot]]), path) for e in sides}
        changed = [e for e in sides if disputed or not same(plain[e.dot], base)] or sides
        shown = [(e, self._beside(plain[e.dot], path, known[e.dot], group)) for e in sorted(changed, key=tie)]
        if len({repr(value) for _, value in map(_plainly, shown)}) == 1:
            return shown[0][1]
        self.contests.append((path, base, [(e.dot, value) for e, value in shown]))
        return base

    def _base(self, sides: list[set[Dot]], path: Path) -> tuple[Any, bool]:
        common = [e for e in self.writers if all(e.dot in side for side in sides)]
        tops = [top for top in self._tops(self.live(common)) if top[: len(path)] == path or path[: len(top)] == top]
        if not tops:
            return at(self._settled(common), path), False
        (*_, top) = tops
        if len(top) > len(path):
            return at(self._settled(common), path), True
        within = Oracle(common)
        group = [w for w in within.live(within.writers) if w.path[: len(top)] == top]
        writers = {w.event.dot: w.event for w in group}.values()
        older = [e for e in writers if not any(within._gives_way(e, other, group) for other in writers)]
        return within._base([within._side(e, top) for e in older], path)[0], True

    def _gives_way(self, event: Event, other: Event, group: list[W]) -> bool:
        if event is other or not knows(other, event):
            return False
        own = [w for w in group if w.event is event]
        return not any(self.spares(W(other, *v), w) for w in own for v in writes_of(other.data))

    def _side(self, event: Event, path: Path) -> set[Dot]:
        kept = [e for e in self.writers if knows(event, e)]
        for w in [W(e, *write) for e in kept if e is not event for write in writes_of(e.data)]:
            if w.path[: len(path)] != path:
                continue
            if not any(self.spares(W(event, *v), w) for v in writes_of(event.data)):
                continue
            beside = [e for e in kept if not knows(e, w.event) and not knows(w.event, e)]
            kept = [
                e for e in kept if e is not w.event and (knows(e, w.event) or any(knows(other, e) for other in beside))
            ]
        return {e.dot for e in kept}

    def _settled(self, events: Sequence[Event]) -> Any:
        def last(path: Path, group: list[W]) -> Any:
            state: Any = ABSENT
            for w in sorted(group, key=lambda w: tie(w.event)):
                state = apply(state, patch_at(w.path[len(path) :], w.value))
            return state

        return self._state(self.live(events), last)

    def _beside(self, value: Any, path: Path, side: set[Dot], group: list[W]) -> Any:
        own = [w for w in group if w.event.dot in side]
        others = [w for w in group if w.event.dot not in side]
        contrary = {w.event.dot for w in others if any(_clash(w, each) for each in own)}
        value = apply({}, value) if isinstance(value, dict) else value
        for w in sorted(others, key=lambda w: tie(w.event)):
            if w.event.dot not in contrary and not (w.path == path and w.value is OBJECT):
                value = apply(value, patch_at(w.path[len(path) :], w.value))
        return value


def _plainly(shown: tuple[Event, Any]) -> tuple[Event, Any]:
    return shown[0], _sorted(shown[1])


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _clash(one: W, other: W) -> bool:
    upper, lower = sorted((one, other), key=lambda w: len(w.path))
    if upper.path == lower.path:
        return not (upper.value is OBJECT and lower.value is OBJECT) and not same(upper.value, lower.value)
    return _above(upper.path, lower.path) and upper.value is not OBJECT
