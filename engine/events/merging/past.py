"""What a resolution decided: the contests that its writer saw, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.events.event import Event
from engine.events.merging.causality import knows
from engine.events.merging.evaluate import evaluate
from engine.events.merging.patches import at, writes_of
from engine.events.merging.values import Contest, Path


class Decided(msgspec.Struct, frozen=True):
    """One contest of the past, and the value (or `ABSENT`) that an operator gave it."""

    contest: Contest
    chosen: Any


def known_to(history: Sequence[Event], event: Event) -> list[Event]:
    """Return what an event's writer knew of its aggregate, the event itself left out."""
    return [other for other in history if other is not event and knows(event, other) and other.dot != event.dot]


def decided_by(history: Sequence[Event], resolution: Event) -> tuple[Decided, ...]:
    """Return the contests that a resolution decided, as they stood when it was written."""
    known = known_to(history, resolution)
    contests = evaluate(known).contests
    if not contests:
        return ()
    state = evaluate([*known, resolution]).value
    written = [path for path, _ in writes_of(resolution.data)]
    return tuple(
        Decided(contest, at(state, contest.path))
        for contest in contests
        if any(_overlap(path, contest.path) for path in written)
    )


def _overlap(one: Path, other: Path) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
