"""The newest side wins, by hybrid time; of equal times the greater origin."""

from __future__ import annotations

from typing import Any

from engine.events.merging.causality import tie
from engine.events.merging.strategy import Strategy
from engine.events.merging.values import Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Any:
    return max(contest.candidates, key=lambda each: tie(each.event)).value


LAST_WRITE_WINS = Strategy(
    word="last_write_wins",
    summary="The side written last wins.",
    decide=_decide,
)
