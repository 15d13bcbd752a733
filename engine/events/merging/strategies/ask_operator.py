"""Nobody but a person decides."""

from __future__ import annotations

from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Asks:
    return Asks(f"The rule {rule.name} asks an operator." if rule.name else "The rule asks an operator.")


ASK_OPERATOR = Strategy(
    word="ask_operator",
    summary="An operator decides; until then the field shows what it was before.",
    decide=_decide,
)
