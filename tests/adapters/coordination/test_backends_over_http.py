"""etcd and Consul when requests and answers get lost, when many wait, and after hundreds of claims were given up."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.coordination.http_line import Request
from engine.coordination.standing import Claim, Kind
from engine.errors import CoordinationUnavailable, SessionLost
from tests.adapters.coordination.over_http import BOTH, connections_to, counted
from tests.contracts.coordination_sandboxes.consul import OnConsul
from tests.contracts.coordination_sandboxes.etcd import OnEtcd
from tests.contracts.store_case import granted, join, soon, stand, standing, until
from tests.servers.switch_proxy import Line

Sandbox = type[OnEtcd] | type[OnConsul]

WAITERS = 24
MOST_REQUESTS = 4
"""For one hand-over."""


@BOTH
async def test_a_claim_whose_answer_was_lost_finds_its_token_again(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        member = await join(sandbox)
        claim = member.ask("a name")
        with sandbox.switch.turned(Line.ANSWERS_LOST), pytest.raises(CoordinationUnavailable) as told:
            await soon(member.store.claim(claim))
        assert told.value.maybe_done
        held = (await standing(member.store, "a name")).holder
        assert held is not None
        assert await soon(member.store.claim(claim)) == held.token
        assert await soon(member.store.release(claim))


@BOTH
async def test_a_write_whose_answer_was_lost_is_said_to_be_possibly_done(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        store = await sandbox.open()
        with sandbox.switch.turned(Line.ANSWERS_LOST), pytest.raises(CoordinationUnavailable) as told:
            await soon(store.put("key", b"1"))
        assert told.value.maybe_done
        found = await soon(store.get("key"))
        assert found is not None
        assert found.value == b"1"


@BOTH
async def test_an_expiring_write_whose_answer_was_lost_takes_nothing_away(
    sandbox_type: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was done: the key has its new value until its time is over, not none."""
    requests = counted(monkeypatch)
    async with sandbox_type(tmp_path) as sandbox:
        store = await sandbox.open()
        await soon(store.put("key", b"old"))

        def lose_the_answer(request: Request) -> None:
            if request.writes and request.target.endswith("/txn"):
                sandbox.switch.turn(Line.ANSWERS_LOST)

        requests.before = lose_the_answer
        with pytest.raises(CoordinationUnavailable) as told:
            await soon(store.put("key", b"new", expires=timedelta(minutes=5)))
        assert told.value.maybe_done
        sandbox.switch.turn(Line.THROUGH)
        found = await soon(store.get("key"))
        assert found is not None
        assert found.value == b"new"


@BOTH
async def test_a_read_that_is_not_answered_has_done_nothing(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        store = await sandbox.open()
        with sandbox.switch.turned(Line.BLACKHOLE), pytest.raises(CoordinationUnavailable, match="within 1 s") as told:
            await soon(store.get("key"))
        assert not told.value.maybe_done


@BOTH
async def test_a_request_that_could_not_be_sent_has_done_nothing(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        store = await sandbox.open()
        with sandbox.unreachable(), pytest.raises(CoordinationUnavailable, match=r"coordination\.url") as told:
            await soon(store.put("key", b"1"))
        assert not told.value.maybe_done


@BOTH
async def test_who_waits_keeps_the_place_when_the_server_is_killed(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox, asyncio.TaskGroup() as group:
        holder, first, second = [await join(sandbox) for _ in range(3)]
        claim, token = await holder.take("a name")
        waiting = [await stand(group, member, "a name") for member in (first, second)]
        before = (await standing(holder.store, "a name")).waiters
        await sandbox.restart()
        for each in waiting:
            assert isinstance(await soon(each.call), CoordinationUnavailable), "the line broke, and that is said"
        assert (await standing(holder.store, "a name")).waiters == before
        later, sooner = (
            group.create_task(member.store.claim(each.claim))
            for member, each in ((second, waiting[1]), (first, waiting[0]))
        )
        await soon(holder.store.release(claim))
        second_token = await soon(sooner)
        await soon(first.store.release(waiting[0].claim))
        third_token = await soon(later)
        assert second_token is not None
        assert third_token is not None
        assert token < second_token < third_token


@BOTH
async def test_a_claim_that_was_given_up_takes_no_place_however_late_it_arrives(
    sandbox_type: Sandbox, tmp_path: Path
) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        member, other = await join(sandbox), await join(sandbox)
        claim = member.ask("a name")
        sandbox.switch.turn(Line.FROZEN)
        with pytest.raises(CoordinationUnavailable) as told:
            await soon(member.store.claim(claim))
        assert told.value.maybe_done
        sandbox.switch.turn(Line.THROUGH)
        await soon(member.store.release(claim))
        held, _ = await other.take("a name")
        assert not (await standing(other.store, "a name")).waiters
        await soon(other.store.release(held))
        assert not await soon(other.store.claims())


@BOTH
async def test_a_session_that_ends_while_it_waits_tells_the_waiter_at_once(
    sandbox_type: Sandbox, tmp_path: Path
) -> None:
    async with sandbox_type(tmp_path) as sandbox, asyncio.TaskGroup() as group:
        holder, waiter = await join(sandbox), await join(sandbox)
        await holder.take("a name")
        waiting = await stand(group, waiter, "a name")
        await soon(holder.store.end(waiter.session))
        assert isinstance(await soon(waiting.call), SessionLost)


@BOTH
async def test_a_hand_over_costs_few_requests_however_many_wait(
    sandbox_type: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = counted(monkeypatch)
    async with sandbox_type(tmp_path) as sandbox, asyncio.TaskGroup() as group:
        members = [await join(sandbox) for _ in range(4)]
        claim, _ = await members[0].take("a name")
        line = [(members[0], claim)]
        calls = []
        for number in range(WAITERS):
            member = members[number % len(members)]
            waiting = await stand(group, member, "a name")
            line.append((member, waiting.claim))
            calls.append(waiting)
        before = len(requests)
        for (member, held), waiting in zip(line, calls, strict=False):
            await soon(member.store.release(held))
            await granted(waiting)
        assert len(requests) - before <= MOST_REQUESTS * WAITERS, requests.sent[before:]


@BOTH
async def test_hundreds_of_claims_that_are_given_up_leave_nothing(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        holder, member = await join(sandbox), await join(sandbox)
        claim, _ = await holder.take("a name")
        before = connections_to(sandbox.switch.port)
        async with asyncio.TaskGroup() as group:
            for number in range(300):
                given_up = member.ask("a name")
                waiting = group.create_task(member.store.claim(given_up))
                for _ in range(number % 20):
                    await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
                await soon(member.store.release(given_up))
        assert not (await standing(holder.store, "a name")).waiters
        assert await soon(holder.store.release(claim))
        assert not await soon(holder.store.claims())
        assert len(await soon(holder.store.sessions())) == 2

        async def calm() -> bool:
            return connections_to(sandbox.switch.port) <= before + 2

        await until(calm)
        for each in (holder, member):
            await soon(each.store.end(each.session))
        assert not await soon(holder.store.sessions())


@BOTH
async def test_a_closed_store_leaves_no_connection(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        member = await join(sandbox)
        feed = member.store.follow()
        assert (await soon(anext(feed))).kind is Kind.SYNCED
        assert connections_to(sandbox.switch.port)
        await sandbox.kill(member.store)
        with pytest.raises(CoordinationUnavailable, match="closed"):
            await soon(anext(feed))

        async def gone() -> bool:
            return not connections_to(sandbox.switch.port)

        await until(gone)


@BOTH
async def test_names_may_hold_any_character(sandbox_type: Sandbox, tmp_path: Path) -> None:
    names = ["a//b", "a/../b", "50 %/%2F", "a=b/c=d", "ä ö\u00a0ü", "\U0001f512?x=1&y#z", "a", "a/", "\u200b"]
    async with sandbox_type(tmp_path) as sandbox, asyncio.TaskGroup() as group:
        holder, waiter = await join(sandbox), await join(sandbox)
        for name in names:
            claim, token = await holder.take(name)
            waiting = await stand(group, waiter, name)
            await soon(holder.store.release(claim))
            assert await granted(waiting) > token
            await soon(holder.store.put(name, name.encode()))
        assert [entry.key for entry in await soon(holder.store.entries())] == sorted(names)
        assert [each.name for each in await soon(holder.store.claims("a/"))] == ["a/", "a/../b", "a//b"]


@BOTH
async def test_a_ttl_that_the_server_would_not_keep_is_refused_before_it_is_asked(
    sandbox_type: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = counted(monkeypatch)
    async with sandbox_type(tmp_path) as sandbox:
        store = await sandbox.open()
        before = len(requests)
        too_soon = sandbox.promises.shortest_ttl - timedelta(milliseconds=1)
        with pytest.raises(Exception, match="soonest"):
            await store.put("key", b"", expires=too_soon)
        assert len(requests) == before


@BOTH
async def test_a_claim_of_a_session_that_nobody_began_is_refused(sandbox_type: Sandbox, tmp_path: Path) -> None:
    async with sandbox_type(tmp_path) as sandbox:
        member = await join(sandbox)
        foreign = (await join(sandbox)).session
        with pytest.raises(SessionLost):
            await soon(member.store.claim(Claim(foreign, "a name", "1")))
