"""Objects field by field: what one side changed is taken from it, and where two clash, from the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.events.merging.causality import tie
from engine.events.merging.patches import same
from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import ABSENT, Absent, Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Any:
    sides = [each.value for each in sorted(contest.candidates, key=lambda each: tie(each.event))]
    objects = [value for value in sides if isinstance(value, dict)]
    if not objects or not all(isinstance(value, dict | Absent) for value in sides):
        return Asks("Fields can be merged where the sides hold objects, and one side holds something else.")
    return _merged(contest.base, objects)


def _merged(base: Any, sides: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the objects merged; `sides` are oldest first."""
    before = base if isinstance(base, dict) else {}
    keys = sorted({*before, *(key for side in sides for key in side)})
    fields = {key: _field(before.get(key, ABSENT), [side.get(key, ABSENT) for side in sides]) for key in keys}
    return {key: value for key, value in fields.items() if not isinstance(value, Absent)}


def _field(base: Any, sides: Sequence[Any]) -> Any:
    changed = [value for value in sides if not same(value, base)]
    if not changed:
        return base
    if all(isinstance(value, dict) for value in changed):
        return _merged(base, changed)
    return changed[-1]


MERGE_FIELDS = Strategy(
    word="merge_fields",
    summary="Objects field by field; a field that several sides changed is taken from the last, and edits outlive a "
    "removal of the whole.",
    decide=_decide,
)
