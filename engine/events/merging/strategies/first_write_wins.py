"""The oldest side wins, by hybrid time; of equal times the smaller origin."""

from __future__ import annotations

from typing import Any

from engine.events.merging.causality import tie
from engine.events.merging.strategy import Strategy
from engine.events.merging.values import Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Any:
    return min(contest.candidates, key=lambda each: tie(each.event)).value


FIRST_WRITE_WINS = Strategy(
    word="first_write_wins",
    summary="The side written first wins.",
    decide=_decide,
)
