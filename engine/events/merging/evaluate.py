"""From the set of an aggregate's events to its state and its contests.

Everything here is a function of the set: the order in which events arrived, and how often, never matters. Causality
decides what replaced what; hybrid time only breaks ties between concurrent events.

The state before anything was concurrent is folded (RFC 7396). Above it stand live writes (`frontier.py`). Where they
want different things, three-way comparison decides as far as it can: each *candidate* is the newest event of one
side, its value what the field is on that side, the *base* what all sides know. A side that left the field as it was
gives way; equal sides agree; what is left is a contest.

A redacted event writes nothing: what it wrote is gone, what it had replaced shows again (`redacted` says so). Of
events that are not here, because a filter or a compaction left them out, the contexts still tell that they were known
(`missing` names them); their writes are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from engine.events.chain import canonical, hashed
from engine.events.event import Dot, Event
from engine.events.merging.causality import heads_of, in_causal_order, missing_from, settled_prefix
from engine.events.merging.contests import Contests
from engine.events.merging.fork import fork
from engine.events.merging.patches import apply
from engine.events.merging.resolutions import undone
from engine.events.merging.values import ABSENT, Absent, Contest
from engine.events.own import REOPENED, is_own


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of events makes of their aggregate, before any rule is asked."""

    value: Any
    """Any JSON value, or `ABSENT`; contested fields show their base."""
    contests: tuple[Contest, ...] = ()
    """By path; no path is a prefix of another."""
    heads: tuple[Dot, ...] = ()
    missing: tuple[Dot, ...] = ()
    """Events that others know of and that are not here."""
    redacted: bool = False


def evaluate(events: Iterable[Event]) -> Aggregate:
    """Return what these events, all of one aggregate and in any order, make of it. Cheapest in the order of a log."""
    events = events if isinstance(events, Sequence) else tuple(events)
    if not events:
        return Aggregate(value=ABSENT)
    linear, state = _folded(events)
    if linear:
        return Aggregate(value=state, heads=(events[-1].dot,))
    return _merged(in_causal_order(events))


def quiet(events: Iterable[Event]) -> bool:
    """Tell whether there is nothing to merge, and whoever writes next need know only the newest event: one head, and no
    contest. Own aggregates are always quiet."""
    events = events if isinstance(events, Sequence) else tuple(events)
    if not events or is_own(events[0].aggregate_id):
        return True
    aggregate = evaluate(events)
    return len(aggregate.heads) == 1 and not aggregate.contests


def state_hash(aggregate_id: str, events: Iterable[Event]) -> bytes:
    """Return 32 bytes that are equal where the same events made the same state and contests, whatever the rules."""
    aggregate = evaluate(events)
    contests = [
        [contest.path, _told(contest.base), [[str(each.event.dot), _told(each.value)] for each in contest.candidates]]
        for contest in aggregate.contests
    ]
    return hashed(canonical([aggregate_id, _told(aggregate.value), contests]))


def conflict_id(aggregate_id: str, contests: Iterable[Contest]) -> str:
    """Return the name of the conflict that these contests are: the same wherever the same sides stand."""
    dots = sorted({str(each.event.dot) for contest in contests for each in contest.candidates})
    return blake2b(canonical([aggregate_id, dots]), digest_size=6).hexdigest()


def _folded(events: Sequence[Event]) -> tuple[bool, Any]:
    """Return whether each event knows exactly the events before it, and then the state: nearly always so."""
    seen: dict[str, int] = {}
    state: Any = ABSENT
    for event in events:
        if event.context != seen or event.type == REOPENED or event.redacted or seen.get(event.origin, 0) >= event.seq:
            return False, ABSENT
        state = apply(state, event.data)
        seen[event.origin] = event.seq
    return True, state


def _merged(events: list[Event]) -> Aggregate:
    """Return what events in causal order make."""
    mute = undone(events) if any(event.type == REOPENED for event in events) else frozenset()
    heard = [
        event for event in events if event.type != REOPENED and not event.redacted and not (mute and event.dot in mute)
    ]
    prefix = len(heard) if is_own(events[0].aggregate_id) else settled_prefix(heard)
    floor: Any = ABSENT
    for event in heard[:prefix]:
        floor = apply(floor, event.data)
    value, contests = _above(floor, heard[prefix:])
    return Aggregate(
        value=value,
        contests=contests,
        heads=heads_of(events),
        missing=missing_from(events),
        redacted=any(event.redacted for event in events),
    )


def _above(floor: Any, events: Sequence[Event]) -> tuple[Any, tuple[Contest, ...]]:
    """Return the state that concurrent events make on top of one that all of them know, and the contests."""
    if not events:
        return floor, ()
    return fork(floor, events) or Contests(floor, events).settle()


def _told(value: Any) -> list[Any]:
    return [] if isinstance(value, Absent) else [value]
