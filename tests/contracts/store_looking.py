"""What every store shows of its claims: the same to everybody, and as it is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from engine.coordination.promises import Feature
from engine.coordination.standing import Claim, Ending, SessionId, Token
from tests.contracts.store_case import Member, Suite, Waiting, give_up, granted, join, soon, stand, standing
from tests.contracts.store_sandbox import StoreSandbox

LOOKING = Suite()


@LOOKING.case(Feature.LOCK)
async def a_hold_is_shown_with_its_time(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    await member.take("held")
    found = await standing(other.store, "held")

    assert found.ttl == sandbox.long
    assert found.left is None or timedelta() < found.left <= sandbox.long
    assert found.holder is not None
    assert abs(found.holder.since - sandbox.clock.now()) < timedelta(minutes=1)


@LOOKING.case(Feature.LOCK)
async def waiters_are_shown_with_who_they_are_in_their_order(sandbox: StoreSandbox) -> None:
    holder, one, two = await join(sandbox), await join(sandbox), await join(sandbox)
    claim, _ = await holder.take("held")
    async with asyncio.TaskGroup() as group:
        line = [await stand(group, member, "held") for member in (one, two, one)]
        waiters = (await standing(two.store, "held")).waiters
        assert [waiter.who for waiter in waiters] == [one.who, two.who, one.who]
        assert all(abs(waiter.since - sandbox.clock.now()) < timedelta(minutes=1) for waiter in waiters)
        await holder.store.release(claim)
        for member, waiting in zip((one, two, one), line, strict=True):
            await granted(waiting)
            await member.store.release(waiting.claim)


@LOOKING.case(Feature.LOCK)
async def the_time_of_a_hold_begins_when_the_waiting_ends(sandbox: StoreSandbox) -> None:
    holder, waiter = await join(sandbox), await join(sandbox)
    claim, _ = await holder.take("held")
    async with asyncio.TaskGroup() as group:
        waiting = await stand(group, waiter, "held")
        await sandbox.clock.sleep(timedelta(milliseconds=300))
        before = sandbox.clock.now()
        await holder.store.release(claim)
        await granted(waiting)
    found = (await standing(holder.store, "held")).holder
    assert found is not None
    assert found.since >= before - timedelta(milliseconds=150)


@LOOKING.case(Feature.LOCK)
async def claims_are_listed_by_name_and_prefix(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    for name in ("lock/b", "lock/a", "lock/a/b", "election/a", "lock%", "lockx", "LOCK/a"):
        await member.take(name)

    async def listed(prefix: str) -> list[str]:
        return [claim.name for claim in await soon(other.store.claims(prefix)) if claim.holder is not None]

    assert await listed("lock/") == ["lock/a", "lock/a/b", "lock/b"]
    assert await listed("lock/a/") == ["lock/a/b"]
    assert await listed("lock%") == ["lock%"]
    assert await listed("loc_/") == []
    assert await listed("zzz") == []
    assert await listed("") == sorted(("lock/b", "lock/a", "lock/a/b", "election/a", "lock%", "lockx", "LOCK/a"))


@LOOKING.case(Feature.LOCK)
async def past_holds_tell_how_they_ended(sandbox: StoreSandbox) -> None:
    member, other = await join(sandbox), await join(sandbox)
    claim, first = await member.take("held")
    await member.store.release(claim)
    _, second = await other.take("held")
    await member.store.revoke("held", second)
    _, third = await other.take("held")
    await other.store.end(other.session)
    past = (await standing(member.store, "held")).past

    expected = [(third, Ending.LAPSED), (second, Ending.REVOKED), (first, Ending.RELEASED)]
    assert [(hold.token, hold.ending) for hold in past] == expected[: len(past)], (
        "newest first, as far as they are kept"
    )
    assert all(hold.since <= hold.until for hold in past)


class Model:
    """Queues as lists: whoever is first holds."""

    def __init__(self) -> None:
        self.queues: dict[str, list[Claim]] = {}

    def view(self) -> dict[str, tuple[SessionId, tuple[SessionId, ...]]]:
        return {
            name: (queue[0].session, tuple(claim.session for claim in queue[1:]))
            for name, queue in self.queues.items()
            if queue
        }


@LOOKING.case(Feature.LOCK)
async def what_is_shown_is_what_was_done(sandbox: StoreSandbox) -> None:
    """Eighty acts by chance, one after the other: after each, everybody sees the queues of the model."""
    chance, model = Random(4), Model()
    members = [await join(sandbox) for _ in range(3)]
    line: dict[Claim, tuple[Member, Waiting]] = {}
    newest: dict[str, Token] = {}

    async def check(watcher: Member) -> None:
        found = [claim for claim in await soon(watcher.store.claims()) if claim.holder is not None]
        seen = {
            claim.name: (claim.holder.session, tuple(waiter.session for waiter in claim.waiters))
            for claim in found
            if claim.holder is not None
        }
        assert seen == model.view()

    async with asyncio.TaskGroup() as group:
        for _ in range(80):
            member, name = chance.choice(members), chance.choice("abc")
            queue = model.queues.setdefault(name, [])
            act = chance.choice(("ask", "ask", "leave", "revoke"))
            if act == "ask":
                waiting = await stand(group, member, name)
                line[waiting.claim] = (member, waiting)
                queue.append(waiting.claim)
            elif queue and act == "leave":
                claim = queue.pop(chance.randrange(len(queue)))
                await give_up(*line.pop(claim))
            elif queue:
                holder, waiting = line.pop(queue.pop(0))
                assert await soon(holder.store.revoke(name, await granted(waiting)))
            if queue:
                token = await granted(line[queue[0]][1])
                assert token >= newest.get(name, 0)
                newest[name] = token
            await check(chance.choice(members))
        for member, waiting in line.values():
            await give_up(member, waiting)
    model.queues.clear()
    await check(members[0])
