"""An aggregate as the rules show it. Automatic outcomes are reckoned anew each time, never written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.events.event import Event
from engine.events.merging.evaluate import Aggregate, evaluate
from engine.events.merging.patches import placed
from engine.events.merging.rules import judge
from engine.events.merging.strategy import Strategy
from engine.events.merging.values import View
from engine.settings.replication import Rule


def view_of(
    aggregate_id: str, events: Iterable[Event], rules: Sequence[Rule], strategies: Mapping[str, Strategy]
) -> View:
    """Return what the rules make of an aggregate's events; give a prefix of its history to see it as of then."""
    return judged(aggregate_id, evaluate(events), rules, strategies)


def judged(aggregate_id: str, aggregate: Aggregate, rules: Sequence[Rule], strategies: Mapping[str, Strategy]) -> View:
    """Return what the rules make of an aggregate that was evaluated already."""
    verdicts = tuple(judge(contest, rules, strategies) for contest in aggregate.contests)
    value = aggregate.value
    for verdict in verdicts:
        if verdict.settled:
            value = placed(value, verdict.contest.path, verdict.value)
    return View(
        aggregate_id=aggregate_id,
        value=value,
        verdicts=verdicts,
        heads=aggregate.heads,
        redacted=aggregate.redacted,
        missing=aggregate.missing,
    )
