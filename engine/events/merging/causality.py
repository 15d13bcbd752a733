"""Who knew whom: the order of causes and effects among the events of one aggregate."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence

from engine.events.event import Dot, Event, Origin


def knows(event: Event, other: Event) -> bool:
    """Tell whether the writer of `event` had `other` before him, or it is the same event."""
    known = event.context.get(other.origin, 0)
    return known >= other.seq or (event.seq == other.seq and event.origin == other.origin)


def tie(event: Event) -> tuple[int, str, int]:
    """Return what breaks ties between concurrent events, and nothing else: hybrid time, then the dot."""
    return (event.hlc, event.origin, event.seq)


def in_causal_order(events: Iterable[Event]) -> list[Event]:
    """Return the set of these events, causes before effects, concurrent ones by `tie`.

    The place of an event is how many of the set it knows: whoever knows an event knows all that it knows, and it.
    """
    unique = {(event.origin, event.seq): event for event in events}
    seqs: dict[str, list[int]] = {}
    for origin, seq in unique:
        seqs.setdefault(origin, []).append(seq)
    for known in seqs.values():
        known.sort()
    return sorted(
        unique.values(),
        key=lambda event: (
            sum(bisect_right(seqs[origin], seq) for origin, seq in event.context.items() if origin in seqs),
            *tie(event),
        ),
    )


def heads_of(events: Collection[Event]) -> tuple[Dot, ...]:
    """Return the events that no other one knows, sorted."""
    known = _known(events)
    return tuple(sorted({event.dot for event in events if event.seq > known.get(event.origin, 0)}))


def missing_from(events: Collection[Event]) -> tuple[Dot, ...]:
    """Return events of this aggregate that others name in their contexts and that are not here, sorted."""
    here = {(event.origin, event.seq) for event in events}
    named = {known for event in events for known in event.context.items()}
    return tuple(sorted(Dot(Origin(origin), seq) for origin, seq in named - here))


def settled_prefix(ordered: Sequence[Event]) -> int:
    """Return how many events, from the first, are before or after each event of the aggregate: nothing is concurrent
    with them, so their state can be folded. `ordered` is in causal order."""
    seen: dict[str, int] = {}
    chain = 0
    for event in ordered:
        if not _covers(event.context, seen):
            break
        seen[event.origin] = event.seq
        chain += 1
    if chain == len(ordered):
        return chain
    places: dict[str, tuple[list[int], list[int]]] = {}
    for place, event in enumerate(ordered[:chain]):
        seqs, at = places.setdefault(event.origin, ([], []))
        seqs.append(event.seq)
        at.append(place)
    for event in ordered[chain:]:
        for origin, (seqs, at) in places.items():
            known = bisect_right(seqs, event.context.get(origin, 0))
            if known < len(at):
                chain = min(chain, at[known])
    return chain


def _covers(context: Mapping[str, int], seen: Mapping[str, int]) -> bool:
    return all(context.get(origin, 0) >= seq for origin, seq in seen.items())


def _known(events: Collection[Event]) -> dict[str, int]:
    known: dict[str, int] = {}
    for event in events:
        for origin, seq in event.context.items():
            if seq > known.get(origin, 0):
                known[origin] = seq
    return known
