"""Which rule decides a contest: the first whose conditions all hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine.events.chain import canonical, hashed
from engine.events.event import Event, node_of
from engine.events.merging.patches import apply
from engine.events.merging.patterns import matches
from engine.events.merging.strategy import Asks, Strategy
from engine.events.merging.values import ABSENT, Absent, Contest, Verdict, dotted
from engine.settings.replication import Condition, Rule

NO_RULE = Rule(use="ask_operator")
"""What decides where no rule matches."""


def judge(contest: Contest, rules: Sequence[Rule], strategies: Mapping[str, Strategy]) -> Verdict:
    """Return what the rules say of a contest: a value, or that an operator has to decide, and why."""
    position, rule = first_match(contest, rules)
    outcome = _outcome(contest, rule, strategies) if position else Asks("No rule matches.")
    asks = isinstance(outcome, Asks)
    return Verdict(
        contest=contest,
        rule=rule,
        position=position,
        settled=not asks,
        value=contest.base if asks else outcome,
        reason=outcome.reason if asks else "",
    )


def first_match(contest: Contest, rules: Sequence[Rule]) -> tuple[int, Rule]:
    """Return the first rule that applies and its place, from 1; place 0 when none does."""
    for position, rule in enumerate(rules, 1):
        if applies(rule.when, contest):
            return position, rule
    return 0, NO_RULE


def applies(when: Condition, contest: Contest) -> bool:
    """Tell whether a rule's conditions hold: those about the field, and those about events, all of them for one and
    the same side."""
    if when.aggregate and not matches(when.aggregate, contest.candidates[0].event.aggregate_id):
        return False
    if when.field and not matches(when.field, dotted(contest.path)):
        return False
    return any(_fits(when, each.event) for each in contest.candidates)


def fingerprint(rules: Iterable[Rule]) -> str:
    """Return a hash of what rules say, equal wherever the same rules stand in the same order."""
    return hashed(canonical([_told(rule) for rule in rules])).hex()


def _outcome(contest: Contest, rule: Rule, strategies: Mapping[str, Strategy]) -> Any:
    strategy = strategies.get(rule.use)
    if strategy is None:
        return Asks(f"The strategy {rule.use} does not exist here. Install the package that brings it, or use another.")
    try:
        outcome = strategy.decide(contest, rule)
        if isinstance(outcome, Asks | Absent):
            return outcome
        # What another package returns becomes JSON here; null is how a patch says that there is nothing.
        return apply(ABSENT, msgspec.json.decode(canonical(outcome)))
    except Exception as error:  # noqa: BLE001  another package's fault costs an automatic decision, never a view
        return Asks(f"The strategy {rule.use} failed: {type(error).__name__}: {error}")


def _fits(when: Condition, event: Event) -> bool:
    if when.type and not matches(when.type, event.type):
        return False
    if when.origin and not matches(when.origin, node_of(event.origin)):
        return False
    return all(
        name in event.metadata and matches(pattern, _text(event.metadata[name]))
        for name, pattern in when.metadata.items()
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _told(rule: Rule) -> list[Any]:
    when = rule.when
    return [rule.use, [when.type, when.aggregate, when.field, when.origin, dict(when.metadata)], list(rule.prefer)]
