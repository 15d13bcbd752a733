"""What every store promises of claims: a queue for each name, tokens that rise, grants handed from one to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from engine.coordination.promises import Feature
from engine.coordination.standing import Claim, SessionId, Token
from engine.errors import SessionLost
from tests.contracts.store_case import Member, Suite, give_up, granted, join, lapse_within, soon, stand, standing
from tests.contracts.store_sandbox import StoreSandbox

CLAIMS = Suite()

ODD_NAMES = (
    "a", "A", "a/b", "a-b", "a.b", "a b", "a:b", "a%2Fb", "a%", "a_", "a*", "a>", "a?", "a[b]", "a\\b", "a'b", 'a"b',
    "a#b", "a{b}", "a+b", "a=b", "ä", "a\u0308", "名前", "😀", "/a", "a/", "a//b", "..", "a..b", " a", "a ", "$a", "~a",
)  # fmt: skip
"""Each is another name than all others, whatever a backend thinks of separators, wild cards and encodings."""


@CLAIMS.case(Feature.LOCK)
async def a_free_name_is_granted_at_once(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    claim, token = await member.take("free", b"why")
    found = await standing(member.store, "free")

    assert token > 0
    assert found.holder is not None
    assert (found.holder.session, found.holder.who) == (member.session, member.who)
    assert (found.holder.token, found.holder.value, found.waiters) == (token, b"why", ())
    assert await soon(member.store.release(claim))


@CLAIMS.case(Feature.LOCK)
async def names_are_told_apart_whatever_they_are_made_of(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    taken = {name: (await member.take(f"lock/{name}"))[1] for name in ODD_NAMES}

    assert len(set(taken.values())) == len(ODD_NAMES)
    listed = {claim.name: claim.holder.token for claim in await soon(other.store.claims("lock/")) if claim.holder}
    assert listed == {f"lock/{name}": token for name, token in taken.items()}
    assert await soon(member.store.renew(member.session)) == set(listed.items())


@CLAIMS.case(Feature.LOCK)
async def a_name_may_be_as_long_as_promised(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    longest = "lock/" + "ü" * 125 + "x"
    await member.take(longest)

    assert await soon(other.store.claim(other.ask(longest), wait=False)) is None
    assert await soon(other.store.claim(other.ask(longest[:-1]), wait=False)) is not None


@CLAIMS.case(Feature.LOCK)
async def whoever_does_not_wait_leaves_no_place(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    claim, _ = await member.take("held")

    assert await soon(other.store.claim(other.ask("held"), wait=False)) is None
    assert (await standing(member.store, "held")).waiters == ()
    assert await soon(member.store.release(claim))
    assert (await standing(member.store, "held")).holder is None


@CLAIMS.case(Feature.LOCK)
async def whoever_does_not_wait_gets_what_is_free(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    assert await soon(member.store.claim(member.ask("free"), wait=False)) is not None


@CLAIMS.case(Feature.LOCK)
async def a_release_hands_over_to_the_first_in_line(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    claim, token = await member.take("held")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, other, "held")
        assert not waiting.call.done()
        assert await soon(member.store.release(claim))
        assert await granted(waiting) > token
    found = await standing(member.store, "held")
    assert found.holder is not None
    assert (found.holder.session, found.waiters) == (other.session, ())


@CLAIMS.case(Feature.LOCK)
async def eight_waiters_are_served_in_the_order_in_which_they_asked(sandbox: StoreSandbox) -> None:
    members = [await join(sandbox) for _ in range(4)]
    holder = await join(sandbox)
    claim, last = await holder.take("held")
    served: list[int] = []
    async with asyncio.TaskGroup() as group:
        line = [(members[turn % 4], await stand(group, members[turn % 4], "held")) for turn in range(8)]
        found = await standing(holder.store, "held")
        assert [waiter.session for waiter in found.waiters] == [member.session for member, _ in line]
        assert await soon(holder.store.release(claim))
        for turn, (member, waiting) in enumerate(line):
            token = await granted(waiting)
            assert token > last
            assert [call.call.done() for _, call in line].count(True) == turn + 1, "one release wakes one"
            served.append(turn)
            last = token
            assert await soon(member.store.release(waiting.claim))
    assert served == list(range(8))
    assert (await standing(holder.store, "held")).holder is None


@CLAIMS.case(Feature.LOCK)
async def nobody_comes_in_between_a_release_and_the_next_in_line(sandbox: StoreSandbox) -> None:
    member, other, third = await join(sandbox), await join(sandbox), await join(sandbox)
    claim, _ = await member.take("held")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, other, "held")
        release = group.create_task(member.store.release(claim))
        barging = [await soon(third.store.claim(third.ask("held"), wait=False)) for _ in range(20)]
        assert barging == [None] * 20
        assert await soon(release)
        await granted(waiting)


@CLAIMS.case(Feature.LOCK)
async def whoever_gives_up_leaves_no_place(sandbox: StoreSandbox) -> None:
    member, other, third = await join(sandbox), await join(sandbox), await join(sandbox)
    claim, _ = await member.take("held")
    async with asyncio.TaskGroup() as group:
        waiting, behind = await stand(group, other, "held"), await stand(group, third, "held")
        assert not await give_up(other, waiting)
        assert [waiter.session for waiter in (await standing(member.store, "held")).waiters] == [third.session]
        await member.store.release(claim)
        await granted(behind)


@CLAIMS.case(Feature.LOCK)
async def a_grant_that_crossed_the_giving_up_is_handed_on(sandbox: StoreSandbox) -> None:
    member, other, third = await join(sandbox), await join(sandbox), await join(sandbox)
    claim, _ = await member.take("held")
    async with asyncio.TaskGroup() as group:
        waiting, behind = await stand(group, other, "held"), await stand(group, third, "held")
        waiting.call.cancel()
        await member.store.release(claim)
        assert (await standing(member.store, "held")).holder is not None, "it was granted to who is not there any more"
        assert await soon(other.store.release(waiting.claim)), "who releases learns that it was held"
        await granted(behind)


@CLAIMS.case(Feature.LOCK)
async def a_claim_that_was_cancelled_under_way_leaves_nothing_once_it_is_released(sandbox: StoreSandbox) -> None:
    """Cancelled at any moment of its request: the release comes after it, whichever way the two take."""
    member, other = await join(sandbox), await join(sandbox)
    claim, _ = await member.take("held")
    for round_ in range(60):
        cancelled = other.ask("held")
        with suppress(TimeoutError):
            await soon(other.store.claim(cancelled), 0.0002 * (round_ % 20))
        assert not await soon(other.store.release(cancelled))
    assert (await standing(member.store, "held")).waiters == ()
    await member.store.release(claim)
    for round_ in range(60):
        cancelled = other.ask("held")
        with suppress(TimeoutError):
            await soon(other.store.claim(cancelled, wait=round_ % 2 == 0), 0.0002 * (round_ % 20))
        await soon(other.store.release(cancelled))
    assert (await standing(member.store, "held")).holder is None


async def _released(_: StoreSandbox, member: Member, claim: Claim, token: Token) -> None:
    assert await soon(member.store.release(claim))


async def _revoked(_: StoreSandbox, member: Member, claim: Claim, token: Token) -> None:
    assert await soon(member.store.revoke(claim.name, token))


async def _ended(_: StoreSandbox, member: Member, claim: Claim, token: Token) -> None:
    await soon(member.store.end(member.session))


async def _lapsed(sandbox: StoreSandbox, member: Member, claim: Claim, token: Token) -> None:
    await sandbox.kill(member.store)


@CLAIMS.case(Feature.LOCK)
async def tokens_rise_however_a_hold_ends(sandbox: StoreSandbox) -> None:
    endings: list[Callable[[StoreSandbox, Member, Claim, Token], Awaitable[None]]] = [
        _released, _revoked, _ended, _lapsed, _released, _released,
    ]  # fmt: skip
    tokens: list[Token] = []
    for ending in endings:
        member = await join(sandbox, ttl=sandbox.ttl if ending is _lapsed else None)
        claim = member.ask("held")
        token = await soon(member.store.claim(claim), 20 + lapse_within(sandbox))
        assert token is not None
        tokens.append(token)
        await ending(sandbox, member, claim, token)
    assert tokens == sorted(set(tokens))


@CLAIMS.case(Feature.LOCK)
async def a_claim_that_comes_again_finds_its_grant(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    claim, token = await member.take("held")
    for wait in (True, False):
        assert await soon(member.store.claim(claim, wait=wait)) == token
    assert await soon(member.store.release(claim))
    assert (await standing(other.store, "held")).holder is None


@CLAIMS.case(Feature.LOCK)
async def a_claim_that_comes_again_finds_its_place(sandbox: StoreSandbox) -> None:
    member, other, third = await join(sandbox), await join(sandbox), await join(sandbox)
    held, _ = await member.take("held")
    async with asyncio.TaskGroup() as group:
        first = await stand(group, other, "held")
        behind = await stand(group, third, "held")
        first.call.cancel()
        await asyncio.wait([first.call])
        again = group.create_task(other.store.claim(first.claim))
        await member.store.release(held)
        assert await soon(again) is not None
        found = await standing(member.store, "held")
        assert found.holder is not None
        assert found.holder.session == other.session
        assert [waiter.session for waiter in found.waiters] == [third.session]
        await other.store.release(first.claim)
        await granted(behind)


@CLAIMS.case(Feature.LOCK)
async def the_holder_who_asks_once_more_waits_for_himself(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    claim, token = await member.take("held")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, member, "held")
        assert [waiter.session for waiter in (await standing(member.store, "held")).waiters] == [member.session]
        await member.store.release(claim)
        assert await granted(waiting) > token


@CLAIMS.case(Feature.LOCK)
async def releasing_what_is_over_is_false_and_frees_nobody(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    claim, token = await member.take("held")
    assert await soon(member.store.revoke("held", token))
    _, successor = await other.take("held")

    assert not await soon(member.store.release(claim))
    assert not await soon(member.store.release(claim))
    assert not await soon(member.store.release(Claim(other.session, "held", "never-made")))
    assert not await soon(member.store.release(Claim(SessionId("nobody"), "held", "n0")))
    found = (await standing(member.store, "held")).holder
    assert found is not None
    assert (found.session, found.token) == (other.session, successor)


@CLAIMS.case(Feature.LOCK)
async def releasing_twice_is_false_the_second_time(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    claim, _ = await member.take("held")
    assert await soon(member.store.release(claim))
    assert not await soon(member.store.release(claim))


@CLAIMS.case(Feature.LOCK)
async def revoking_serves_the_next_and_tells_the_holder(sandbox: StoreSandbox) -> None:
    member, other, operator = await join(sandbox), await join(sandbox), await join(sandbox)
    _, token = await member.take("held")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, other, "held")
        assert await soon(operator.store.revoke("held", token))
        assert await granted(waiting) > token
    assert await soon(member.store.renew(member.session)) == frozenset(), "the session lives on without it"
    assert set(member.told) <= {("held", token)}
    assert other.told == []


@CLAIMS.case(Feature.LOCK)
async def revoking_with_an_old_token_does_nothing(sandbox: StoreSandbox) -> None:
    member, operator = await join(sandbox), await join(sandbox)
    first, old = await member.take("held")
    assert await soon(member.store.release(first))
    assert not await soon(operator.store.revoke("held", old))
    _, token = await member.take("held")
    for wrong in (old, Token(token + 1), Token(0)):
        assert not await soon(operator.store.revoke("held", wrong))
    assert not await soon(operator.store.revoke("never held", token))
    assert await soon(member.store.renew(member.session)) == {("held", token)}
    assert member.told == []


@CLAIMS.case(Feature.LOCK)
async def ending_a_session_serves_all_who_wait_for_what_it_held(sandbox: StoreSandbox) -> None:
    member, other, third = await join(sandbox), await join(sandbox), await join(sandbox)
    await member.take("a")
    await member.take("b")
    async with asyncio.TaskGroup() as group:
        line = [await stand(group, other, "a"), await stand(group, third, "b")]
        await soon(member.store.end(member.session))
        for waiting in line:
            await granted(waiting)


@CLAIMS.case(Feature.LOCK)
async def a_session_that_ends_leaves_its_places_too(sandbox: StoreSandbox) -> None:
    holder, leaving, third = await join(sandbox), await join(sandbox), await join(sandbox)
    claim, _ = await holder.take("held")
    async with asyncio.TaskGroup() as group:
        gone = await stand(group, leaving, "held")
        behind = await stand(group, third, "held")
        await soon(leaving.store.end(leaving.session))
        with pytest.raises(SessionLost):
            await granted(gone)
        await holder.store.release(claim)
        await granted(behind)


@CLAIMS.case(Feature.LOCK)
async def what_a_session_held_never_goes_to_its_own_next_place(sandbox: StoreSandbox) -> None:
    leaving, other = await join(sandbox), await join(sandbox)
    _, token = await leaving.take("held")
    async with asyncio.TaskGroup() as group:
        own = await stand(group, leaving, "held")
        behind = await stand(group, other, "held")
        await soon(leaving.store.end(leaving.session))
        assert await granted(behind) > token
        with pytest.raises(SessionLost):
            await granted(own)


@CLAIMS.case(Feature.LOCK)
async def a_holder_that_died_is_followed_by_the_next_in_line(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox, ttl=sandbox.ttl), await join(sandbox)
    _, token = await member.take("held")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, other, "held")
        await sandbox.kill(member.store)
        assert await granted(waiting, lapse_within(sandbox) + 1) > token


@CLAIMS.case(Feature.LOCK)
async def a_waiter_that_died_is_passed_over(sandbox: StoreSandbox) -> None:
    holder, dying, third = await join(sandbox), await join(sandbox, ttl=sandbox.ttl), await join(sandbox)
    claim, _ = await holder.take("held")
    async with asyncio.TaskGroup() as group:
        dead = await stand(group, dying, "held")
        behind = await stand(group, third, "held")
        dead.call.cancel()
        await asyncio.wait([dead.call])
        await sandbox.kill(dying.store)
        await soon(holder.store.release(claim))
        await granted(behind, 2 * lapse_within(sandbox) + 1)


@CLAIMS.case(Feature.LOCK)
async def a_holder_may_proclaim_something_else(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    claim, token = await member.take("held", b"before")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, other, "held")
        assert await soon(member.store.proclaim(claim, b"\x00after"))
        assert not await soon(other.store.proclaim(waiting.claim, b"mine")), "a waiter proclaims nothing"
        holder = (await standing(other.store, "held")).holder
        assert holder is not None
        assert (holder.value, holder.token) == (b"\x00after", token)
        await member.store.release(claim)
        assert not await soon(member.store.proclaim(claim, b"late"))
        await granted(waiting)
    holder = (await standing(other.store, "held")).holder
    assert holder is not None
    assert holder.value == b""


@CLAIMS.case(Feature.LOCK)
async def a_hundred_names_can_be_held_at_once(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    tokens = [(await member.take(f"lock/{number:03}"))[1] for number in range(100)]

    assert len(await soon(member.store.renew(member.session))) == 100
    assert len(set(tokens)) == 100


@CLAIMS.case(Feature.LOCK)
async def a_hundred_may_fight_over_one_name(sandbox: StoreSandbox) -> None:
    members = [await join(sandbox) for _ in range(4)]
    inside = 0
    tokens: list[Token] = []

    async def fight(member: Member) -> None:
        nonlocal inside
        for _ in range(5):
            claim = member.ask("held")
            token = await member.store.claim(claim)
            assert token is not None
            inside += 1
            assert inside == 1, "two hold the same name"
            tokens.append(token)
            await asyncio.sleep(0)
            inside -= 1
            assert await member.store.release(claim)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for turn in range(20):
            group.create_task(fight(members[turn % 4]))
    assert tokens == sorted(set(tokens))
    assert len(tokens) == 100
    assert [member.told for member in members] == [[]] * 4, "who gave it back was told that it had been taken away"
