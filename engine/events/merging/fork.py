"""The commonest case of concurrency, decided without a tree: a few events that know nothing of one another.

Says exactly what `contests.py` says (a property test compares both with the slow way), in a fifth of the time: a queue
of ten thousand conflicts is nearly all of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from engine.events.event import Event
from engine.events.merging.causality import knows, tie
from engine.events.merging.patches import OBJECT, apply, at, copied, placed, same, writes_of
from engine.events.merging.values import Candidate, Contest, Path

MOST = 8
"""Heads of one aggregate that are looked at here."""

Decided = tuple[Any, tuple[Contest, ...]]
"""A state, with the base where a field is contested, and the contests by path."""


def fork(floor: Any, events: Sequence[Event]) -> Decided | None:
    """Return what concurrent events make of a state that all of them know; None where it takes a closer look: some know
    others, a field and something inside it were written, or somebody wants an object whatever is in it."""
    if len(events) > MOST or any(knows(one, other) for one in events for other in events if one is not other):
        return None
    written: dict[Path, list[Candidate]] = {}
    for event in events:
        for path, value in writes_of(event.data):
            if value is OBJECT:
                return None
            written.setdefault(path, []).append(Candidate(event=event, value=value))
    if any(lower[: len(upper)] == upper for upper, lower in pairwise(sorted(written))):
        return None
    state = copied(floor)
    for event in events:
        state = apply(state, event.data)
    contests = []
    for path, writers in written.items():
        if len(writers) > 1:
            outcome, contest = _compared(path, at(floor, path), writers)
            state = placed(state, path, outcome)
            contests += contest
    return state, tuple(sorted(contests, key=lambda contest: contest.path))


def _compared(path: Path, base: Any, writers: list[Candidate]) -> tuple[Any, list[Contest]]:
    """Return what a field shows, and the contest if several sides changed it to different values."""
    changed = [each for each in writers if not same(each.value, base)] or writers
    if all(same(changed[0].value, other.value) for other in changed[1:]):
        return changed[0].value, []
    candidates = tuple(sorted(changed, key=lambda each: tie(each.event)))
    return base, [Contest(path=path, base=base, candidates=candidates)]
