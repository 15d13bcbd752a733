"""The queue of conflicts, and what operators do with it on one node and on several."""

from __future__ import annotations

import pytest

from engine.errors import EventRefused, NothingFound, ReadOnly, VersionConflict
from engine.events.event import NewEvent
from engine.events.merging.queue import Choice, Choices, ConflictState, Take
from engine.events.merging.values import ABSENT, Path
from engine.settings.replication import Condition, Rule
from tests.engine.events.merging.nodes import Node, Watch, at_odds, exchange, node, pull

LEFT = Choice(take=Take.CANDIDATE, candidate=0)
RIGHT = Choice(take=Take.CANDIDATE, candidate=1)
EMAIL: Path = ("email",)
PHONE: Path = ("phone",)
EVERY_STATE = tuple(ConflictState)


async def sides(on: Node, conflict: str) -> list[tuple[object, ...]]:
    """Return what a conflict is about, without what each node numbers in its own way."""
    detail = await on.conflicts.show(conflict)
    contests = [verdict.contest for verdict in detail.view.verdicts]
    return [(each.path, each.base, [(one.event.dot, one.value) for one in each.candidates]) for each in contests]


async def test_a_concurrent_edit_waits_on_every_node_under_the_same_name() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    (here,), (there,) = await berlin.conflicts.queue(), await lyon.conflicts.queue()
    assert here == there
    assert here.state is ConflictState.OPEN
    assert here.fields == (EMAIL,)
    assert {origin.partition("~")[0] for origin in here.origins} == {"berlin", "lyon"}
    assert await berlin.conflicts.count() == 1
    assert await berlin.value() == {"email": "old", "name": "Ann"}, "the base shows until somebody decides"


async def test_a_decision_settles_it_on_every_node() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    detail = await berlin.conflicts.show(conflict)
    (verdict,) = detail.view.open
    values = [candidate.value for candidate in verdict.contest.candidates]
    resolved = await berlin.conflicts.resolve(conflict, {EMAIL: RIGHT}, comment="asked her")
    assert resolved.event.metadata["comment"] == "asked her"
    assert resolved.event.metadata["conflict"] == conflict
    assert sorted(resolved.event.metadata["settles"]) == sorted(
        str(each.event.dot) for each in verdict.contest.candidates
    )
    await exchange(berlin, lyon)
    for each in (berlin, lyon):
        assert await each.conflicts.count() == 0
        assert await each.value() == {"email": values[1], "name": "Ann"}
        (over,) = await each.conflicts.queue(states=EVERY_STATE)
        assert over.state is ConflictState.SETTLED
        assert (over.id, over.fields, over.settled_by) == (conflict, (EMAIL,), "berlin@desk")
        assert over.resolution == resolved.event.dot
        assert over.reviewed


async def test_what_is_previewed_is_what_becomes() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    for choice in (
        LEFT,
        Choice(take=Take.REMOVE),
        Choice(take=Take.VALUE, value={"work": "a@x"}),
        Choice(take=Take.BASE),
    ):
        preview = await berlin.conflicts.preview(conflict, {EMAIL: choice})
        assert preview.before == {"email": "old", "name": "Ann"}
        await berlin.conflicts.resolve(conflict, {EMAIL: choice})
        assert await berlin.value() == preview.after
        await berlin.conflicts.undo(conflict)
        assert await berlin.only() == conflict


async def test_the_second_of_two_operators_on_a_node_is_told_who_was_first() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    with pytest.raises(VersionConflict, match="settled by berlin@desk"):
        await berlin.conflicts.resolve(conflict, {EMAIL: RIGHT})


async def test_two_operators_on_two_nodes_converge_and_see_it() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    await lyon.conflicts.resolve(conflict, {EMAIL: RIGHT})
    await exchange(berlin, lyon)
    (again,), (there,) = await berlin.conflicts.queue(), await lyon.conflicts.queue()
    assert again == there
    assert again.id != conflict
    assert not again.reviewed
    (before,) = await berlin.conflicts.queue(states=(ConflictState.SUPERSEDED,))
    assert (before.id, before.reviewed) == (conflict, False)
    await berlin.conflicts.resolve(again.id, {EMAIL: Choice(take=Take.VALUE, value="agreed")})
    await exchange(berlin, lyon)
    assert await lyon.value() == {"email": "agreed", "name": "Ann"}
    assert all(each.reviewed for each in await lyon.conflicts.queue(states=(ConflictState.SETTLED,)))


async def test_two_operators_who_decide_alike_agree() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    await lyon.conflicts.resolve(conflict, {EMAIL: LEFT})
    await exchange(berlin, lyon)
    assert await berlin.conflicts.count() == 0
    (over,) = await lyon.conflicts.queue(states=EVERY_STATE)
    assert (over.state, over.reviewed) == (ConflictState.SETTLED, True)


async def test_decided_twice_and_settled_by_a_rule_is_still_to_be_looked_at() -> None:
    newest = (Rule(use="last_write_wins", when=Condition(type="conflict.resolved")),)
    berlin, lyon = node("berlin", newest), node("lyon", newest)
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    await lyon.conflicts.resolve(conflict, {EMAIL: RIGHT})
    await exchange(berlin, lyon)
    assert await berlin.conflicts.count() == 0
    found = {str(each.id): each for each in await berlin.conflicts.queue(states=(ConflictState.SETTLED,))}
    assert not found[conflict].reviewed


async def test_undo_brings_back_exactly_what_was() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    before = await berlin.conflicts.show(await berlin.only())
    told = await sides(berlin, before.summary.id)
    await berlin.conflicts.resolve(before.summary.id, {EMAIL: LEFT})
    await berlin.write({"phone": "1"})
    event = await berlin.conflicts.undo(before.summary.id)
    assert event.type == "conflict.reopened"
    await exchange(berlin, lyon)
    for each in (berlin, lyon):
        after = await each.conflicts.show(before.summary.id)
        assert after.summary == before.summary
        assert await sides(each, before.summary.id) == told
        assert await each.value() == {"email": "old", "name": "Ann", "phone": "1"}


async def test_undo_is_refused_where_it_would_bring_nothing_back() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    with pytest.raises(NothingFound, match="none to undo"):
        await berlin.conflicts.undo(conflict)
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    await berlin.write({"email": "newer"})
    with pytest.raises(VersionConflict, match="was changed since"):
        await berlin.conflicts.undo(conflict)
    assert await berlin.value() == {"email": "newer", "name": "Ann"}


async def test_what_nobody_decided_about_stays_open() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for each in (berlin, lyon):
        await each.write({"email": each.name, "phone": each.name})
    await exchange(berlin, lyon)
    conflict = await berlin.only()
    preview = await berlin.conflicts.preview(conflict, {EMAIL: LEFT})
    assert preview.undecided == (("phone",),)
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    (left,) = await berlin.conflicts.queue()
    assert left.fields == (("phone",),)
    await berlin.conflicts.undo(left.id)
    (whole,) = await berlin.conflicts.queue()
    assert whole.fields == (EMAIL, ("phone",))


async def test_a_conflict_whose_sides_moved_on_is_another_one() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    await berlin.conflicts.claim(conflict)
    await berlin.write({"email": "decided by an application that knows both"})
    with pytest.raises(VersionConflict, match="moved on"):
        await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    (over,) = await berlin.conflicts.queue(states=EVERY_STATE)
    assert (over.id, over.state) == (conflict, ConflictState.SUPERSEDED)


async def test_an_unrelated_event_in_between_does_not_hinder_a_decision() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()

    async def hasty(step: str) -> None:
        if step == "append":
            berlin.replica.pause = quietly
            await berlin.write({"phone": "1"})

    quietly, berlin.replica.pause = berlin.replica.pause, hasty
    await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    assert await berlin.conflicts.count() == 0
    assert (await berlin.value())["phone"] == "1"


async def test_a_claim_is_seen_on_every_node_and_keeps_nobody_out() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    await berlin.conflicts.claim(conflict)
    await exchange(berlin, lyon)
    (seen,) = await lyon.conflicts.queue()
    assert (seen.state, seen.claimed_by) == (ConflictState.CLAIMED, "berlin@desk")
    await lyon.conflicts.release(conflict)
    with pytest.raises(EventRefused, match="Nobody has claimed"):
        await lyon.conflicts.release(conflict)
    await exchange(berlin, lyon)
    (free,) = await berlin.conflicts.queue()
    assert (free.state, free.claimed_by) == (ConflictState.OPEN, "")
    await berlin.conflicts.claim(conflict)
    await exchange(berlin, lyon)
    await lyon.conflicts.resolve(conflict, {EMAIL: LEFT})
    assert await lyon.conflicts.count() == 0


async def test_the_queue_is_narrowed_by_field_aggregate_and_state() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for name, field in (("user:ann", "email"), ("user:bob", "phone"), ("team:eng", "email")):
        await at_odds(berlin, lyon, aggregate=name, field=field)
    queue = berlin.conflicts.queue
    assert [each.aggregate_id for each in await queue()] == ["team:eng", "user:bob", "user:ann"], "newest first"
    assert [each.aggregate_id for each in await queue(aggregate="user:*")] == ["user:bob", "user:ann"]
    assert [each.aggregate_id for each in await queue(field="e?ail")] == ["team:eng", "user:ann"]
    assert await queue(states=(ConflictState.SETTLED,)) == []
    assert len(await queue(limit=2)) == 2


async def test_many_are_decided_alike_or_none_is() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for name in ("user:ann", "user:bob", "user:cy"):
        await at_odds(berlin, lyon, aggregate=name)
    ids = [each.id for each in await berlin.conflicts.queue()]
    previews = await berlin.conflicts.preview_many(ids, LEFT, field="email")
    assert len(previews) == 3
    assert await berlin.conflicts.preview_many(ids, LEFT, field="phone") == []
    await berlin.conflicts.resolve(ids[0], {EMAIL: RIGHT})
    with pytest.raises(VersionConflict, match=ids[0]):
        await berlin.conflicts.resolve_many(ids, LEFT)
    assert await berlin.conflicts.count() == 2
    resolved = await berlin.conflicts.resolve_many(ids[1:], LEFT, comment="all of them")
    assert [each.preview.conflict for each in resolved] == ids[1:]
    assert await berlin.conflicts.count() == 0


async def test_a_choice_that_fits_only_some_is_made_for_those() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    for each, number in ((berlin, 1), (lyon, 2)):
        await each.write({"tags": [each.name], "level": number})
    await exchange(berlin, lyon)
    (preview,) = await berlin.conflicts.preview_many([await berlin.only()], Choice(take=Take.BOTH))
    assert preview.undecided == (("level",),)
    assert sorted(preview.after["tags"]) == ["berlin", "lyon"]


async def test_a_choice_that_makes_no_sense_is_refused_in_words() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()
    refused: list[tuple[Choices, str]] = [
        ({PHONE: LEFT}, "phone is not contested; contested: email"),
        ({EMAIL: Choice(take=Take.CANDIDATE, candidate=2)}, "has 2 sides"),
        ({EMAIL: Choice(take=Take.VALUE, value=None)}, "null removes"),
        ({}, "Nothing was decided"),
    ]
    for choices, words in refused:
        with pytest.raises(EventRefused, match=words):
            await berlin.conflicts.resolve(conflict, choices)
    assert await berlin.conflicts.count() == 1


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
