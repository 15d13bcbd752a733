"""Lists as sets: what anybody added is in, what anybody removed is out."""

from __future__ import annotations

from typing import Any

from engine.events.merging.lists import united
from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import Absent, Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Any:
    if not all(isinstance(each.value, list | Absent) for each in contest.candidates):
        return Asks("Union is for lists, and one side is none.")
    return united(contest)


UNION = Strategy(
    word="union",
    summary="Lists as sets: what one side added is in, what one side removed and none added is out.",
    decide=_decide,
)
