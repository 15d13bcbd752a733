"""What an election promises, whatever backend it stands on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import cast

import pytest

from engine.coordination.promises import Feature
from engine.coordination.standing import Ending, Holder
from engine.errors import LeaseLost, Locked
from tests.contracts.lock import TOLD_OF_ITS_END, brisk, losing, node
from tests.contracts.store_case import Suite, join, lapse_within, soon, until
from tests.contracts.store_sandbox import StoreSandbox
from tests.doubles.coordinated import Process

ELECTION = Suite()

Observed = AsyncGenerator[Holder | None, None]


@asynccontextmanager
async def observing(of: Process, group: str = "cron") -> AsyncIterator[Observed]:
    async with aclosing(cast("Observed", of.coordination.election(group).observe())) as leaders:
        yield leaders


async def lead(of: Process, leading: asyncio.Event, done: asyncio.Event, value: str = "") -> int:
    """Lead until told to resign; return the token."""
    async with of.coordination.election("cron").lead(value) as leadership:
        leading.set()
        await done.wait()
        return leadership.token


async def leader(of: Process, group: str = "cron") -> str:
    """Return the node that leads; empty if none does."""
    holder = await soon(of.coordination.election(group).leader())
    return holder.who.node if holder is not None else ""


async def seen(leaders: Observed, name: str, within: float = 20) -> None:
    """Return when an observer sees this node lead; an empty name: nobody."""
    async with asyncio.timeout(within):
        while True:
            holder = await anext(leaders)
            if (holder.who.node if holder is not None else "") == name:
                return


@ELECTION.case(Feature.ELECTION)
async def whoever_leads_is_seen_by_all(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        assert await leader(b) == ""
        async with a.coordination.election("cron").lead("http://a") as leadership:
            holder = await soon(b.coordination.election("cron").leader())
            assert holder is not None
            assert (holder.who.node, holder.value, holder.token) == ("a", b"http://a", leadership.token)
        assert await leader(b) == ""


@ELECTION.case(Feature.ELECTION)
async def one_leads_and_the_others_follow_in_their_order(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, node(sandbox, "c") as c:
        leading = [asyncio.Event() for _ in range(3)]
        done = [asyncio.Event() for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            tasks = []
            for place, candidate in enumerate((a, b, c)):
                tasks.append(group.create_task(lead(candidate, leading[place], done[place])))

                async def standing(count: int = place) -> bool:
                    found = [each for each in await a.coordination.leaders() if each.group == "cron"]
                    return bool(found) and found[0].claim.holder is not None and len(found[0].claim.waiters) == count

                await until(standing)
            for place, name in enumerate("abc"):
                await soon(leading[place].wait())
                assert [event.is_set() for event in leading].count(True) == place + 1
                assert await leader(a) == name
                done[place].set()
            tokens = [await task for task in tasks]
        assert tokens == sorted(set(tokens))


@ELECTION.case(Feature.ELECTION)
async def groups_have_nothing_to_do_with_one_another(sandbox: StoreSandbox) -> None:
    async with (
        node(sandbox, "a") as a,
        node(sandbox, "b") as b,
        a.coordination.election("cron").lead(),
        b.coordination.election("cron/b").lead(),
    ):
        async with b.coordination.lock("cron", wait=timedelta()):
            assert (await leader(b, "cron"), await leader(b, "cron/b")) == ("a", "b")
        with pytest.raises(Locked):
            async with b.coordination.election("cron").lead(wait=timedelta()):
                pass


@ELECTION.case(Feature.ELECTION, Feature.WATCH)
async def an_observer_sees_who_leads_now_and_every_change(sandbox: StoreSandbox) -> None:
    async with (
        node(sandbox, "a") as a,
        node(sandbox, "b") as b,
        node(sandbox, "c") as c,
        observing(c) as first,
        asyncio.TaskGroup() as group,
    ):
        assert await soon(anext(first)) is None
        leading, done, later, over = (asyncio.Event() for _ in range(4))
        group.create_task(lead(a, leading, done))
        await seen(first, "a")
        async with observing(b) as second:
            await seen(second, "a")
            done.set()
            await seen(first, "")
            group.create_task(lead(b, later, over))
            await seen(first, "b")
            await seen(second, "b")
            over.set()
            await seen(first, "")
            await seen(second, "")


@ELECTION.case(Feature.ELECTION, Feature.WATCH)
async def an_observer_sees_another_value(sandbox: StoreSandbox) -> None:
    async with (
        node(sandbox, "a") as a,
        node(sandbox, "b") as b,
        a.coordination.election("cron").lead("one") as leadership,
        observing(b) as leaders,
    ):
        await seen(leaders, "a")
        await leadership.proclaim("two")
        async with asyncio.timeout(20):
            while (holder := await anext(leaders)) is None or holder.value != b"two":
                pass
        assert leadership.held


@ELECTION.case(Feature.ELECTION, Feature.WATCH)
async def a_leader_that_died_is_seen_to_be_gone(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "b") as b, observing(b) as leaders:
        assert await soon(anext(leaders)) is None
        dying = await join(sandbox, ttl=sandbox.ttl)
        await dying.take("election/cron")
        await seen(leaders, dying.who.node)
        await sandbox.kill(dying.store)
        await seen(leaders, "", 2 * lapse_within(sandbox) + 1)


@ELECTION.case(Feature.ELECTION)
async def a_leader_that_is_made_to_resign_is_stopped_and_the_next_leads(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", brisk(sandbox)) as a, node(sandbox, "b") as b, asyncio.TaskGroup() as group:
        leading, done = asyncio.Event(), asyncio.Event()
        with losing() as told:
            async with a.coordination.election("cron").lead() as leadership:
                group.create_task(lead(b, leading, done))

                async def standing() -> bool:
                    return any(each.claim.waiters for each in await b.coordination.leaders())

                await until(standing)
                forced = group.create_task(b.coordination.resign("cron", leadership.token, reason="maintenance"))
                await asyncio.Event().wait()
        assert await soon(forced)
        assert told.value.reason == "revoked"
        await soon(leading.wait())
        assert not await soon(a.coordination.resign("cron", leadership.token, reason="again"))
        assert await leader(a) == "b"
        done.set()
        ((event, aggregate, data),) = b.events
        assert (event, aggregate, data["reason"]) == ("election.resigned", "coordination:election/cron", "maintenance")
        assert a.events == []


@ELECTION.case(Feature.ELECTION)
async def a_leader_whose_session_is_ended_is_stopped(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", brisk(sandbox)) as a, node(sandbox, "b") as b, asyncio.TaskGroup() as group:
        with losing() as told:
            async with a.coordination.election("cron").lead():
                (session,) = a.coordination.sessions.own
                group.create_task(b.coordination.end_session(session, reason="drill"))
                await asyncio.Event().wait()
        assert await leader(b) == ""
        assert told.value.reason in TOLD_OF_ITS_END


@ELECTION.case(Feature.ELECTION)
async def whoever_resigned_can_be_elected_again(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        tokens = []
        for _ in range(3):
            async with a.coordination.election("cron").lead() as leadership:
                tokens.append(leadership.token)
        assert tokens == sorted(set(tokens))


@ELECTION.case(Feature.ELECTION)
async def a_leader_that_lost_proclaims_nothing(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        with losing():
            async with a.coordination.election("cron").lead(cancel_on_loss=False) as leadership:
                await b.coordination.resign("cron", leadership.token, reason="drill")
                async with b.coordination.election("cron").lead("mine"):
                    with pytest.raises(LeaseLost):
                        await soon(leadership.proclaim("late"))
                    holder = await soon(a.coordination.election("cron").leader())
                    assert holder is not None
                    assert holder.value == b"mine"


@ELECTION.case(Feature.ELECTION, Feature.KEYS)
async def the_history_tells_who_led_from_when_to_when(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b", brisk(sandbox)) as b, node(sandbox, "c") as c:
        async with a.coordination.election("cron").lead("first") as first:
            (term,) = await soon(c.coordination.election("cron").terms())
            assert (term.token, term.who.node, term.until, term.value) == (first.token, "a", None, "first")
        with losing():
            async with b.coordination.election("cron").lead(cancel_on_loss=False) as second:
                await a.coordination.resign("cron", second.token, reason="drill")
        async with a.coordination.election("cron").lead() as third:
            terms = await soon(c.coordination.election("cron").terms())

        assert [term.token for term in terms] == [third.token, second.token, first.token]
        assert [term.who.node for term in terms] == ["a", "b", "a"]
        assert terms[0].until is None
        assert terms[1].ending in {Ending.REVOKED, Ending.LAPSED}, "how it ended is known where past holds are kept"
        assert terms[2].ending is Ending.RELEASED
        assert all(term.until is not None and term.since <= term.until for term in terms[1:])


@ELECTION.case(Feature.ELECTION, Feature.KEYS)
async def the_history_keeps_the_last_twenty(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        tokens = []
        for _ in range(23):
            async with a.coordination.election("cron").lead() as leadership:
                tokens.append(leadership.token)
        terms = await soon(a.coordination.election("cron").terms())
        assert [term.token for term in terms] == tokens[:2:-1]
        assert all(term.ending is Ending.RELEASED for term in terms)


@ELECTION.case(Feature.ELECTION, Feature.KEYS, Feature.LIST)
async def all_groups_are_shown_with_their_past(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with a.coordination.election("over").lead():
            pass
        async with a.coordination.election("cron").lead("here"):
            shown = {each.group: each for each in await soon(b.coordination.leaders())}
        assert set(shown) == {"cron", "over"}
        holder = shown["cron"].claim.holder
        assert shown["cron"].claim.name == "cron"
        assert holder is not None
        assert (holder.who.node, holder.value) == ("a", b"here")
        assert (shown["over"].claim.holder, len(shown["over"].terms)) == (None, 1)
