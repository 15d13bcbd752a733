"""Plans that a run has overtaken.

A precondition that holds again may hold because somebody wanted it so: what a run has done to a record since the plan
looked, and what was taken back after that, is newer than the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from engine.reconcile.acting.means import Means
from engine.reconcile.acting.opening import OpenTarget
from engine.reconcile.deciding.guards import TAKING_AWAY
from engine.reconcile.history import ItemState, RunId
from engine.reconcile.records import RecordKey

LATER_RUNS = 1_000
"""How many runs back those are looked for that have written since: more than a plan's day holds."""
TOUCHED = (ItemState.DONE, ItemState.INTENT, ItemState.DRIFTED)
"""States of an item that was called for and may have taken effect; drifted ones may have been taken back since."""


async def note_overtaken(means: Means, targets: Sequence[OpenTarget]) -> None:
    """Let those changes count as drifted that are still needed although a run has worked on their records since the
    plan's read."""
    for one in targets:
        if one.seen is None or one.target_plan.snapshot is None or not one.seen.needed:
            continue
        touched = await _touched_since(means, one.target, one.target_plan.snapshot.read_at)
        overtaken = {place: touched[key] for place in one.seen.needed if (key := _key(one, place)) in touched}
        reasons = {place: _reason(run) for place, run in overtaken.items()}
        one.seen = replace(
            one.seen,
            needed=tuple(place for place in one.seen.needed if place not in overtaken),
            drifted={**one.seen.drifted, **reasons},
            drifted_removals=(
                *one.seen.drifted_removals,
                *(place for place in overtaken if one.target_plan.changes[place].action in TAKING_AWAY),
            ),
        )


def _key(one: OpenTarget, place: int) -> RecordKey:
    return one.target_plan.changes[place].key


def _reason(run: RunId) -> str:
    return f"Run {run} has worked on it since this plan was made, and it is as before again: somebody may want it so."


async def _touched_since(means: Means, target: str, since: datetime) -> Mapping[RecordKey, RunId]:
    """Return the records of a target that runs have changed since then, or may have, each with the newest run. What
    happened in the very tick of the read counts: which came first cannot be told."""
    touched: dict[RecordKey, RunId] = {}
    for run in await means.journal.runs(sync=None, limit=LATER_RUNS):
        if run.ended_at is not None and run.ended_at < since:
            continue
        for item in await means.journal.run_items(run.run, states=TOUCHED):
            if item.target == target and item.attempt and item.at is not None and item.at >= since:
                touched.setdefault(item.key, run.run)
    return touched
