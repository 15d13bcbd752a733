"""Who wrote decides: the first of the rule's nodes that is among the sides."""

from __future__ import annotations

from typing import Any

from engine.events.event import node_of
from engine.events.merging.causality import tie
from engine.events.merging.patterns import matches
from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Any:
    for pattern in rule.prefer:
        preferred = [each for each in contest.candidates if matches(pattern, node_of(each.event.origin))]
        if preferred:
            return max(preferred, key=lambda each: tie(each.event)).value
    wrote = ", ".join(sorted({node_of(each.event.origin) for each in contest.candidates}))
    return Asks(f"The rule prefers {', '.join(rule.prefer)}; only {wrote} wrote here.")


PREFER_ORIGIN = Strategy(
    word="prefer_origin",
    summary="The side of the first node in prefer that wrote wins; of several such sides the last.",
    decide=_decide,
)
