"""What a lock promises, whatever backend it stands on."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta

import pytest

from engine.coordination.holding.lease import Lease
from engine.coordination.promises import Feature
from engine.coordination.standing import ClaimStanding
from engine.errors import CoordinationError, LeaseLost, Locked, NothingFound
from tests.contracts.store_case import Suite, soon, until
from tests.contracts.store_sandbox import Circumstance, StoreSandbox
from tests.doubles.coordinated import Habits, Process, process

LOCK = Suite()

NOT_AT_ALL = timedelta()

BUSY = 0.5
"""Seconds that a busy machine may be late; how punctual it is otherwise is shown in virtual time."""

TOLD_OF_ITS_END = {"session", "revoked"}
"""Why a lease was lost whose session somebody ended: some backends tell it for each grant, before the next renewal."""


def node(sandbox: StoreSandbox, name: str, ttl: timedelta | None = None) -> AbstractAsyncContextManager[Process]:
    """Return a process of its own at the sandbox's backend."""
    return process(sandbox.backend(), sandbox.clock, name, Habits(ttl=ttl or sandbox.long))


def brisk(sandbox: StoreSandbox) -> timedelta:
    """Return a ttl with which a loss is heard of soon, and which a busy machine does not miss."""
    return max(sandbox.ttl, timedelta(seconds=3))


async def shown(of: Process, name: str) -> ClaimStanding:
    for claim in await soon(of.coordination.locks(name)):
        if claim.name == name:
            return claim
    return ClaimStanding(name=name, holder=None)


async def waiting(of: Process, name: str, count: int) -> None:
    """Return when so many wait for it."""

    async def there() -> bool:
        return len((await shown(of, name)).waiters) == count

    await until(there)


def losing(how: str = r"\w+ \w+ \w+") -> AbstractContextManager[pytest.ExceptionInfo[LeaseLost]]:
    """Expect that the block ends in the loss of a lease."""
    return pytest.raises(LeaseLost, match=how)


async def take(of: Process, name: str) -> None:
    """Wait for a lock, and give it back at once."""
    async with of.coordination.lock(name):
        pass


async def hold(of: Process, name: str, held: asyncio.Event, done: asyncio.Event) -> int:
    """Hold a lock until told to let go; return the token."""
    async with of.coordination.lock(name) as lease:
        held.set()
        await done.wait()
        return lease.token


@LOCK.case(Feature.LOCK)
async def a_block_holds_the_lock_and_gives_it_back(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with a.coordination.lock("deploy", note="release 7") as lease:
            found = (await shown(b, "deploy")).holder
            assert found is not None
            assert (found.who.node, found.token, found.value) == ("a", lease.token, b"release 7")
            assert lease.check() == lease.token
            assert timedelta() < lease.remaining() < sandbox.long
        assert not lease.held
        assert (await shown(b, "deploy")).holder is None
        async with b.coordination.lock("deploy", wait=NOT_AT_ALL) as after:
            assert after.token > lease.token


@LOCK.case(Feature.LOCK)
async def whoever_does_not_wait_is_told_who_holds_it_and_since_when(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, a.coordination.lock("deploy") as lease:
        with pytest.raises(Locked, match=f"anna@a on a.* holds deploy since {lease.since:%Y-%m-%d}"):
            async with b.coordination.lock("deploy", wait=NOT_AT_ALL):
                pass
        assert (await shown(a, "deploy")).waiters == ()


@LOCK.case(Feature.LOCK)
async def whoever_waits_too_long_is_told_and_leaves_no_place(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with a.coordination.lock("deploy"):
            begun = sandbox.clock.monotonic()
            with pytest.raises(Locked, match="anna@a"):
                async with b.coordination.lock("deploy", wait=timedelta(seconds=0.3)):
                    pass
            assert 0.29 <= sandbox.clock.monotonic() - begun < 2
            assert (await shown(a, "deploy")).waiters == ()
        assert (await shown(a, "deploy")).holder is None


@LOCK.case(Feature.LOCK)
async def a_wait_ends_as_soon_as_the_lock_is_free(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, asyncio.TaskGroup() as group:
        held, done = asyncio.Event(), asyncio.Event()
        holding = group.create_task(hold(a, "deploy", held, done))
        await soon(held.wait())
        other, over = asyncio.Event(), asyncio.Event()
        over.set()
        next_one = group.create_task(hold(b, "deploy", other, over))
        await waiting(a, "deploy", 1)
        assert not other.is_set()
        done.set()
        await soon(other.wait())
        assert await next_one > await holding


@LOCK.case(Feature.LOCK)
async def a_waiter_that_is_cancelled_leaves_no_place(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, asyncio.TaskGroup() as group:
        async with a.coordination.lock("deploy"):
            never = asyncio.Event()
            gone = group.create_task(hold(b, "deploy", never, never))
            await waiting(a, "deploy", 1)
            gone.cancel()
            await asyncio.wait([gone])
            assert gone.cancelled()
            assert (await shown(a, "deploy")).waiters == ()
        assert (await shown(a, "deploy")).holder is None


@LOCK.case(Feature.LOCK)
async def a_lock_outlives_its_ttl_while_its_process_lives(sandbox: StoreSandbox) -> None:
    async with (
        node(sandbox, "a", brisk(sandbox)) as a,
        node(sandbox, "b") as b,
        a.coordination.lock("deploy") as lease,
    ):
        end = sandbox.clock.monotonic() + (brisk(sandbox) + sandbox.slack).total_seconds() * 1.5
        while sandbox.clock.monotonic() < end:
            await sandbox.clock.sleep(sandbox.ttl / 10)
            assert lease.held
        found = (await shown(b, "deploy")).holder
        assert found is not None
        assert found.token == lease.token


@LOCK.case(Feature.LOCK)
async def a_forced_release_stops_the_holder_serves_the_next_and_is_audited(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", brisk(sandbox)) as a, node(sandbox, "b") as b, asyncio.TaskGroup() as group:
        never, held, over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        over.set()
        with losing() as told:
            async with a.coordination.lock("deploy") as lease:
                next_one = group.create_task(hold(b, "deploy", held, over))
                await waiting(a, "deploy", 1)
                forced = group.create_task(b.coordination.force_release("deploy", lease.token, reason="it hangs"))
                await never.wait()
        assert await soon(forced)
        assert (told.value.reason, told.value.name, told.value.token) == ("revoked", "deploy", lease.token)
        assert not lease.held
        assert await soon(next_one) > lease.token
        ((event, aggregate, data),) = b.events
        assert (event, aggregate) == ("lock.revoked", "coordination:lock/deploy")
        assert (data["token"], data["reason"], data["holder"]) == (lease.token, "it hangs", "anna@a on a")


@LOCK.case(Feature.LOCK)
async def a_forced_release_with_an_old_token_hits_nobody(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with a.coordination.lock("deploy") as first:
            pass
        async with a.coordination.lock("deploy") as second:
            assert not await soon(b.coordination.force_release("deploy", first.token, reason="late"))
            assert second.held
        assert b.events == []


@LOCK.case(Feature.LOCK)
async def a_block_that_wants_to_go_on_is_not_cancelled_and_still_ends_in_the_loss(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", brisk(sandbox)) as a, node(sandbox, "b") as b:
        ran_to_its_end = False
        with losing("deploy was taken away"):
            async with a.coordination.lock("deploy", cancel_on_loss=False) as lease:
                await b.coordination.force_release("deploy", lease.token, reason="drill")
                lost = await soon(lease.wait_lost())
                assert lost is not None
                assert lost.reason == "revoked"
                assert not lease.held
                with pytest.raises(LeaseLost):
                    lease.check()
                assert not await lease.release()
                ran_to_its_end = True
        assert ran_to_its_end


@LOCK.case(Feature.LOCK)
async def an_error_in_the_block_goes_through_and_the_lock_is_free(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        with pytest.raises(ZeroDivisionError):
            async with a.coordination.lock("deploy"):
                raise ZeroDivisionError
        assert (await shown(a, "deploy")).holder is None


@LOCK.case(Feature.LOCK)
async def a_lock_can_be_given_back_early(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        async with a.coordination.lock("deploy") as lease:
            assert await soon(lease.release())
            assert not lease.held
            assert (await shown(a, "deploy")).holder is None
            assert not await soon(lease.release())
            with pytest.raises(LeaseLost, match="given back"):
                lease.check()
            assert await soon(lease.wait_lost()) is None
        assert lease.lost is None


@LOCK.case(Feature.LOCK, Feature.KEYS, Feature.FENCED_WRITE)
async def what_a_lost_lock_protects_cannot_be_written(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", brisk(sandbox)) as a, node(sandbox, "b") as b:
        with losing():
            async with a.coordination.lock("deploy", cancel_on_loss=False) as lease:
                await soon(a.coordination.line.put("k", b"one", fence=lease.fence))
                await b.coordination.force_release("deploy", lease.token, reason="drill")
                await soon(a.coordination.line.put("k", b"two", fence=lease.fence))
        entry = await soon(b.coordination.line.get("k"))
        assert entry is not None
        assert entry.value == b"one"


@LOCK.case(Feature.LOCK)
async def ending_a_session_stops_all_that_it_holds_and_is_audited(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", brisk(sandbox)) as a, node(sandbox, "b") as b:

        async def lose(name: str) -> str:
            try:
                async with a.coordination.lock(name):
                    await asyncio.Event().wait()
            except LeaseLost as lost:
                return lost.reason
            return "never"

        async with asyncio.TaskGroup() as group:
            both = [group.create_task(lose(name)) for name in ("one", "two")]

            async def held() -> bool:
                return len(await b.coordination.locks()) == 2

            await until(held)
            (session,) = a.coordination.sessions.own
            await soon(b.coordination.end_session(session, reason="stuck"))
            assert {await soon(task) for task in both} <= TOLD_OF_ITS_END
        ((event, aggregate, data),) = b.events
        assert (event, aggregate, data["session"], data["reason"]) == ("session.ended", "node:a", session, "stuck")
        with pytest.raises(NothingFound):
            await soon(b.coordination.end_session(session, reason="again"))
        async with a.coordination.lock("one", wait=NOT_AT_ALL):
            assert a.coordination.sessions.own.isdisjoint({session}), "it began another session"


@LOCK.case(Feature.LOCK)
async def a_process_that_ends_frees_at_once_what_it_held(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "b") as b:
        async with node(sandbox, "a") as a:
            holding = a.coordination.lock("deploy", cancel_on_loss=False)
            lease = await holding.__aenter__()
        async with b.coordination.lock("deploy", wait=timedelta(seconds=5)) as after:
            assert after.token > lease.token
        with pytest.raises(LeaseLost, match="ended with this program"):
            await holding.__aexit__(None, None, None)


@LOCK.case(Feature.LOCK)
async def a_process_that_asks_twice_waits_for_itself(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, a.coordination.lock("deploy"):
        with pytest.raises(Locked, match="anna@a on a"):
            async with a.coordination.lock("deploy", wait=timedelta(seconds=0.2)):
                pass
        with pytest.raises(Locked):
            async with a.coordination.lock("deploy", wait=NOT_AT_ALL):
                pass


@LOCK.case(Feature.LOCK)
async def locks_with_another_ttl_live_in_another_session(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, a.coordination.lock("one"), a.coordination.lock("two"):
        assert len(a.coordination.sessions.own) == 1
        async with a.coordination.lock("three", ttl=2 * sandbox.long):
            assert len(a.coordination.sessions.own) == 2
            found = await shown(a, "three")
            assert found.ttl == 2 * sandbox.long


@LOCK.case(Feature.LOCK)
async def a_name_that_cannot_be_is_refused_before_anything_is_asked(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        for name in ("", "x" * 300, "a\nb", "a\x00", "\ud800"):
            with pytest.raises(CoordinationError, match="name"):
                async with a.coordination.lock(name):
                    pass
        assert a.coordination.sessions.own == frozenset()


@LOCK.case(Feature.LOCK)
async def a_hundred_that_come_and_go_leave_nothing_behind(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with a.coordination.lock("deploy") as lease:
            for round_ in range(100):
                with pytest.raises(TimeoutError):
                    await soon(take(b, "deploy"), 0.0005 * (round_ % 20))
            assert (await shown(a, "deploy")).waiters == ()
            assert lease.held
        async with b.coordination.lock("deploy", wait=timedelta(seconds=5)):
            assert len((await b.coordination.standing()).sessions) <= 2


@LOCK.case(Feature.LOCK, Circumstance.SILENT)
async def a_holder_whose_backend_falls_silent_is_stopped_by_its_deadline(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a", sandbox.ttl) as a:
        stopped = 0.0
        with losing() as told:
            async with a.coordination.lock("deploy") as lease:
                with sandbox.silent():
                    try:
                        await asyncio.Event().wait()
                    finally:
                        stopped = sandbox.clock.monotonic()
        assert told.value.reason == "unreachable"
        assert stopped <= lease.deadline + BUSY


@LOCK.case(Feature.LOCK, Circumstance.UNREACHABLE)
async def whoever_holds_and_whoever_waits_outlive_a_short_outage(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, asyncio.TaskGroup() as group:
        over, held = asyncio.Event(), asyncio.Event()
        over.set()
        async with a.coordination.lock("deploy") as lease:
            waiter = group.create_task(hold(b, "deploy", held, over))
            await waiting(a, "deploy", 1)
            with sandbox.unreachable():
                await sandbox.clock.sleep(timedelta(milliseconds=300))
            assert lease.check() == lease.token
        assert await soon(waiter) > lease.token


@LOCK.case(Feature.LOCK)
async def never_do_two_hold_the_same(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b, node(sandbox, "c") as c:
        inside: list[Lease] = []
        tokens: list[int] = []

        async def work(of: Process) -> None:
            for _ in range(5):
                async with of.coordination.lock("deploy") as lease:
                    inside.append(lease)
                    assert inside == [lease]
                    tokens.append(lease.check())
                    await asyncio.sleep(0)
                    inside.clear()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(work((a, b, c)[number % 3]))
    assert tokens == sorted(set(tokens))
    assert len(tokens) == 60
