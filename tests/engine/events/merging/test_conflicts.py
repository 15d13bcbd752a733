"""The queue of conflicts, and what operators do with it on one node and on several."""

from __future__ import annotations

import pytest

from engine.errors import EventRefused, NothingFound, VersionConflict
from engine.events.merging.queue import Choice, Choices, ConflictState, Take
from engine.events.merging.values import Path
from engine.settings.replication import Condition, Rule
from tests.engine.events.merging.nodes import Node, at_odds, exchange, node

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


async def test_a_decision_that_comes_too_late_by_a_hair_is_refused() -> None:
    berlin, lyon = node("berlin"), node("lyon")
    await at_odds(berlin, lyon)
    conflict = await berlin.only()

    async def hasty(step: str) -> None:
        if step == "append":
            berlin.replica.pause = quietly
            await berlin.write({"email": "decided by an application that knows both"})

    quietly, berlin.replica.pause = berlin.replica.pause, hasty
    with pytest.raises(VersionConflict, match="moved on"):
        await berlin.conflicts.resolve(conflict, {EMAIL: LEFT})
    assert (await berlin.value())["email"].startswith("decided by an application")


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
