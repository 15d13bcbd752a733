"""What every store promises of sessions: one lease for everything that a process holds."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.coordination.promises import Feature
from engine.errors import NotSupported, SessionLost
from tests.contracts.store_case import Suite, granted, join, lapse_within, soon, stand, standing, until
from tests.contracts.store_sandbox import StoreSandbox

SESSIONS = Suite()


@SESSIONS.case(Feature.LOCK)
async def a_session_stands_with_whoever_began_it(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    (found,) = [each for each in await soon(other.store.sessions()) if each.id == member.session]

    assert (found.who, found.ttl) == (member.who, sandbox.long)
    assert found.left is None or timedelta() < found.left <= found.ttl
    assert abs(found.since - sandbox.clock.now()) < timedelta(minutes=1)


@SESSIONS.case(Feature.LOCK)
async def sessions_are_listed_by_id(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    members = [await join(sandbox, store=store) for _ in range(5)]
    listed = [each.id for each in await soon(store.sessions())]

    assert listed == sorted(listed)
    assert {member.session for member in members} == set(listed)


@SESSIONS.case(Feature.LOCK)
async def a_session_that_is_not_renewed_lapses_after_its_ttl_and_not_before(sandbox: StoreSandbox) -> None:
    watcher = await join(sandbox)
    begun = sandbox.clock.monotonic()
    member = await join(sandbox, ttl=sandbox.ttl)

    async def gone() -> bool:
        return member.session not in {each.id for each in await watcher.store.sessions()}

    await until(gone, lapse_within(sandbox) + 1)
    assert sandbox.clock.monotonic() - begun >= sandbox.ttl.total_seconds() * 0.99


@SESSIONS.case(Feature.LOCK)
async def a_session_that_is_renewed_lives_on(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox, ttl=sandbox.ttl), await join(sandbox)
    _, token = await member.take("held")
    end = sandbox.clock.monotonic() + lapse_within(sandbox) * 1.5
    while sandbox.clock.monotonic() < end:
        await sandbox.clock.sleep(sandbox.ttl / 3)
        assert await soon(member.store.renew(member.session)) == {("held", token)}

    holder = (await standing(other.store, "held")).holder
    assert holder is not None
    assert holder.token == token


@SESSIONS.case(Feature.LOCK)
async def renewing_says_what_the_session_holds_and_nothing_else(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    assert await soon(member.store.renew(member.session)) == frozenset()
    first, first_token = await member.take("a")
    _, second_token = await member.take("b")
    await other.take("c")
    assert await soon(member.store.renew(member.session)) == {("a", first_token), ("b", second_token)}
    await member.store.release(first)
    assert await soon(member.store.renew(member.session)) == {("b", second_token)}


@SESSIONS.case(Feature.LOCK)
async def waiting_is_not_holding(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    await other.take("held")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, member, "held")
        assert await soon(member.store.renew(member.session)) == frozenset()
        await other.store.end(other.session)
        token = await granted(waiting)
    assert await soon(member.store.renew(member.session)) == {("held", token)}


@SESSIONS.case(Feature.LOCK)
async def renewing_what_has_lapsed_says_that_it_is_lost(sandbox: StoreSandbox) -> None:
    watcher, member = await join(sandbox), await join(sandbox, ttl=sandbox.ttl)

    async def gone() -> bool:
        return member.session not in {each.id for each in await watcher.store.sessions()}

    await until(gone, lapse_within(sandbox) + 1)
    with pytest.raises(SessionLost):
        await soon(member.store.renew(member.session))


@SESSIONS.case(Feature.LOCK)
async def an_ended_session_is_over_at_once(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    await soon(member.store.end(member.session))

    assert member.session not in {each.id for each in await soon(other.store.sessions())}
    with pytest.raises(SessionLost):
        await soon(member.store.renew(member.session))


@SESSIONS.case(Feature.LOCK)
async def ending_a_session_again_is_harmless(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    _, token = await other.take("held")
    await soon(member.store.end(member.session))
    await soon(member.store.end(member.session))

    assert await soon(other.store.renew(other.session)) == {("held", token)}


@SESSIONS.case(Feature.LOCK)
async def anybody_may_end_a_session(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    await member.take("held")
    await soon(other.store.end(member.session))

    with pytest.raises(SessionLost):
        await soon(member.store.renew(member.session))
    await other.take("held")


@SESSIONS.case(Feature.LOCK)
async def a_session_that_is_over_claims_nothing(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    await soon(member.store.end(member.session))
    for wait in (True, False):
        with pytest.raises(SessionLost):
            await soon(member.store.claim(member.ask("free"), wait=wait))
    assert (await standing(member.store, "free")).holder is None


@SESSIONS.case(Feature.LOCK)
async def two_sessions_of_one_process_are_strangers(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    one, other = await join(sandbox, store=store), await join(sandbox, store=store)
    assert one.session != other.session
    await one.take("held")

    assert await soon(store.claim(other.ask("held"), wait=False)) is None
    await soon(store.end(other.session))
    assert len(await soon(store.renew(one.session))) == 1


@SESSIONS.case(Feature.LOCK)
async def a_ttl_that_is_too_short_is_refused_by_name(sandbox: StoreSandbox) -> None:
    member = await join(sandbox)
    for ttl in (sandbox.promises.shortest_ttl - timedelta(milliseconds=1), timedelta(), timedelta(seconds=-1)):
        with pytest.raises(NotSupported, match="ttl"):
            await soon(member.store.begin(member.who, ttl, lambda name, token: None))
    assert len(await soon(member.store.sessions())) == 1


@SESSIONS.case(Feature.LOCK)
async def closing_a_store_ends_no_session(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    begun = sandbox.clock.monotonic()
    ending = await join(sandbox, ttl=sandbox.ttl)
    await ending.take("held")
    await soon(ending.store.end(ending.session))
    await sandbox.kill(ending.store)
    await sandbox.kill(member.store)

    assert sandbox.clock.monotonic() - begun < 10
    await other.take("held")
