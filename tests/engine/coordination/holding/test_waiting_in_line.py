"""Whoever waits keeps his place over whatever passes, and leaves none behind when he goes."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta
from pathlib import Path

import pytest

from engine.coordination.standing import Claim, Token
from engine.errors import CoordinationError, CoordinationUnavailable, LeaseLost, Locked, NotSupported, ReadOnly
from tests.doubles.coordinated import Habits, Process, process
from tests.doubles.neighbourhood import TTL, Neighbourhood, play

AT_ONCE = timedelta()


async def take(process: Process, wait: timedelta | None = None) -> int:
    """Wait for the lock, give it back at once, and return the token."""
    async with process.coordination.lock("deploy", wait=wait) as lease:
        return lease.token


async def places(world: Neighbourhood) -> int:
    """Return how many hold the lock or wait for it, asked on a line of its own."""
    async with world.backend.open() as store:
        (claim,) = await store.claims("lock/deploy")
        return len(claim.waiters) + (claim.holder is not None)


async def belongings(world: Neighbourhood) -> tuple[int, int, int]:
    """Return how many files, tasks and objects there are, once every timer that was set has run out."""
    await world.passes(60)
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()), len(gc.get_objects())


def assert_no_more(after: tuple[int, int, int], before: tuple[int, int, int]) -> None:
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 500


def test_a_claim_whose_answer_was_lost_finds_its_grant() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("other"):
            for _ in range(5):
                trouble.lose_next_answer_of = "claim"
                async with a.coordination.lock("deploy", wait=timedelta(seconds=5)):
                    assert await places(world) == 1
                assert await places(world) == 0

    play(story)


def test_a_claim_whose_answer_was_lost_leaves_no_place_where_nobody_wants_to_wait() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("other"):
            trouble.lose_next_answer_of = "claim"
            with pytest.raises(CoordinationUnavailable):
                await take(a, AT_ONCE)
            assert await places(world) == 0

    play(story)


def test_a_place_that_could_not_be_left_is_left_as_soon_as_the_backend_answers() -> None:
    async def story(world: Neighbourhood) -> None:
        async with (
            world.process("a") as (a, trouble),
            world.process("b") as (b, _),
            world.process("c") as (c, _),
            asyncio.TaskGroup() as group,
        ):
            async with b.coordination.lock("deploy"):
                waiting = group.create_task(take(a))
                await world.passes(0.5)
                behind = group.create_task(take(c))
                await world.passes(0.5)
                trouble.away = True
                waiting.cancel()
                await asyncio.wait([waiting])
                assert await places(world) == 3
                trouble.away = False
                await world.passes(TTL.total_seconds() / 10 + 0.1)
                assert await places(world) == 2
            begun = world.at()
            await behind
            assert world.at() - begun < 0.1

    play(story)


def test_leaving_a_place_takes_no_longer_than_half_a_second_though_the_backend_is_silent() -> None:
    async def story(world: Neighbourhood) -> None:
        async with (
            world.process("a") as (a, trouble),
            world.process("b") as (b, _),
            b.coordination.lock("deploy"),
            a.coordination.lock("other"),
        ):
            begun = world.at()
            trouble.freeze()
            with pytest.raises(CoordinationUnavailable):
                await take(a, timedelta(seconds=1))
            assert world.at() - begun <= 1 + 0.5 + 0.5 + 0.01, "leaving, and looking who holds it"
            trouble.thaw()

    play(story)


def test_a_release_that_nobody_answered_is_repeated_and_harms_no_one() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), world.process("b") as (b, _):
            async with a.coordination.lock("deploy"):
                trouble.away = True
            assert await places(world) == 1
            trouble.away = False
            token = await take(b, timedelta(seconds=2))
            assert token == 2

    play(story)


def test_giving_back_early_says_when_nobody_answered() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("deploy") as lease:
            trouble.away = True
            with pytest.raises(CoordinationUnavailable):
                await lease.release()
            trouble.away = False
            assert not lease.held
            await world.passes(2)
            assert await places(world) == 0

    play(story)


def test_a_waiter_that_lost_its_session_stands_again_with_a_new_one() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _), asyncio.TaskGroup() as group:
            async with b.coordination.lock("deploy"):
                waiting = group.create_task(take(a))
                await world.passes(1)
                (session,) = a.coordination.sessions.own
                await b.coordination.line.end(session)
                await world.passes(1)
                assert await places(world) == 2
                assert a.coordination.sessions.own.isdisjoint({session})
            assert await waiting == 2

    play(story)


def test_a_waiter_whose_line_was_gone_for_longer_than_the_ttl_stands_again() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), world.process("b") as (b, _), asyncio.TaskGroup() as group:
            async with b.coordination.lock("deploy"):
                waiting = group.create_task(take(a))
                await world.passes(1)
                trouble.freeze()
                await world.passes(3 * TTL.total_seconds())
                assert await places(world) == 1
                trouble.thaw()
                await world.passes(5)
                assert await places(world) == 2
            assert await waiting > 1

    play(story)


def test_a_backend_that_cannot_be_reached_to_begin_with_is_told_at_once() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            trouble.away = True
            for wait in (None, AT_ONCE, timedelta(seconds=30)):
                begun = world.at()
                with pytest.raises(CoordinationUnavailable):
                    await take(a, wait)
                assert world.at() == begun
            trouble.away = False
            assert await take(a) > 0

    play(story)


def test_a_wait_that_ends_while_the_backend_is_away_says_that_it_is_away() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("other"):
            trouble.away = True
            begun = world.at()
            with pytest.raises(CoordinationUnavailable, match="does not answer"):
                await take(a, timedelta(seconds=3))
            assert 3 <= world.at() - begun <= 3.6
            trouble.away = False

    play(story)


def test_whoever_waits_outlives_an_outage() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), a.coordination.lock("other"), asyncio.TaskGroup() as group:
            trouble.away = True
            waiting = group.create_task(take(a))
            await world.passes(4)
            trouble.away = False
            await world.passes(1.1)
            assert waiting.done()

    play(story)


def test_a_cancelled_session_begin_leaves_no_session_behind() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), asyncio.TaskGroup() as group:
            trouble.freeze()
            for _ in range(20):
                asking = group.create_task(take(a))
                await world.passes(0.01)
                asking.cancel()
            trouble.thaw()
            await world.passes(1)
            assert len((await a.coordination.standing()).sessions) == 1

    play(story)


def test_a_grant_that_nobody_here_knows_of_is_given_back() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _), a.coordination.lock("other") as other:
            async with world.backend.open() as store:
                token = await store.claim(Claim(other.claim.session, "lock/deploy", "late"))
            begun = world.at()
            assert await take(b) > (token or 0)
            assert world.at() - begun <= TTL.total_seconds() * 0.4
            assert other.held

    play(story)


def test_a_lock_whose_wait_is_over_names_who_holds_it() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _), b.coordination.lock("deploy"):
            with pytest.raises(Locked, match="anna@b on b, process 4711, holds deploy since 2026-03-02 09:00:00 UTC"):
                await take(a, timedelta(seconds=2))

    play(story)


def test_ten_thousand_that_come_and_go_leave_nothing_behind() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), world.process("b") as (b, _), asyncio.TaskGroup() as group:
            async with a.coordination.lock("deploy"):
                await world.passes(0)

                async def come_and_go() -> None:
                    waiting = group.create_task(take(b))
                    for _ in range(5):
                        await asyncio.sleep(0)
                    waiting.cancel()
                    await asyncio.wait([waiting])

                for _ in range(100):
                    await come_and_go()
                before = await belongings(world)
                for _ in range(10_000):
                    await come_and_go()
                assert await places(world) == 1
                assert_no_more(await belongings(world), before)
            session = await b.coordination.sessions.session()
            assert (session._standing, session._debts, session._leases) == ({}, set(), {})

    play(story)


def test_ten_thousand_holds_leave_nothing_behind() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            await take(a)
            before = await belongings(world)
            for _ in range(10_000):
                await take(a)
            assert_no_more(await belongings(world), before)
            assert len((await a.coordination.standing()).sessions) == 1

    play(story)


def test_a_session_for_a_ttl_that_nobody_uses_any_more_is_ended() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            await take(a)
            for seconds in range(1, 6):
                async with a.coordination.lock("deploy", ttl=timedelta(seconds=seconds)) as lease:
                    await world.passes(60)
                    assert lease.held
            assert len(a.coordination.sessions.own) > 1
            await world.passes(60)
            assert len(a.coordination.sessions.own) == 1
            (session,) = (await a.coordination.standing()).sessions
            assert session.ttl == TTL, "that of the settings stays"

    play(story)


def test_a_hold_that_is_in_use_cannot_be_entered_again() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            holding = a.coordination.lock("deploy")
            async with holding:
                with pytest.raises(CoordinationError, match="in use"):
                    await holding.__aenter__()
            async with holding as lease:
                assert lease.held

    play(story)


def test_an_engine_that_may_only_look_takes_no_lock() -> None:
    async def story(world: Neighbourhood) -> None:
        async with process(world.backend, world.clock, "a", Habits(read_only=True)) as a:
            with pytest.raises(ReadOnly):
                await take(a)
            with pytest.raises(ReadOnly):
                await a.coordination.force_release("deploy", Token(1), reason="drill")
            assert await a.coordination.locks() == []

    play(story)


def test_a_ttl_that_is_too_short_is_refused_before_anything_is_asked() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            trouble.away = True
            with pytest.raises(NotSupported, match="Give a longer ttl"):
                async with a.coordination.lock("deploy", ttl=timedelta(milliseconds=5)):
                    pass
            trouble.away = False

    play(story)


def test_after_closing_nothing_can_be_asked() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            await take(a)
        with pytest.raises(CoordinationError, match="closed"):
            await take(a)
        with pytest.raises(CoordinationError, match="closed"):
            await a.coordination.locks()

    play(story)


def test_closing_ends_what_is_held_and_frees_it_for_others_at_once() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("b") as (b, _):
            async with world.process("a") as (a, _):
                holding = a.coordination.lock("deploy", cancel_on_loss=False)
                lease = await holding.__aenter__()
            begun = world.at()
            await take(b)
            assert world.at() == begun
            with pytest.raises(LeaseLost, match="ended with this program"):
                lease.check()

    play(story)


def test_closing_does_not_wait_long_for_a_silent_backend() -> None:
    async def story(world: Neighbourhood) -> None:
        begun = world.at()
        async with world.process("a") as (a, trouble):
            await take(a)
            trouble.freeze()
            await a.coordination.sessions.close()
            assert world.at() - begun <= 2.01
            trouble.thaw()

    play(story)


def test_who_heard_nothing_for_as_long_as_he_waited_is_not_told_that_somebody_holds_it() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            await take(a)
            trouble.freeze()
            with pytest.raises(CoordinationUnavailable, match=r"deploy was not had in time, and .* does not answer"):
                async with a.coordination.lock("deploy", wait=timedelta(seconds=1)):
                    pass

    play(story)
