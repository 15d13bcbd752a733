"""What an operator decided, as the patch that says so and the state that it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from engine.errors import EventRefused
from engine.events.event import Dot, Event, Origin, Position, node_of
from engine.events.hlc import tick
from engine.events.merging import together
from engine.events.merging.evaluate import conflict_id
from engine.events.merging.patches import apply
from engine.events.merging.patterns import matches
from engine.events.merging.queue import Choice, Choices, ConflictId, Preview, Take
from engine.events.merging.strategy import Strategy
from engine.events.merging.values import ABSENT, Absent, Contest, Path, View, dotted
from engine.events.merging.view import view_of
from engine.events.own import RESOLVED
from engine.settings.replication import Rule

_NOT_YET = Origin("preview~00000000")
"""Who writes a resolution that is only looked at."""


def refusal(contest: Contest, choice: Choice) -> str:
    """Return why a choice makes no sense for a contest, as a sentence; empty when it does."""
    match choice.take:
        case Take.CANDIDATE if not 0 <= choice.candidate < len(contest.candidates):
            return f"{named(contest.path)} has {len(contest.candidates)} sides, and none of number {choice.candidate}."
        case Take.NODE if not sides_of(contest, choice.value)[0]:
            return f"{named(contest.path)} has no side of {choice.value}."
        case Take.BOTH:
            return together.refusal(contest)
        case Take.VALUE if choice.value is None:
            return "A field cannot hold null: in a patch, null removes. Remove the field instead."
        case _:
            return ""


def chosen(contest: Contest, choice: Choice) -> Any:
    """Return the value that a choice gives the field, or `ABSENT`. Raises `EventRefused` where it makes no sense."""
    if sentence := refusal(contest, choice):
        raise EventRefused(sentence)
    match choice.take:
        case Take.CANDIDATE:
            return contest.candidates[choice.candidate].value
        case Take.NEWEST:
            return contest.candidates[-1].value
        case Take.NODE:
            return contest.candidates[sides_of(contest, choice.value)[0][-1]].value
        case Take.BASE:
            return contest.base
        case Take.BOTH:
            return together.together(contest)
        case Take.VALUE:
            return apply(ABSENT, choice.value)
        case Take.REMOVE:
            return ABSENT
        case _:
            assert_never(choice.take)


def sides_of(contest: Contest, node: str) -> tuple[list[int], list[int]]:
    """Return the numbers of the candidates that a node wrote, and of those that others wrote."""
    own = [number for number, each in enumerate(contest.candidates) if node_of(each.event.origin) == node]
    return own, [number for number in range(len(contest.candidates)) if number not in own]


def fitting(view: View, choice: Choice, field: str = "") -> Choices:
    """Return the same choice for every field that waits for an operator, that it makes sense for, and that a pattern
    (`*` and `?`; empty: all) matches."""
    contests = (verdict.contest for verdict in view.open)
    return {
        contest.path: choice
        for contest in contests
        if (not field or matches(field, dotted(contest.path))) and not refusal(contest, choice)
    }


def patch_for(contests: Sequence[Contest], choices: Choices) -> Any:
    """Return the merge patch that writes what was chosen, and removes what else the sides wrote there.

    Raises `EventRefused` for a field that is not contested, and for a choice that makes no sense.
    """
    by_path = {contest.path: contest for contest in contests}
    patch: dict[str, Any] = {}
    for path, choice in choices.items():
        if path not in by_path:
            contested = ", ".join(named(each) for each in by_path) or "none"
            raise EventRefused(f"{named(path)} is not contested; contested: {contested}. Look at the conflict again.")
        written = _written(chosen(by_path[path], choice), by_path[path])
        if not path:
            return written
        inside = patch
        for key in path[:-1]:
            inside = inside.setdefault(key, {})
        inside[path[-1]] = written
    return patch


def preview_of(
    view: View,
    history: Sequence[Event],
    choices: Choices,
    rules: Sequence[Rule],
    strategies: Mapping[str, Strategy],
) -> Preview:
    """Return what a resolution would write, and what the aggregate would then show. Changes nothing."""
    contests = [verdict.contest for verdict in view.verdicts]
    patch = patch_for(contests, choices)
    event = _as_if_written(view.aggregate_id, patch, history)
    return Preview(
        conflict=ConflictId(conflict_id(view.aggregate_id, contests)),
        aggregate_id=view.aggregate_id,
        patch=patch,
        before=view.value,
        after=view_of(view.aggregate_id, [*history, event], rules, strategies).value,
        undecided=tuple(verdict.contest.path for verdict in view.open if verdict.contest.path not in choices),
    )


def settles(view: View, choices: Choices) -> list[str]:
    """Return the dots of the sides that choices decide between, as a resolution's metadata name them."""
    decided = [verdict.contest for verdict in view.verdicts if verdict.contest.path in choices]
    return sorted({str(each.event.dot) for contest in decided for each in contest.candidates})


def named(path: Path) -> str:
    """Return a field as sentences name it."""
    return dotted(path) or "the whole"


def _written(value: Any, contest: Contest) -> Any:
    """Return the patch at a contested path after which the field holds exactly this value."""
    if not isinstance(value, dict):
        return None if isinstance(value, Absent) else value
    patch: dict[str, Any] = apply({}, value)
    for path in contest.inside:
        inside: Any = patch
        for key in path[len(contest.path) :]:
            if not isinstance(inside, dict) or key not in inside:
                if isinstance(inside, dict):
                    inside[key] = None
                break
            inside = inside[key]
    return patch


def _as_if_written(aggregate_id: str, patch: Any, history: Sequence[Event]) -> Event:
    """Return the resolution that would be appended now: it knows everything."""
    known: dict[str, int] = {}
    for event in history:
        for origin, seq in (*event.context.items(), event.dot):
            known[origin] = max(seq, known.get(origin, 0))
    dot = Dot(_NOT_YET, 1)
    return Event(
        position=Position(max((event.position for event in history), default=0) + 1),
        id=str(dot),
        type=RESOLVED,
        aggregate_id=aggregate_id,
        data=patch,
        metadata={},
        origin=dot.origin,
        seq=dot.seq,
        context=known,
        hlc=tick(max((event.hlc for event in history), default=0), 0),
        chain="",
    )
