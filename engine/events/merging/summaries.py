"""Rows of the queue, from an aggregate's view or from what is left of a conflict that is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from engine.events.event import Event
from engine.events.merging.causality import knows, tie
from engine.events.merging.evaluate import conflict_id
from engine.events.merging.past import decided_by
from engine.events.merging.patches import same, writes_of
from engine.events.merging.queue import ConflictId, ConflictState, ConflictSummary
from engine.events.merging.resolutions import undone
from engine.events.merging.values import Contest, View
from engine.events.own import RESOLVED

BY_RULES = "rules"
"""Who settled a conflict that no operator needs to look at."""


def current(view: View, claimed_by: str = "") -> ConflictSummary | None:
    """Return the conflict that an aggregate has now, open or settled by rules alone; None when it has none."""
    contests = [verdict.contest for verdict in view.verdicts]
    if not contests:
        return None
    waiting = view.open
    state = ConflictState.CLAIMED if claimed_by else ConflictState.OPEN
    return ConflictSummary(
        id=ConflictId(conflict_id(view.aggregate_id, contests)),
        aggregate_id=view.aggregate_id,
        state=state if waiting else ConflictState.SETTLED,
        fields=tuple(verdict.contest.path for verdict in waiting or view.verdicts),
        automatic=len(view.verdicts) - len(waiting),
        origins=_origins(contests),
        since=_since(contests),
        claimed_by=claimed_by if waiting else "",
        settled_by="" if waiting else BY_RULES,
        reviewed=not any(_decided_twice(contest) for contest in contests),
    )


def over(identity: ConflictId, history: Sequence[Event], view: View) -> ConflictSummary:
    """Return how a conflict that is not open ended; `view` is what its aggregate shows now."""
    standing = standing_resolutions(identity, history)
    contests = [each.contest for event in standing[-1:] for each in decided_by(history, event)]
    disputed = any(
        each.event.dot == event.dot
        for verdict in view.open
        for each in verdict.contest.candidates
        for event in standing
    )
    newest = standing[-1] if standing else None
    return ConflictSummary(
        id=identity,
        aggregate_id=view.aggregate_id,
        state=ConflictState.SETTLED if newest and not disputed else ConflictState.SUPERSEDED,
        fields=tuple(contest.path for contest in contests),
        origins=_origins(contests),
        since=_since(contests),
        settled_by=str(newest.metadata.get("actor", "")) if newest else "",
        resolution=newest.dot if newest else None,
        reviewed=_reviewed(standing, history),
    )


def standing_resolutions(identity: ConflictId, history: Sequence[Event]) -> list[Event]:
    """Return the resolutions of a conflict that nobody took back, oldest first."""
    gone = undone(history)
    of_it = (event for event in history if event.type == RESOLVED and event.metadata.get("conflict") == identity)
    return sorted((event for event in of_it if event.dot not in gone), key=tie)


def _reviewed(standing: Sequence[Event], history: Sequence[Event]) -> bool:
    """Tell whether nobody need look again: decided once or alike, or somebody decided later knowing all of it."""
    if all(_alike(standing[0], other) for other in standing[1:]):
        return True
    later = (event for event in history if event.type == RESOLVED and event not in standing)
    return any(all(knows(event, each) for each in standing) for event in later)


def _alike(one: Event, other: Event) -> bool:
    """Two resolutions that wrote the same, or one of which knew the other."""
    if knows(one, other) or knows(other, one):
        return True
    left, right = dict(writes_of(one.data)), dict(writes_of(other.data))
    return left.keys() == right.keys() and all(same(left[path], right[path]) for path in left)


def _decided_twice(contest: Contest) -> bool:
    return sum(each.event.type == RESOLVED for each in contest.candidates) > 1


def _origins(contests: Iterable[Contest]) -> tuple[str, ...]:
    return tuple(sorted({each.event.origin for contest in contests for each in contest.candidates}))


def _since(contests: Iterable[Contest]) -> datetime | None:
    sides = [each.event for contest in contests for each in contest.candidates]
    return max(sides, key=tie).written_at if sides else None
