"""The longest text wins: a way to end conflicts about descriptions."""

from __future__ import annotations

from typing import Any

from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import Contest
from engine.settings.replication import Rule


def _decide(contest: Contest, rule: Rule) -> Any:
    texts = [side.value for side in contest.candidates]
    if not all(isinstance(text, str) for text in texts):
        return Asks("The longest text wins, and one side is no text.")
    # Of equally long ones the last in the alphabet: any choice will do that does not look at who came first.
    return max(texts, key=lambda text: (len(text), text))


LONGEST = Strategy(word="longest", summary="The longest text wins.", decide=_decide)
