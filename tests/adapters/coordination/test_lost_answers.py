"""Answers that get lost, and servers that say nothing: nothing is repeated in hiding, and repeating is harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.coordination.standing import Claim, Revision
from engine.errors import CoordinationUnavailable, KeyChanged
from tests.adapters.coordination.places import ClockWithoutSleepers, Kind, every_place
from tests.contracts.store_case import join, soon, standing, until
from tests.servers.switch_proxy import Line

LOST = "did not answer|closed the connection|cannot be used now"


@every_place
async def test_a_claim_whose_answer_was_lost_is_repeated_and_has_the_same_token_which_takes_a_time_out(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as sandbox, kind(tmp_path) as direct:
        direct.namespace = sandbox.namespace
        member, onlooker = await join(sandbox), await direct.open()
        await member.take("something else")  # the client now sends a claim in one piece
        claim = member.ask("held")
        with sandbox.switch.turned(Line.ANSWERS_LOST):
            with pytest.raises(CoordinationUnavailable, match=LOST) as told:
                await member.store.claim(claim)
            assert told.value.maybe_done
        holder = (await standing(onlooker, "held")).holder
        assert holder is not None

        async def again() -> int | None:
            try:
                return await member.store.claim(claim)
            except CoordinationUnavailable:
                return None

        assert await until(again) == holder.token
        _, next_token = await member.take("another")
        assert next_token == holder.token + 1


@every_place
async def test_a_write_whose_answer_was_lost_happened_once_which_takes_a_time_out(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as sandbox, kind(tmp_path) as direct:
        direct.namespace = sandbox.namespace
        sandbox.clock = ClockWithoutSleepers()
        store, onlooker = await sandbox.open(), await direct.open()
        first = await store.put("k", b"0")
        with sandbox.switch.turned(Line.ANSWERS_LOST), pytest.raises(CoordinationUnavailable, match=LOST) as told:
            await store.put("k", b"1")
        assert told.value.maybe_done
        entry = await onlooker.get("k")
        assert entry is not None
        assert (entry.value, entry.revision) == (b"1", first + 1)


@every_place
async def test_a_request_that_was_lost_happened_not_at_all_and_is_not_sent_again_which_takes_a_time_out(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as sandbox, kind(tmp_path) as direct:
        direct.namespace = sandbox.namespace
        store, onlooker = await sandbox.open(), await direct.open()
        first = await store.put("k", b"0")
        with sandbox.switch.turned(Line.REQUESTS_LOST), pytest.raises(CoordinationUnavailable, match=LOST):
            await store.put("k", b"1")
        with pytest.raises(KeyChanged) as told:
            await onlooker.put("k", b"2", expected=Revision(first + 1))
        assert told.value.revision == first


@every_place
async def test_a_black_hole_is_given_up_after_the_time_out_and_not_tried_again_which_takes_two_of_them(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as sandbox:
        member = await join(sandbox)
        with sandbox.switch.turned(Line.BLACKHOLE):
            for _ in range(2):
                begun = sandbox.clock.monotonic()
                with pytest.raises(CoordinationUnavailable, match="did not answer within 2 s"):
                    await member.store.renew(member.session)
                assert sandbox.clock.monotonic() - begun < 3.5


@every_place
async def test_who_waits_while_the_server_falls_silent_hears_of_it_which_takes_a_time_out(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as sandbox:
        holder, waiter = await join(sandbox), await join(sandbox)
        await holder.take("held")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_told_why(waiter.store.claim(waiter.ask("held"))))

            async def stands() -> bool:
                return len((await standing(holder.store, "held")).waiters) == 1

            await until(stands)
            with sandbox.switch.turned(Line.BLACKHOLE):
                assert "did not answer" in await soon(waiting, 8)


@every_place
async def test_a_claim_that_arrives_after_it_was_withdrawn_takes_no_place(kind: Kind, tmp_path: Path) -> None:
    """Its caller was cancelled before there was an answer, and released; nobody would ever release it again."""
    async with kind(tmp_path) as sandbox, kind(tmp_path) as late:
        late.namespace = sandbox.namespace
        member, other = await join(sandbox), await late.open()
        await member.take("something else")  # the client now sends a claim in one piece
        claim = member.ask("held")
        with sandbox.switch.turned(Line.REQUESTS_LOST), pytest.raises(CoordinationUnavailable):
            async with asyncio.timeout(3):
                await member.store.claim(claim)

        async def released() -> bool:
            try:
                return not await member.store.release(claim)
            except CoordinationUnavailable:
                return False

        await until(released)
        assert await other.claim(claim, wait=False) is None
        assert (await standing(other, "held")).holder is None
        _, token = await member.take("held")
        assert token >= 2


@every_place
async def test_releasing_what_was_never_claimed_hinders_no_claim(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as sandbox:
        store = await sandbox.open()
        member = await join(sandbox, ttl=timedelta(seconds=60))
        assert not await store.release(Claim(member.session, "held", "never asked"))
        assert await store.claim(Claim(member.session, "held", "never asked")) is not None


async def _told_why(claim: Awaitable[object]) -> str:
    try:
        await claim
    except CoordinationUnavailable as error:
        return str(error)
    return "granted"
