"""Whoever looked at the log time and again is shown what one is shown who looks for the first time: what a node shows
is a function of the set of events, and neither of when they came nor of when somebody looked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import pytest

from engine.errors import NothingFound
from engine.events.event import Dot, Event, NewEvent, Position
from engine.events.log import Filter
from engine.events.merging.conflicts import Conflicts
from engine.events.merging.lookup import MOST_HISTORY
from engine.events.merging.ports import Histories
from engine.events.merging.queue import Choice, ConflictState, ConflictSummary, Take
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.values import Path
from engine.events.own import REDACTED
from engine.notices import Notices
from engine.settings.replication import Rule
from tests.engine.events.merging.nodes import Node, at_odds, exchange, node, pull

LEFT = Choice(take=Take.CANDIDATE, candidate=0)
RIGHT = Choice(take=Take.CANDIDATE, candidate=1)
EMAIL: Path = ("email",)
SETTLED = (ConflictState.SETTLED,)
EVERY_STATE = tuple(ConflictState)


def afresh(on: Node, histories: Histories | None = None) -> Conflicts:
    """Return a desk at a node at which nobody looked before."""
    return Conflicts(on.log, histories or on.log, on.conflicts.rules, STRATEGIES, Notices(), actor="eve@desk")


async def redact(on: Node, dot: Dot) -> None:
    await on.log.append([NewEvent(type=REDACTED, aggregate_id=f"event:{dot}", data={})], own=True)


async def shown(conflicts: Conflicts) -> Sequence[ConflictSummary]:
    return await conflicts.queue(states=EVERY_STATE)


async def test_a_decision_that_was_redacted_is_forgotten_also_where_it_was_seen_before() -> None:
    berlin, lyon, paris = node("berlin"), node("lyon"), node("paris")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    decision = (await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})).event
    await exchange(berlin, lyon)
    assert [each.id for each in await shown(lyon.conflicts)] == [conflict]
    await berlin.write({"email": "later"})
    await redact(berlin, decision.dot)
    await exchange(berlin, lyon)
    await pull(paris, berlin)

    assert await shown(paris.conflicts) == []
    assert await shown(lyon.conflicts) == await shown(berlin.conflicts) == []
    with pytest.raises(NothingFound, match="never had one that somebody settled"):
        await lyon.conflicts.show("user:ann")


async def test_who_is_at_a_conflict_is_forgotten_when_his_word_was_redacted() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    await berlin.conflicts.claim(conflict)
    (claim,) = await berlin.log.page(Position(0), 9, Filter(type="conflict.claimed"))
    await exchange(berlin, lyon)
    assert (await lyon.conflicts.queue())[0].claimed_by == "berlin@desk"
    await redact(lyon, claim.dot)

    assert (await lyon.conflicts.queue())[0].claimed_by == ""
    assert await shown(lyon.conflicts) == await shown(afresh(lyon))


async def test_a_conflict_whose_sides_got_other_names_is_asked_about_under_its_new_one() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    before = await berlin.only()
    await berlin.replica.begin_incarnation("restored", {berlin.replica.memory.own: 1})

    after = await berlin.only()
    assert after != before
    assert await shown(berlin.conflicts) == await shown(afresh(berlin))
    await berlin.conflicts.resolve(after, {EMAIL: LEFT})
    assert await berlin.conflicts.count() == 0


async def test_of_many_decisions_the_same_few_are_shown_in_whatever_order_they_came() -> None:
    berlin, lyon, paris = node("berlin"), node("lyon"), node("paris")
    for number in range(6):
        await at_odds(berlin, lyon, aggregate=f"user:{number}")
    for number, summary in enumerate(await berlin.conflicts.queue()):
        decider = (lyon, berlin)[number % 2]
        await berlin.write({"n": number}, "user:clock")
        await pull(lyon, berlin)
        await decider.conflicts.resolve(summary.id, {EMAIL: LEFT})
    await pull(paris, lyon)
    await pull(lyon, berlin)
    await pull(berlin, lyon)
    await pull(paris, berlin)

    few = [await each.conflicts.queue(states=SETTLED, limit=3) for each in (berlin, lyon, paris)]
    assert few[0] == few[1] == few[2]
    assert len(few[0]) == 3


async def test_a_limit_counts_what_is_asked_for_and_not_what_was_looked_at() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for number in range(4):
        await at_odds(berlin, lyon, aggregate=f"user:{number}")
    oldest, *rest = reversed(await berlin.conflicts.queue())
    await berlin.conflicts.claim(oldest.id)
    await berlin.write({"email": "by hand"}, oldest.aggregate_id)
    for summary in rest:
        await berlin.conflicts.resolve(summary.id, {EMAIL: LEFT})

    (moved_on,) = await berlin.conflicts.queue(states=(ConflictState.SUPERSEDED,), limit=1)
    assert moved_on.id == oldest.id


async def test_of_what_rules_settle_those_with_the_newest_sides_are_shown() -> None:
    rules = (Rule(use="last_write_wins"),)
    berlin, lyon = node("berlin", rules), node("lyon", rules)
    for number in range(4):
        await at_odds(berlin, lyon, aggregate=f"user:{number}")

    found = await berlin.conflicts.queue(states=SETTLED, limit=2)
    assert [each.aggregate_id for each in found] == ["user:3", "user:2"]
    (one,) = await berlin.conflicts.queue(states=SETTLED, aggregate="user:3", limit=1)
    assert one.aggregate_id == "user:3"


async def test_a_history_stands_in_the_same_order_on_every_node() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    for number in range(MOST_HISTORY):
        await lyon.write({"n": number})
        await berlin.write({"m": number})
    await exchange(berlin, lyon)

    here, there = [(await each.conflicts.show("user:ann")).history for each in (berlin, lyon)]
    assert [event.dot for event in here] == [event.dot for event in there]
    assert (here[-2].data, here[-1].data) == ({"n": MOST_HISTORY - 1}, {"m": MOST_HISTORY - 1})


async def test_back_tests_tell_the_same_in_the_same_order_on_every_node() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for name in ("user:cy", "user:ann"):
        await at_odds(berlin, lyon, aggregate=name)
    for each, choice in ((berlin, LEFT), (lyon, RIGHT)):
        for summary in await each.conflicts.queue():
            await each.conflicts.resolve(summary.id, {EMAIL: choice})
    await exchange(berlin, lyon)

    here, there = [(await each.conflicts.back_test(())).tried for each in (berlin, lyon)]
    told = [[(each.aggregate_id, each.conflict, each.chosen) for each in tried] for tried in (here, there)]
    assert told[0] == told[1]
    assert {each.aggregate_id for each in here[:3]} == {"user:ann"}, "two decisions, and what they left open"


async def test_whoever_reads_while_all_is_reckoned_again_is_shown_all_of_it() -> None:
    rules = (Rule(use="last_write_wins"),)
    berlin, lyon = node("berlin", rules), node("lyon", rules)
    await at_odds(berlin, lyon)
    slow = Slow(berlin)
    desk = afresh(berlin, slow)
    before = await desk.queue(states=SETTLED)
    event = await berlin.write({"note": "secret"}, "user:other")
    await redact(berlin, event.dot)
    slow.go_on.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.count())
        await slow.waits.wait()
        meanwhile = desk._cases.settled_by_rules()
        slow.go_on.set()

    assert meanwhile == before
    assert len(before) == 1


class Slow(Histories):
    """Histories of a node, handed out when the test says so."""

    def __init__(self, of: Node) -> None:
        self._log = of.log
        self.waits, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def contested(self) -> Sequence[str]:
        return await self._log.contested()

    async def histories(self, aggregates: Iterable[str]) -> Mapping[str, Sequence[Event]]:
        if not self.go_on.is_set():
            self.waits.set()
        await self.go_on.wait()
        return await self._log.histories(aggregates)
