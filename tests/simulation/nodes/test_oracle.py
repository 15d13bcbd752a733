"""The engine's merging and the oracle agree on any history: no dispute is missed, none made up, every value right."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from engine.events.event import Event, Origin, Position
from engine.events.merging.evaluate import evaluate
from engine.events.own import REOPENED, RESOLVED
from engine.events.vector import merge
from tests.simulation.nodes.oracle import reckon
from tests.simulation.nodes.watching import as_disputes, told

HISTORIES = int(os.environ.get("SYNCDECK_SEEDS", "600")) * 2
LEAVES = (1, 2, 1.0, True, "x", [1, {"a": None}])


def patch(chance: Random, depth: int = 0) -> Any:
    """Return a merge patch, at times one of the odd ones."""
    if depth == 0 and chance.random() < 0.15:
        return chance.choice((None, None, 1, "x", [1], {}))
    made: dict[str, Any] = {}
    for key in chance.sample("abc", chance.choice((1, 1, 2))):
        kind = chance.random()
        if depth < 2 and kind < 0.35:
            made[key] = patch(chance, depth + 1)
        else:
            made[key] = None if kind < 0.5 else {} if kind < 0.55 else chance.choice(LEAVES)
    return made


def history(chance: Random) -> list[Event]:
    """Return what a few nodes wrote about an aggregate, who heard of one another now and then."""
    nodes = [Origin(f"n{number}") for number in range(chance.choice((2, 3)))]
    known: dict[Origin, dict[Origin, int]] = {node: {} for node in nodes}
    events: list[Event] = []
    for place in range(1, chance.randrange(2, 10)):
        writer = chance.choice(nodes)
        if chance.random() < 0.5:
            known[writer] = merge(known[writer], known[chance.choice(nodes)])
        seen = [event for event in events if known[writer].get(event.origin, 0) >= event.seq]
        settled = [event for event in seen if event.type in (RESOLVED, REOPENED)]
        undoes = chance.choice(settled) if settled and chance.random() < 0.3 else None
        redacted = chance.random() < 0.03
        seq = known[writer].get(writer, 0) + 1
        events.append(
            Event(
                position=Position(place),
                id=str(place),
                type=REOPENED if undoes else RESOLVED if chance.random() < 0.15 else "user.changed",
                aggregate_id="user:1",
                data={} if undoes or redacted else patch(chance),
                metadata={"undoes": str(undoes.dot)} if undoes and not redacted else {},
                origin=writer,
                seq=seq,
                context={str(origin): newest for origin, newest in known[writer].items()},
                hlc=place,
                chain="",
                redacted=redacted,
            )
        )
        known[writer] = {**known[writer], writer: seq}
    return events


@pytest.mark.soak
@pytest.mark.timeout(60 + HISTORIES)
def test_the_engine_finds_exactly_the_disputes_that_there_are() -> None:
    disputed = 0
    for seed in range(HISTORIES):
        chance = Random(seed)
        events = history(chance)
        value, disputes = reckon(events)
        made = evaluate(chance.sample(events, len(events)))

        assert as_disputes(made.contests) == disputes, f"seed {seed}"
        assert told(made.value) == told(value), f"seed {seed}"
        disputed += bool(disputes)
    assert HISTORIES // 5 < disputed < HISTORIES
