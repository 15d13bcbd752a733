"""Looking at conflicts: what rules settle, finding one, time travel, watching, back-tests, and looking only."""

from __future__ import annotations

import pytest

from engine.errors import EventRefused, NothingFound, ReadOnly
from engine.events.event import NewEvent
from engine.events.merging.queue import Choice, ConflictState, Take
from engine.events.merging.values import ABSENT, Path
from engine.settings.replication import Condition, Rule
from tests.engine.events.merging.nodes import Watch, at_odds, exchange, node, pull

LEFT = Choice(take=Take.CANDIDATE, candidate=0)
RIGHT = Choice(take=Take.CANDIDATE, candidate=1)
EMAIL: Path = ("email",)


async def test_rules_settle_what_they_can_and_write_nothing() -> None:
    rules = (
        Rule(name="mail needs a human", when=Condition(field="email"), use="ask_operator"),
        Rule(use="last_write_wins"),
    )
    berlin, lyon = node("berlin", rules), node("lyon", rules)
    for each in (berlin, lyon):
        await each.write({"email": each.name, "phone": each.name})
    await exchange(berlin, lyon)
    written = await berlin.log.bounds()
    (waiting,) = await berlin.conflicts.queue()
    assert (waiting.fields, waiting.automatic) == ((EMAIL,), 1)
    assert await berlin.value() == await lyon.value() == {"phone": "lyon"}
    assert await berlin.log.bounds() == written


async def test_what_rules_settle_alone_waits_for_nobody_and_can_be_looked_at() -> None:
    berlin, lyon = node("berlin", (Rule(use="first_write_wins"),)), node("lyon")
    await at_odds(berlin, lyon)
    assert await berlin.conflicts.count() == 0
    detail = await berlin.conflicts.show("user:ann")
    assert (detail.summary.state, detail.summary.settled_by) == (ConflictState.SETTLED, "rules")
    assert await lyon.conflicts.count() == 1, "rules are each node's own"


async def test_a_conflict_is_found_by_id_prefix_and_aggregate() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    for text in (conflict, conflict[:4], "user:ann"):
        assert (await berlin.conflicts.show(text)).summary.id == conflict
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    for text in (conflict, conflict[:4], "user:ann"):
        assert (await berlin.conflicts.show(text)).summary.state is ConflictState.SETTLED
    for text in ("nothing", "", "zzzz"):
        with pytest.raises(NothingFound, match="no conflict"):
            await berlin.conflicts.show(text)


async def test_a_settled_conflict_is_shown_as_its_resolver_saw_it() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    before = await berlin.conflicts.show(conflict)
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    await berlin.write({"email": "newer"})
    assert (await berlin.conflicts.show(conflict)).view == before.view


async def test_several_that_begin_alike_are_named() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for number in range(17):
        await at_odds(berlin, lyon, aggregate=f"user:{number}")
    firsts = [each.id[0] for each in await berlin.conflicts.queue()]
    twice = next(first for first in firsts if firsts.count(first) > 1)
    with pytest.raises(NothingFound, match=f"Several conflicts begin with {twice}"):
        await berlin.conflicts.show(twice)


async def test_state_is_shown_as_of_any_position() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    first = await berlin.write({"email": "a"})
    second = await berlin.write({"email": "b"})
    await lyon.write({"email": "c"})
    await exchange(berlin, lyon)
    assert (await berlin.conflicts.view("user:ann", until=first.position)).value == {"email": "a"}
    assert (await berlin.conflicts.view("user:ann", until=second.position)).value == {"email": "b"}
    assert len((await berlin.conflicts.view("user:ann")).open) == 1
    assert (await berlin.conflicts.view("user:nobody")).value is ABSENT


async def test_whoever_watches_is_told_whatever_happens_wherever() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await lyon.conflicts.count()
    watch = Watch(lyon)
    await at_odds(berlin, lyon)
    await lyon.conflicts.count()
    (opened,) = watch.told()
    conflict = await berlin.only()
    assert (opened.topic, opened.subject) == ("conflict.opened", conflict)
    for act, topic in (
        (berlin.conflicts.claim(conflict), "conflict.claimed"),
        (berlin.conflicts.release(conflict), "conflict.released"),
        (berlin.conflicts.resolve(conflict, {EMAIL: LEFT}), "conflict.settled"),
        (berlin.conflicts.undo(conflict), "conflict.reopened"),
    ):
        await act
        await pull(lyon, berlin)
        await lyon.conflicts.count()
        (notice,) = watch.told()
        assert (notice.topic, notice.subject) == (topic, conflict)
    await lyon.conflicts.count()
    assert watch.topics() == []


async def test_who_only_looks_changes_nothing() -> None:
    berlin, lyon = node("berlin"), node("lyon", read_only=True)
    await at_odds(berlin, lyon)
    conflict = await lyon.only()
    await lyon.conflicts.preview(conflict, {EMAIL: LEFT})
    for act in (
        lyon.conflicts.resolve(conflict, {EMAIL: LEFT}),
        lyon.conflicts.resolve_many([conflict], LEFT),
        lyon.conflicts.undo(conflict),
        lyon.conflicts.claim(conflict),
        lyon.conflicts.release(conflict),
    ):
        with pytest.raises(ReadOnly):
            await act


async def test_rules_are_tried_on_what_operators_decided_and_on_what_waits() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for name in ("user:ann", "user:bob", "user:cy", "user:dee"):
        await at_odds(berlin, lyon, aggregate=name)
    ids = {each.aggregate_id: each.id for each in await berlin.conflicts.queue()}
    await berlin.conflicts.resolve(ids["user:ann"], {EMAIL: RIGHT})
    await berlin.conflicts.resolve(ids["user:bob"], {EMAIL: LEFT})
    await berlin.conflicts.resolve(ids["user:cy"], {EMAIL: LEFT})
    await berlin.conflicts.undo(ids["user:cy"])
    written = await berlin.log.bounds()
    rules = (Rule(use="ask_operator", when=Condition(aggregate="user:dee")), Rule(use="last_write_wins"))
    found = await berlin.conflicts.back_test(rules)
    by_aggregate = {tried.aggregate_id: tried for tried in found.tried}
    assert len(found.tried) == 4
    assert (found.agree, found.differ, found.ask) == (1, 1, 1)
    assert by_aggregate["user:ann"].agrees is True
    assert (by_aggregate["user:bob"].chosen, by_aggregate["user:bob"].outcome) == ("lyon", "berlin")
    assert by_aggregate["user:cy"].agrees is None, "a decision that was taken back is no example"
    assert by_aggregate["user:dee"].asks
    assert await berlin.log.bounds() == written


async def test_what_a_decision_left_open_is_no_example_for_rules() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for each in (berlin, lyon):
        await each.write({"email": each.name, "phone": each.name})
    await exchange(berlin, lyon)
    await berlin.conflicts.resolve(await berlin.only(), {EMAIL: LEFT})
    found = await berlin.conflicts.back_test((Rule(use="first_write_wins"),))
    assert sorted((tried.path, tried.agrees) for tried in found.tried) == [(("email",), True), (("phone",), None)]


async def test_nobody_but_an_operator_writes_a_resolution() -> None:
    berlin = node("berlin")
    with pytest.raises(EventRefused, match="syncdeck conflicts"):
        await berlin.log.append([NewEvent(type="conflict.resolved", aggregate_id="user:ann", data={"email": "x"})])


async def test_only_what_changed_is_reckoned_again() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for number in range(5):
        await at_odds(berlin, lyon, aggregate=f"user:{number}")
    await berlin.conflicts.count()
    asked: list[str] = []

    class Counting:
        async def contested(self) -> object:
            return await berlin.log.contested()

        async def histories(self, aggregates: object) -> object:
            names = list(aggregates)  # type: ignore[call-overload]
            asked.extend(names)
            return await berlin.log.histories(names)

    berlin.conflicts._cases._histories = Counting()  # type: ignore[assignment]
    await berlin.conflicts.count()
    assert asked == []
    await berlin.write({"email": "decided"}, "user:3")
    await lyon.write({"phone": "1"}, "user:2")
    await exchange(berlin, lyon)
    assert await berlin.conflicts.count() == 4
    assert asked == ["user:2"]
