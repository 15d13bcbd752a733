"""Who knew whom: the order of causes and effects among the events of one aggregate."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence

from engine.events.event import Dot, Event, Origin


def knows(event: Event, other: Event) -> bool:
    """Tell whether the writer of `event` had `other` before him, or it is the same event.

    An origin knows its own past, whatever a context says: a peer cannot pretend to contradict itself a thousand times.
    """
    if event.origin == other.origin:
        return event.seq >= other.seq
    return event.context.get(other.origin, 0) >= other.seq


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
    return sorted(unique.values(), key=lambda event: (_known_among(seqs, event), *tie(event)))


def heads_of(events: Collection[Event]) -> tuple[Dot, ...]:
    """Return the events that no other one knows, sorted."""
    newest: dict[str, Event] = {}
    known: dict[str, int] = {}
    for event in events:
        if event.origin not in newest or event.seq > newest[event.origin].seq:
            newest[event.origin] = event
        for origin, seq in event.context.items():
            if origin != event.origin and seq > known.get(origin, 0):
                known[origin] = seq
    return tuple(sorted(event.dot for event in newest.values() if event.seq > known.get(event.origin, 0)))


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
        if not all(_reach(event, origin) >= seq for origin, seq in seen.items()):
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
            known = bisect_right(seqs, _reach(event, origin))
            if known < len(at):
                chain = min(chain, at[known])
    return chain


def _reach(event: Event, origin: str) -> int:
    """Return the newest seq of an origin that an event's writer knew, the event itself left out."""
    return event.seq - 1 if origin == event.origin else event.context.get(origin, 0)


def _known_among(seqs: Mapping[str, Sequence[int]], event: Event) -> int:
    """Return how many of a set an event knows; `seqs` are the set's, ascending, by origin."""
    known = bisect_right(seqs[event.origin], event.seq - 1)
    for origin, seq in event.context.items():
        if origin in seqs and origin != event.origin:
            known += bisect_right(seqs[origin], seq)
    return known
