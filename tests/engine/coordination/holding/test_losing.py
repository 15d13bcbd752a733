"""Whoever holds something learns in time that he does not any more, whatever becomes of the line, the backend and the
clock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import timedelta

import pytest

from engine.coordination.holding.lease import Lease
from engine.errors import LeaseLost
from tests.doubles.coordinated import Process
from tests.doubles.neighbourhood import TTL, Neighbourhood, play

MARGIN = 0.5
"""Of the ttl: 5 percent of 10 s."""

TOLD = 0.05
"""Seconds after the deadline in which the holder has to be told."""


class Loss:
    """How a block ended, and when."""

    reason = ""
    at = 0.0


@asynccontextmanager
async def losing(world: Neighbourhood) -> AsyncIterator[Loss]:
    """Expect that the block ends in the loss of a lease."""
    loss = Loss()
    try:
        yield loss
    except LeaseLost as lost:
        loss.reason, loss.at = lost.reason, world.at()
    else:
        raise AssertionError("nothing was lost")


def ends_in_loss(how: str = "token") -> AbstractContextManager[object]:
    """Expect the same, said in these words."""
    return pytest.raises(LeaseLost, match=how)


def exit_code_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def for_ever() -> None:
    await asyncio.Event().wait()


def test_a_holder_that_hears_nothing_is_stopped_at_its_deadline_before_the_next_is_served() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), world.process("b") as (b, _), asyncio.TaskGroup() as group:
            served = group.create_task(moment_of_turn(world, b))
            async with losing(world) as loss, a.coordination.lock("deploy"):
                trouble.away = True
                begun = world.at()
                await for_ever()
            assert loss.reason == "unreachable"
            assert loss.at - begun <= TTL.total_seconds() - MARGIN + TOLD
            assert loss.at < await served

    play(story)


async def moment_of_turn(world: Neighbourhood, process: Process) -> float:
    await asyncio.sleep(0.1)
    async with process.coordination.lock("deploy"):
        return world.at()


def test_a_holder_is_told_though_every_request_hangs() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            async with losing(world) as loss, a.coordination.lock("deploy") as lease:
                deadline = lease.deadline
                trouble.freeze()
                await for_ever()
            assert deadline <= loss.at <= deadline + TOLD
            assert loss.reason == "unreachable"
            trouble.thaw()

    play(story)


def test_the_deadline_counts_from_before_the_request_left() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), asyncio.TaskGroup() as group:
            trouble.freeze()
            holding = group.create_task(remaining(a))
            await world.passes(2)
            trouble.thaw()
            assert await holding <= TTL.total_seconds() - MARGIN - 2

    play(story)


async def remaining(process: Process) -> float:
    async with process.coordination.lock("deploy") as lease:
        return lease.remaining().total_seconds()


def test_a_renewal_that_was_not_answered_is_no_loss() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("deploy") as lease:
            for _ in range(5):
                trouble.away = True
                await world.passes(6)
                trouble.away = False
                await world.passes(2)
                assert lease.check() == lease.token

    play(story)


def test_a_renewal_that_hangs_is_given_up_for_another_try() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("deploy") as lease:
            trouble.hold_back["renew"] = asyncio.Event()
            await world.passes(2 * TTL.total_seconds())
            assert lease.check() == lease.token

    play(story)


def test_a_renewal_whose_answer_was_lost_is_repeated() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("deploy") as lease:
            for _ in range(10):
                trouble.lose_next_answer_of = "renew"
                await world.passes(7)
            assert lease.held

    play(story)


def test_what_is_being_given_back_is_not_given_back_a_second_time_meanwhile() -> None:
    """The second request would find it held, and the first one, which it overtook, would take that for a loss."""

    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), asyncio.TaskGroup() as group:
            trouble.hold_back["release"] = arrival = asyncio.Event()

            async def arrive_late() -> None:
                await world.passes(TTL.total_seconds() / 2)
                arrival.set()

            async with a.coordination.lock("deploy") as lease:
                group.create_task(arrive_late())
            assert arrival.is_set()
            assert lease.lost is None

    play(story)


def test_a_session_that_the_backend_ended_is_lost_at_the_next_renewal() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _):
            async with losing(world) as loss, a.coordination.lock("deploy"):
                (session,) = a.coordination.sessions.own
                await b.coordination.line.end(session)
                begun = world.at()
                await for_ever()
            assert loss.reason == "session"
            assert loss.at - begun <= TTL.total_seconds() / 2

    play(story)


def test_a_grant_that_was_revoked_unheard_is_lost_at_the_next_renewal() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _):
            async with losing(world) as loss, a.coordination.lock("one") as lease:
                world.backend.holdings._sessions[lease.claim.session].revoked = lambda name, token: None
                await b.coordination.line.revoke("lock/one", lease.token)
                begun = world.at()
                await for_ever()
            assert loss.reason == "revoked"
            assert 1 < loss.at - begun <= TTL.total_seconds() / 2

    play(story)


def test_one_lost_grant_leaves_the_others_alone() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _), a.coordination.lock("kept") as kept:
            async with losing(world), a.coordination.lock("lost") as lost:
                await b.coordination.line.revoke("lock/lost", lost.token)
                await for_ever()
            await world.passes(30)
            assert kept.held

    play(story)


def test_a_machine_that_was_suspended_finds_its_leases_lost_when_it_wakes() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            async with losing(world) as loss, a.coordination.lock("deploy") as lease:
                await world.passes(1)
                world.clock.suspend(timedelta(hours=1))
                woken = world.at()
                assert not lease.held
                await for_ever()
            assert loss.at - woken <= TOLD
            async with a.coordination.lock("deploy", wait=timedelta()) as after:
                assert after.token > lease.token

    play(story)


def test_a_short_suspension_costs_nothing() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), a.coordination.lock("deploy") as lease:
            for _ in range(20):
                world.clock.suspend(timedelta(seconds=3))
                await world.passes(1.5)
            assert lease.held

    play(story)


def test_what_is_held_is_asked_of_the_clock_and_not_remembered() -> None:
    """No task gets a turn between the jump and the question: an event loop that is blocked sees the loss too."""

    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            with ends_in_loss("could not be renewed in time"):
                async with a.coordination.lock("deploy", cancel_on_loss=False) as lease:
                    assert lease.remaining() > timedelta()
                    world.clock.suspend(TTL)
                    assert (lease.held, lease.remaining()) == (False, timedelta())
                    with pytest.raises(LeaseLost):
                        lease.check()

    play(story)


def test_a_check_in_a_cancelled_block_leaves_no_cancellation_behind() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            with ends_in_loss():
                async with a.coordination.lock("deploy") as lease:
                    world.clock.suspend(TTL)
                    lease.check()
            await world.passes(1)
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0

    play(story)


def test_a_loss_and_a_cancellation_from_outside_end_in_the_cancellation() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), asyncio.TaskGroup() as group:
            inside = asyncio.Event()

            async def hold() -> None:
                async with a.coordination.lock("deploy"):
                    inside.set()
                    await for_ever()

            task = group.create_task(hold())
            await inside.wait()
            task.cancel()
            world.clock.suspend(TTL)
            await asyncio.wait([task])
            assert task.cancelled()

    play(story)


def test_a_block_within_a_block_loses_both_and_says_so() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            async with (
                losing(world) as loss,
                a.coordination.lock("outer") as outer,
                a.coordination.lock("inner") as inner,
            ):
                trouble.away = True
                await for_ever()
            assert loss.reason == "unreachable"
            assert outer.lost is not None
            assert inner.lost is not None

    play(story)


def test_the_body_may_have_tasks_of_its_own() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            ended: list[str] = []

            async def work() -> None:
                try:
                    await for_ever()
                finally:
                    ended.append("work")

            async with losing(world), a.coordination.lock("deploy"), asyncio.TaskGroup() as group:
                group.create_task(work())
                trouble.away = True
            assert ended == ["work"]

    play(story)


def test_what_is_told_of_a_loss_names_the_lock_and_the_fault() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            with ends_in_loss(r"deploy was lost: .*does not answer.*\(token \d+\)"):
                async with a.coordination.lock("deploy"):
                    trouble.away = True
                    await for_ever()

    play(story)


def test_whoever_waits_for_the_loss_is_told_with_it() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), asyncio.TaskGroup() as group:
            leases: asyncio.Queue[Lease] = asyncio.Queue()

            async def hold() -> None:
                async with losing(world), a.coordination.lock("deploy") as lease:
                    leases.put_nowait(lease)
                    await for_ever()

            group.create_task(hold())
            lease = await leases.get()
            deadline = lease.deadline
            watching = [group.create_task(lease.wait_lost()) for _ in range(3)]
            trouble.away = True
            for task in watching:
                lost = await task
                assert lost is not None
                assert lost.token == lease.token
            assert world.at() <= deadline + TOLD

    play(story)


def test_a_forked_child_holds_nothing() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), a.coordination.lock("deploy") as lease:
            child = os.fork()
            if child == 0:
                try:
                    lease.check()
                except LeaseLost as lost:
                    os._exit(17 if not lease.held and "copy" in str(lost) else 1)
                os._exit(2)
            assert exit_code_of(child) == 17
            assert lease.held

    play(story)
