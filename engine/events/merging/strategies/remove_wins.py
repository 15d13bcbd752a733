"""A removal is never undone by an edit made beside it."""

from __future__ import annotations

from typing import Any

from engine.events.merging.lists import united
from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import ABSENT, Absent, Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Any:
    if any(isinstance(each.value, Absent) for each in contest.candidates):
        return ABSENT
    if all(isinstance(each.value, list) for each in contest.candidates):
        return united(contest)
    return Asks("Nobody removed it: the sides hold different values.")


REMOVE_WINS = Strategy(
    word="remove_wins",
    summary="Removed by one side is removed; of lists, so is each item that one side removed.",
    decide=_decide,
)
