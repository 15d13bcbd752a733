"""The contract of every endpoint: what reading, looking up and writing must do at a target in good health.

Each case is a function of a sandbox. `tests/contracts/test_endpoints.py` runs all of them for every row of the
registry; whoever writes an endpoint elsewhere runs them on a sandbox of his own.
"""

from __future__ import annotations

from engine.reconcile.plan import Action
from engine.reconcile.ports import Found, Miss, Result
from tests.contracts.case import (
    add,
    additions,
    case,
    held,
    looked_up,
    read,
    removals,
    rename,
    results,
    updates,
    write,
)
from tests.contracts.sandbox import Circumstance, Member, Sandbox

ANN, BOB, CARL, DORA = (f"{name}@acme.example" for name in ("ann", "bob", "carl", "dora"))
APOSTROPHE = "o'brien@acme.example"
MIXED = "Eve.Adams@Acme.example"
UMLAUT = "jörg.müßig@acme.example"


def people(*spellings: str) -> list[Member]:
    return [Member(spelling) for spelling in spellings]


@case()
async def everything_that_is_there_is_read(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB, CARL))
    async with sandbox.open() as endpoint:
        assert sorted((await read(endpoint)).spellings) == [ANN, BOB, CARL]


@case(Circumstance.ATTRIBUTES)
async def attributes_are_read_with_their_member(sandbox: Sandbox) -> None:
    one, two = sandbox.attributes[:2]
    await sandbox.fill([Member(ANN, {one: "a", two: "b"}), Member(BOB, {one: "c", two: "d"})])
    async with sandbox.open() as endpoint:
        members = (await read(endpoint)).members
    assert {key: (values[one], values[two]) for key, values in members.items()} == {ANN: ("a", "b"), BOB: ("c", "d")}


@case()
async def what_was_added_is_held_and_read(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN))
    await sandbox.know([BOB, CARL])
    async with sandbox.open() as endpoint:
        assert await add(endpoint, people(BOB, CARL)) == [Result.DONE, Result.DONE]
        assert sorted((await read(endpoint)).spellings) == [ANN, BOB, CARL]
    assert await held(sandbox) == [ANN, BOB, CARL]


@case(Circumstance.ATTRIBUTES)
async def what_was_added_has_its_attributes(sandbox: Sandbox) -> None:
    one, two = sandbox.attributes[:2]
    await sandbox.fill(people(ANN))
    await sandbox.know([BOB])
    async with sandbox.open() as endpoint:
        assert await add(endpoint, [Member(BOB, {one: "Bob", two: "dev"})]) == [Result.DONE]
    (bob,) = [member for member in await sandbox.held() if member.spelling == BOB]
    assert (bob.attributes.get(one), bob.attributes.get(two)) == ("Bob", "dev")


@case()
async def what_was_removed_is_gone_and_nobody_else(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB, CARL))
    async with sandbox.open() as endpoint:
        reading = await read(endpoint)
        assert results(await write(endpoint, removals(reading, [BOB]))) == [Result.DONE]
        assert sorted((await read(endpoint)).spellings) == [ANN, CARL]
    assert await held(sandbox) == [ANN, CARL]


@case(Circumstance.ATTRIBUTES)
async def an_update_changes_the_named_attributes_alone(sandbox: Sandbox) -> None:
    one, two = sandbox.attributes[:2]
    await sandbox.fill([Member(ANN, {one: "a", two: "b"}), Member(BOB, {one: "c", two: "d"})])
    async with sandbox.open() as endpoint:
        changes = updates(await read(endpoint), [Member(BOB, {one: "new"})])
        assert results(await write(endpoint, changes)) == [Result.DONE]
    after = {member.spelling: (member.attributes[one], member.attributes[two]) for member in await sandbox.held()}
    assert after == {ANN: ("a", "b"), BOB: ("new", "d")}


@case(Circumstance.ATTRIBUTES)
async def an_update_of_somebody_who_left_adds_nobody(sandbox: Sandbox) -> None:
    one = sandbox.attributes[0]
    await sandbox.fill([Member(ANN, {one: "a"}), Member(BOB, {one: "b"})])
    async with sandbox.open() as endpoint:
        changes = updates(await read(endpoint), [Member(BOB, {one: "new"})])
        await sandbox.take(BOB)
        (outcome,) = await write(endpoint, changes)
    assert outcome.result is Result.REFUSED
    assert outcome.reason
    assert await held(sandbox) == [ANN]


@case(Circumstance.ATTRIBUTES, Circumstance.COMPARISON)
async def a_member_changed_meanwhile_is_left_alone(sandbox: Sandbox) -> None:
    one, two = sandbox.attributes[:2]
    await sandbox.fill([Member(ANN, {one: "a", two: "b"}), Member(BOB, {one: "c", two: "d"})])
    async with sandbox.open() as endpoint:
        reading = await read(endpoint)
        await sandbox.fill([Member(ANN, {one: "a", two: "b"}), Member(BOB, {one: "theirs", two: "d"})])
        for changes in (updates(reading, [Member(BOB, {one: "new"})]), removals(reading, [BOB])):
            (outcome,) = await write(endpoint, changes)
            assert outcome.result is Result.REFUSED
            assert "'theirs'" in outcome.reason
        unaware = updates(reading, [Member(BOB, {two: "new"})])
        assert results(await write(endpoint, unaware)) == [Result.DONE]
    after = {member.spelling: (member.attributes[one], member.attributes[two]) for member in await sandbox.held()}
    assert after == {ANN: ("a", "b"), BOB: ("theirs", "new")}


@case(Circumstance.RENAMES)
async def a_rename_keeps_the_member_and_its_attributes(sandbox: Sandbox) -> None:
    await sandbox.fill([Member(ANN), Member(BOB, dict.fromkeys(sandbox.attributes, "kept"))])
    async with sandbox.open() as endpoint:
        assert Action.RENAME in endpoint.limits.actions
        change = rename(await read(endpoint), BOB, DORA)
        assert results(await write(endpoint, [change])) == [Result.DONE]
        assert results(await write(endpoint, [change])) == [Result.ALREADY]
    after = {member.spelling: dict(member.attributes) for member in await sandbox.held()}
    assert sorted(after) == [ANN, DORA]
    assert after[DORA] == dict.fromkeys(sandbox.attributes, "kept")


@case()
async def adding_twice_is_already_so(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN))
    await sandbox.know([BOB])
    async with sandbox.open() as endpoint:
        changes = await additions(endpoint, people(BOB))
        assert results(await write(endpoint, changes)) == [Result.DONE]
        assert results(await write(endpoint, changes)) == [Result.ALREADY]
    assert await held(sandbox) == [ANN, BOB]


@case()
async def removing_twice_is_already_so(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB))
    async with sandbox.open() as endpoint:
        changes = removals(await read(endpoint), [BOB])
        assert results(await write(endpoint, changes)) == [Result.DONE]
        assert results(await write(endpoint, changes)) == [Result.ALREADY]
    assert await held(sandbox) == [ANN]


@case()
async def outcomes_stand_in_the_order_of_the_changes(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, CARL))
    await sandbox.know([BOB, DORA])
    async with sandbox.open() as endpoint:
        adding = await add(endpoint, people(ANN, BOB, CARL, DORA))
        assert adding == [Result.ALREADY, Result.DONE, Result.ALREADY, Result.DONE]
        reading = await read(endpoint)
        assert results(await write(endpoint, removals(reading, [CARL]))) == [Result.DONE]
        removing = results(await write(endpoint, removals(reading, [DORA, CARL, BOB])))
        assert removing == [Result.DONE, Result.ALREADY, Result.DONE]
    assert await held(sandbox) == [ANN]


@case()
async def a_member_with_an_apostrophe_comes_and_goes(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN))
    await sandbox.know([APOSTROPHE])
    async with sandbox.open() as endpoint:
        assert await add(endpoint, people(APOSTROPHE)) == [Result.DONE]
        reading = await read(endpoint)
        assert sorted(reading.spellings) == [ANN, APOSTROPHE]
        assert results(await write(endpoint, removals(reading, [APOSTROPHE]))) == [Result.DONE]
    assert await held(sandbox) == [ANN]


@case()
async def a_removal_is_spelled_as_the_target_spells_it(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, MIXED))
    async with sandbox.open() as endpoint:
        reading = await read(endpoint)
        assert sorted(reading.spellings) == sorted([ANN, MIXED])
        assert results(await write(endpoint, removals(reading, [MIXED]))) == [Result.DONE]
    assert await held(sandbox) == [ANN]


@case(Circumstance.UNICODE)
async def letters_beyond_ascii_are_kept(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN))
    await sandbox.know([UMLAUT])
    async with sandbox.open() as endpoint:
        assert await add(endpoint, people(UMLAUT)) == [Result.DONE]
        reading = await read(endpoint)
        assert sorted(reading.spellings) == sorted([ANN, UMLAUT])
        assert results(await write(endpoint, removals(reading, [UMLAUT]))) == [Result.DONE]
    assert await held(sandbox) == [ANN]


@case(Circumstance.EMPTY)
async def an_empty_target_is_read_filled_and_emptied(sandbox: Sandbox) -> None:
    await sandbox.fill([])
    await sandbox.know([ANN])
    async with sandbox.open() as endpoint:
        assert (await read(endpoint)).spellings == []
        assert await add(endpoint, people(ANN)) == [Result.DONE]
        reading = await read(endpoint)
        assert results(await write(endpoint, removals(reading, [ANN]))) == [Result.DONE]
        assert (await read(endpoint)).spellings == []
    assert await held(sandbox) == []


@case()
async def every_page_is_read(sandbox: Sandbox) -> None:
    everybody = [f"p{number:06}@acme.example" for number in range(sandbox.several_pages)]
    await sandbox.fill(people(*everybody))
    async with sandbox.open() as endpoint:
        assert sorted((await read(endpoint)).spellings) == everybody


@case()
async def ten_thousand_members_come_and_go(sandbox: Sandbox) -> None:
    everybody = [f"p{number:06}@acme.example" for number in range(sandbox.many)]
    await sandbox.fill(people(ANN))
    await sandbox.know(everybody)
    async with sandbox.open() as endpoint:
        assert set(await add(endpoint, people(*everybody))) == {Result.DONE}
        reading = await read(endpoint)
        assert sorted(reading.spellings) == [ANN, *everybody]
        assert set(results(await write(endpoint, removals(reading, everybody)))) == {Result.DONE}
    assert await held(sandbox) == [ANN]


@case()
async def looking_up_answers_exactly_what_was_asked(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN))
    await sandbox.know([BOB, APOSTROPHE])
    async with sandbox.open() as endpoint:
        answer = await looked_up(endpoint, [APOSTROPHE, ANN, BOB])
        assert all(isinstance(found, Found) for found in answer.values())
        assert await looked_up(endpoint, []) == {}


@case(Circumstance.UNKNOWN_IDENTITY)
async def somebody_unknown_is_a_miss_and_the_others_are_found(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN))
    await sandbox.know([BOB, CARL])
    async with sandbox.open() as endpoint:
        answer = await looked_up(endpoint, [BOB, "nobody@acme.example", CARL])
        missed = answer["nobody@acme.example"]
        assert isinstance(missed, Miss)
        assert missed.reason
        assert await add(endpoint, people(BOB)) == [Result.DONE]
        assert sorted((await read(endpoint)).spellings) == [ANN, BOB]
        assert await add(endpoint, people(CARL)) == [Result.DONE]
    assert await held(sandbox) == [ANN, BOB, CARL]


@case(Circumstance.CARRIED)
async def members_without_a_key_are_listed_and_stay(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB))
    await sandbox.carry()
    await sandbox.know([CARL])
    before = sorted(await sandbox.carried())
    assert len(before) >= 2
    async with sandbox.open() as endpoint:
        reading = await read(endpoint)
        assert len(reading.carried) == len(before)
        assert all(carried.label and carried.kind for carried in reading.carried)
        assert sorted(reading.spellings) == [ANN, BOB]
        assert await add(endpoint, people(CARL)) == [Result.DONE]
        assert results(await write(endpoint, removals(reading, [ANN]))) == [Result.DONE]
        assert len((await read(endpoint)).carried) == len(before)
    assert sorted(await sandbox.carried()) == before
    assert await held(sandbox) == [BOB, CARL]


@case(Circumstance.FOREIGN_FIELDS)
async def what_the_sync_does_not_map_stays_as_it_is(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB))
    await sandbox.know([CARL])
    before = await sandbox.foreign()
    assert before
    async with sandbox.open() as endpoint:
        reading = await read(endpoint)
        assert await add(endpoint, people(CARL)) == [Result.DONE]
        assert results(await write(endpoint, removals(reading, [BOB]))) == [Result.DONE]
        if sandbox.attributes:
            changes = updates(await read(endpoint), [Member(ANN, {sandbox.attributes[0]: "new"})])
            assert results(await write(endpoint, changes)) == [Result.DONE]
    assert await sandbox.foreign() == before


@case()
async def what_others_change_between_read_and_write_is_kept(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN, BOB))
    await sandbox.know([CARL, DORA])
    async with sandbox.open() as endpoint:
        changes = await additions(endpoint, people(CARL))
        await read(endpoint)
        await sandbox.put(Member(DORA))
        await sandbox.take(BOB)
        assert results(await write(endpoint, changes)) == [Result.DONE]
        assert sorted((await read(endpoint)).spellings) == [ANN, CARL, DORA]
    assert await held(sandbox) == [ANN, CARL, DORA]


@case()
async def a_second_endpoint_sees_what_the_first_wrote(sandbox: Sandbox) -> None:
    await sandbox.fill(people(ANN))
    await sandbox.know([BOB, CARL])
    async with sandbox.open() as first, sandbox.open() as second:
        await read(first)
        await read(second)
        assert await add(first, people(BOB)) == [Result.DONE]
        assert await add(second, people(BOB, CARL)) == [Result.ALREADY, Result.DONE]
        assert sorted((await read(first)).spellings) == [ANN, BOB, CARL]
    assert await held(sandbox) == [ANN, BOB, CARL]
