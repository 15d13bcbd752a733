"""A conflict and what was chosen so far as the rows of the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from console.presentation.conflict_fields import LEFT, RIGHT, SIGNS, FieldRow, Written
from console.presentation.patches import field_name
from console.presentation.staging import Staging, Step
from engine.events.merging.patches import at
from engine.events.merging.queue import Choice, ConflictDetail, Take
from engine.events.merging.values import ABSENT, Path


class Sides(NamedTuple):
    """Which sides of a field are shown left and right."""

    left: int = LEFT
    right: int = RIGHT


def rows_of(detail: ConflictDetail, staging: Staging, sides: Mapping[Path, Sides]) -> Sequence[FieldRow]:
    """Return the contested fields with what was chosen: those that wait for an operator first."""
    aggregate = detail.summary.aggregate_id
    decided = _resolution(detail)
    rows = []
    for verdict in sorted(detail.view.verdicts, key=lambda each: (each.settled, each.contest.path)):
        contest = verdict.contest
        shown = sides.get(contest.path, Sides())
        most = len(contest.candidates)
        shown = shown if max(shown) < most else Sides()
        written = decided is not None and contest.path in detail.summary.fields
        rows.append(
            FieldRow(
                verdict=verdict,
                left=shown.left,
                right=shown.right,
                choice=None if decided is not None else staging.choice(aggregate, contest),
                changed=decided is None and staging.changed(aggregate, contest),
                written=Written(value_in(decided, contest.path)) if written else None,
            )
        )
    return rows


def turned(row: FieldRow, which: int) -> Sides:
    """Return the sides to show when another one is asked for at the left (0) or right (1): never the same twice."""
    count = len(row.contest.candidates)
    shown, other = (row.left, row.right) if which == LEFT else (row.right, row.left)
    following = next(number % count for number in range(shown + 1, shown + count + 1) if number % count != other)
    return Sides(following, other) if which == LEFT else Sides(other, following)


def value_in(patch: Any, path: Path) -> Any:
    """Return what a merge patch says at a path: null there means that it was removed."""
    found = at(patch, path)
    return ABSENT if found is None else found


def step_text(step: Step, *, back: bool) -> str:
    """Say what taking a choice back, or making it again, did."""
    after = step.before if back else step.after
    staged = {field_name(path): each.choice if each is not None else None for path, each in after.items()}
    if len(staged) > 2:
        return f"{step.aggregate}: {len(staged)} fields {'as before' if back else 'chosen again'}"
    return f"{step.aggregate}: " + ", ".join(f"{path} → {choice_word(choice)}" for path, choice in staged.items())


def choice_word(choice: Choice | None) -> str:
    """Return a choice in a word."""
    if choice is None:
        return "undecided"
    if choice.take is Take.CANDIDATE:
        return ("left", "right")[choice.candidate] if choice.candidate < 2 else f"side {choice.candidate + 1}"
    return SIGNS[choice.take][1]


def _resolution(detail: ConflictDetail) -> Any | None:
    """Return the patch of the event that settled the conflict."""
    dot = detail.summary.resolution
    return next((event.data for event in detail.history if event.dot == dot), None) if dot is not None else None
