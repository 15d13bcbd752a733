"""Leaders under trouble: stopped at once when they lose, followed by the next, and written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import cast

import pytest

from engine.coordination.holding.history import LONGEST_VALUE
from engine.coordination.overview import Term
from engine.coordination.standing import ABSENT, Ending, Holder, Token
from engine.errors import CoordinationUnavailable, LeaseLost, Locked
from tests.doubles.coordinated import Process
from tests.doubles.neighbourhood import Neighbourhood, play


async def lead(process: Process, leading: asyncio.Event, value: str = "") -> str:
    """Lead until it is lost; return why."""
    try:
        async with process.coordination.election("cron").lead(value):
            leading.set()
            await asyncio.Event().wait()
    except LeaseLost as lost:
        return lost.reason
    return ""


async def terms(process: Process) -> list[tuple[str, Ending | None]]:
    return [(term.who.node, term.ending) for term in await process.coordination.election("cron").terms()]


def test_a_leader_that_hears_nothing_stops_before_the_next_begins() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), world.process("b") as (b, _), asyncio.TaskGroup() as group:
            first, second = asyncio.Event(), asyncio.Event()
            leading = group.create_task(lead(a, first))
            await first.wait()
            following = group.create_task(lead(b, second))
            await world.passes(1)
            trouble.freeze()
            assert await leading == "unreachable"
            assert not second.is_set()
            await second.wait()
            assert await terms(b) == [("b", None), ("a", Ending.LAPSED)]
            following.cancel()

    play(story)


def test_a_leader_that_lost_does_not_wait_to_write_its_end() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), asyncio.TaskGroup() as group:
            begun = asyncio.Event()
            leading = group.create_task(lead(a, begun))
            await begun.wait()
            deadline = (await a.coordination.sessions.session()).deadline
            trouble.freeze()
            await leading
            assert world.at() <= deadline + 0.05
            trouble.thaw()

    play(story)


def test_leading_begins_though_the_history_cannot_be_written() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            trouble.lose_next_answer_of = "get"
            async with a.coordination.election("cron").lead() as leadership:
                assert leadership.held
                assert await terms(a) == []
            async with a.coordination.election("cron").lead():
                assert await terms(a) == [("a", None)]

    play(story)


@pytest.mark.parametrize("value", [b"\xffnonsense", b'{"terms":' * 3000], ids=["no text", "nested"])
def test_a_history_that_is_none_is_begun_anew(value: bytes) -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            await a.coordination.line.put("leader/cron", value, expected=ABSENT)
            async with a.coordination.election("cron").lead():
                assert await terms(a) == [("a", None)]

    play(story)


def test_a_history_from_a_newer_node_is_understood() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            newer = (
                b'{"terms":[{"token":7,"who":{"node":"n","actor":"x","pid":1,"zone":"eu"},"since":'
                b'"2026-03-01T00:00:00Z","mood":"good"}],"format":2}'
            )
            await a.coordination.line.put("leader/cron", newer)
            (term,) = await a.coordination.election("cron").terms()
            assert isinstance(term, Term)
            assert (term.token, term.who.node) == (Token(7), "n")

    play(story)


def test_a_long_value_is_shown_in_full_and_kept_in_part() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            async with a.coordination.election("cron").lead("x" * 1_000):
                holder = await a.coordination.election("cron").leader()
                (term,) = await a.coordination.election("cron").terms()
            assert holder is not None
            assert len(holder.value) == 1_000
            assert len(term.value) == LONGEST_VALUE

    play(story)


def test_an_observer_outlives_an_outage() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, trouble), asyncio.TaskGroup() as group:
            seen: list[str] = []

            async def observe() -> None:
                async for holder in b.coordination.election("cron").observe():
                    seen[len(seen) :] = [holder.who.node if holder is not None else ""]

            observing = group.create_task(observe())
            await world.passes(1)
            async with a.coordination.election("cron").lead():
                await world.passes(1)
                trouble.away = True
                trouble.cut()
                await world.passes(5)
            assert seen == ["", "a"]
            trouble.away = False
            trouble.cut()
            await world.passes(5)
            assert seen == ["", "a", ""]
            observing.cancel()

    play(story)


def test_an_observer_that_could_not_look_does_not_take_that_for_an_empty_chair() -> None:
    async def story(world: Neighbourhood) -> None:
        async with (
            world.process("a") as (a, _),
            world.process("b") as (b, trouble),
            a.coordination.election("cron").lead("one") as leadership,
            aclosing(cast("AsyncGenerator[Holder | None, None]", b.coordination.election("cron").observe())) as seen,
        ):
            assert await anext(seen) is not None
            trouble.lose_next_answer_of = "claims"
            await leadership.proclaim("two")
            told = await anext(seen)
            assert told is not None
            assert told.value == b"two"

    play(story)


def test_what_a_leader_was_made_to_leave_is_audited_though_the_answer_was_lost() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, trouble), asyncio.TaskGroup() as group:
            begun = asyncio.Event()
            leading = group.create_task(lead(a, begun))
            await begun.wait()
            (group_,) = await b.coordination.leaders()
            assert group_.claim.holder is not None
            trouble.lose_next_answer_of = "revoke"
            with pytest.raises(CoordinationUnavailable):
                await b.coordination.resign("cron", group_.claim.holder.token, reason="drill")
            assert await leading == "revoked"
            ((event, aggregate, data),) = b.events
            assert (event, aggregate) == ("election.resigned", "coordination:election/cron")
            assert "does not answer" in data["unconfirmed"]

    play(story)


def test_a_leader_that_was_not_told_of_its_end_learns_it_from_what_it_proclaims() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _):
            with pytest.raises(LeaseLost) as told:
                await proclaim_late(world, a, b)
            assert told.value.reason == "revoked"

    play(story)


async def proclaim_late(world: Neighbourhood, a: Process, b: Process) -> None:
    """Proclaim something after a loss of which nothing was heard."""
    async with a.coordination.election("cron").lead("mine", cancel_on_loss=False) as leadership:
        world.backend.holdings._sessions[leadership.claim.session].revoked = lambda name, token: None
        await b.coordination.line.revoke("election/cron", leadership.token)
        assert leadership.held
        with pytest.raises(LeaseLost):
            await leadership.proclaim("late")
        assert not leadership.held


def test_a_candidate_waits_no_longer_than_it_wants_to() -> None:
    async def story(world: Neighbourhood) -> None:
        async with (
            world.process("a") as (a, _),
            world.process("b") as (b, _),
            a.coordination.election("cron").lead(),
        ):
            begun = world.at()
            with pytest.raises(Locked, match="anna@a on a"):
                async with b.coordination.election("cron").lead(wait=timedelta(seconds=2)):
                    pass
            assert world.at() - begun == pytest.approx(2)

    play(story)
