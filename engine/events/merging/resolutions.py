"""Resolutions and their undoing as events: two types that mean more than what they write.

`conflict.resolved` is an operator's decision: it writes the contested fields and knows all sides. Its metadata say
`conflict`, `settles` (the dots of the sides) and perhaps `comment`. `conflict.reopened` takes a decision back: its
metadata `undoes` names the decision's dot. It writes nothing, whatever its data.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.events.event import Dot, Event, Origin
from engine.events.merging.causality import in_causal_order, knows
from engine.events.own import REOPENED, RESOLVED


def parse_dot(text: object) -> Dot | None:
    """Return the dot that a text such as `berlin-1~0a1b2c3d#7` names, None for anything else."""
    if not isinstance(text, str):
        return None
    origin, mark, seq = text.rpartition("#")
    return Dot(Origin(origin), int(seq)) if mark and seq.isascii() and seq.isdigit() and len(seq) < 20 else None


def undone(events: Iterable[Event]) -> frozenset[Dot]:
    """Return the resolutions that count as if they had written nothing, because a reopening that stands undoes them.

    A reopening can be undone by a later one, and then its resolution stands again. Only what a reopening's writer
    knew can be undone by it.
    """
    undoable = {event.dot: event for event in events if event.type in (RESOLVED, REOPENED)}
    undoings: dict[Dot, list[Event]] = {}
    for event in undoable.values():
        target = parse_dot(event.metadata.get("undoes")) if event.type == REOPENED else None
        if target is not None and target in undoable and knows(event, undoable[target]):
            undoings.setdefault(target, []).append(event)
    gone: set[Dot] = set()
    # What undoes is newer than what it undoes, so the newest is decided first.
    for event in reversed(in_causal_order(undoable.values())):
        if any(undoing.dot not in gone for undoing in undoings.get(event.dot, ())):
            gone.add(event.dot)
    return frozenset(gone)
