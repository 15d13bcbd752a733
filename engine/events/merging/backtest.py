"""What a set of rules would have done: tried on what operators decided, and on what waits for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.events.event import Event
from engine.events.merging.causality import tie
from engine.events.merging.evaluate import conflict_id, evaluate
from engine.events.merging.past import decided_by
from engine.events.merging.patches import same
from engine.events.merging.queue import BackTest, ConflictId, Tried
from engine.events.merging.resolutions import undone
from engine.events.merging.rules import judge
from engine.events.merging.strategy import Strategy
from engine.events.merging.values import ABSENT, Contest
from engine.events.own import RESOLVED
from engine.settings.replication import Rule


def back_test(
    histories: Iterable[Sequence[Event]], rules: Sequence[Rule], strategies: Mapping[str, Strategy]
) -> BackTest:
    """Try rules on aggregates' histories: on each decision that stands, as its operator saw it, and on what is open."""
    tried: list[Tried] = []
    for history in histories:
        tried += _past(history, rules, strategies)
        tried += _open(history, rules, strategies)
    return BackTest(tried=tuple(tried))


def _past(history: Sequence[Event], rules: Sequence[Rule], strategies: Mapping[str, Strategy]) -> Iterator[Tried]:
    gone = undone(history)
    for event in sorted(history, key=tie):
        if event.type != RESOLVED or event.redacted or event.dot in gone:
            continue
        decided = decided_by(history, event)
        identity = ConflictId(str(event.metadata.get("conflict", "")))
        for each in decided:
            verdict = judge(each.contest, rules, strategies)
            yield Tried(
                conflict=identity,
                aggregate_id=event.aggregate_id,
                path=each.contest.path,
                rule=verdict.rule,
                position=verdict.position,
                chosen=each.chosen,
                outcome=verdict.value,
                asks=not verdict.settled,
                agrees=same(verdict.value, each.chosen) if verdict.settled else None,
            )


def _open(history: Sequence[Event], rules: Sequence[Rule], strategies: Mapping[str, Strategy]) -> Iterator[Tried]:
    contests: tuple[Contest, ...] = evaluate(history).contests
    if not contests:
        return
    aggregate = history[0].aggregate_id
    identity = ConflictId(conflict_id(aggregate, contests))
    for contest in contests:
        verdict = judge(contest, rules, strategies)
        yield Tried(
            conflict=identity,
            aggregate_id=aggregate,
            path=contest.path,
            rule=verdict.rule,
            position=verdict.position,
            chosen=ABSENT,
            outcome=verdict.value,
            asks=not verdict.settled,
            agrees=None,
        )
