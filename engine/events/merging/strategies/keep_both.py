"""Nobody's addition is lost: numbers add up, lists and texts hold what every side put in."""

from __future__ import annotations

from math import fsum, isfinite
from typing import Any

from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.together import refusal, together
from engine.events.merging.values import Absent, Contest
from engine.settings.replication import Rule

_LARGEST = 2**63 - 1


def _decide(contest: Contest, rule: Rule) -> Any:
    values = [each.value for each in contest.candidates if not isinstance(each.value, Absent)]
    if all(_is_number(value) for value in values):
        return _added_up(contest.base, values)
    return Asks(sentence) if (sentence := refusal(contest)) else together(contest)


def _added_up(base: Any, values: list[Any]) -> Any:
    """Return the base and what each side added to it or took from it; a removal took nothing."""
    start = base if _is_number(base) else 0
    if all(isinstance(value, int) for value in (start, *values)):
        total: int | float = start + sum(value - start for value in values)
        fits = abs(total) <= _LARGEST
    else:
        # Exactly rounded, so that the order of the sides cannot show.
        try:
            total = fsum([*values, *[-start] * (len(values) - 1)])
        except OverflowError:
            return Asks("The numbers of the sides add up to more than a number can hold.")
        fits = isfinite(total)
    return total if fits else Asks("The numbers of the sides add up to more than a number can hold.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KEEP_BOTH = Strategy(
    word="keep_both",
    summary="Numbers: what each side added to the base, summed up. Lists, texts and objects: what every side put in; "
    "an edit outlives a removal.",
    decide=_decide,
)
