"""Runs that are stopped: by the one who waits for them, by another process, by the loss of their lock."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.errors import Frozen, Locked, PlanError, ReadOnly, RemoteUnavailable, SyncdeckError
from engine.reconcile.acting.holding import LEASE_TTL
from engine.reconcile.history import RunId, RunState, Token
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from engine.settings.model import FreezeWindow
from tests.doubles.targets import ALL_ACTIONS
from tests.doubles.workplace import NO_LIMITS, SECOND, SYNC, Workplace, effects, service, workplace


def slow_place(source: str = "abcdef", **more: object) -> Workplace:
    """Return a place whose target takes two at a time and ten seconds for each call."""
    target = service("x", limits=Limits(actions=ALL_ACTIONS, batch_size=2), latency=10 * SECOND)
    return workplace(service(*source), target, **more)


async def test_cancelling_the_waiting_task_stops_after_the_batch_under_way() -> None:
    place = slow_place()
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.reconciler.apply(stored.digest, confirmed=True))
        await place.clock.advance(15 * SECOND)
        task.cancel()
        await place.clock.advance(20 * SECOND)

    assert task.cancelled()
    assert effects(place.target, Action.ADD) == ["a", "b"]
    states = await place.states()
    assert [states[f"add {key}"] for key in "abcdef"] == ["done"] * 2 + ["cancelled"] * 4
    assert states["remove x"] == "cancelled"
    assert (await place.journal.run(RunId(1))).state is RunState.CANCELLED


async def test_a_cancelled_run_goes_on_when_it_is_resumed() -> None:
    place = slow_place()
    stored = await place.plan()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.reconciler.apply(stored.digest, confirmed=True))
        await place.clock.advance(15 * SECOND)
        task.cancel()
        await place.clock.advance(20 * SECOND)

    result = await place.another().resume(1)

    assert effects(place.target, Action.ADD) == list("abcdef")
    assert (result.summary.state, place.target.keys()) == (RunState.DONE, set("abcdef"))


async def test_cancelling_twice_ends_at_once_and_leaves_what_was_under_way_unknown() -> None:
    place = slow_place()
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.reconciler.apply(stored.digest, confirmed=True))
        await place.clock.advance(15 * SECOND)
        task.cancel()
        await place.clock.settle()
        task.cancel()
        await place.clock.settle()

    assert task.cancelled()
    assert (await place.states())["add a"] == "intent"
    assert place.journal.leases == {}


async def test_another_process_stops_a_run_even_while_it_waits_for_the_service() -> None:
    place = slow_place()
    place.target.write_faults = {2: RemoteUnavailable("Slow down.", retry_after=120 * SECOND)}
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.reconciler.apply(stored.digest, confirmed=True))
        await place.clock.advance(40 * SECOND)
        await place.another().reconciler.cancel(RunId(1))
        await place.clock.advance(12 * SECOND)

    assert task.result().summary.state is RunState.CANCELLED
    assert task.result().exit_code == 6
    assert effects(place.target, Action.ADD) == ["a", "b"]


async def test_two_syncs_on_one_target_exclude_each_other() -> None:
    place = slow_place()
    stored = await place.plan()
    other = place.another(actor="berta@test")
    theirs = await other.reconciler.select(stored.digest, ["list/add/*"])

    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.reconciler.apply(stored.digest, confirmed=True))
        await place.clock.advance(11 * SECOND)
        with pytest.raises(Locked, match="Somebody holds target:list for plan"):
            await other.reconciler.apply(theirs.digest, confirmed=True)
        await place.clock.advance(100 * SECOND)

    assert task.result().summary.state is RunState.DONE


async def test_a_long_run_keeps_its_lock() -> None:
    place = slow_place(source="abcdefghijklmnopqrstuvwxyz")
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.reconciler.apply(stored.digest, confirmed=True))
        await place.clock.settle()
        while not task.done():
            await place.clock.advance(5 * SECOND)
            assert task.done() or place.journal.leases["target:list"].expires_at > place.clock.now()

    assert task.result().summary.state is RunState.DONE


async def test_losing_the_lock_stops_the_run_before_the_next_call() -> None:
    place = slow_place()
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(_outcome(place, stored.digest))
        await place.clock.advance(11 * SECOND)
        place.journal.tokens["target:list"] += 1
        await place.clock.advance(60 * SECOND)

    assert isinstance(task.result(), Locked)
    assert effects(place.target, Action.ADD) == ["a", "b"]
    assert (await place.journal.run(RunId(1))).state is RunState.FAILED


async def test_a_lock_that_was_taken_away_stops_the_run_before_the_next_call() -> None:
    place = slow_place()
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(_outcome(place, stored.digest))
        await place.clock.advance(11 * SECOND)
        place.locks.revoke("target:list")
        await place.clock.advance(60 * SECOND)

    assert isinstance(task.result(), Locked)
    assert "was taken away" in str(task.result())
    assert set(effects(place.target, Action.ADD)) <= {"a", "b"}
    assert (await place.journal.run(RunId(1))).state is RunState.FAILED


async def test_losing_the_lock_during_a_long_call_is_noticed_by_renewing() -> None:
    target = service(latency=timedelta(minutes=30))
    place = workplace(service("a"), target)
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(_outcome(place, stored.digest))
        await place.clock.advance(timedelta(minutes=45))
        held = place.journal.leases["target:list"]
        place.journal.leases["target:list"] = replace(held, token=Token(held.token + 1))
        place.journal.tokens["target:list"] += 1
        await place.clock.advance(LEASE_TTL / 3)

    assert isinstance(task.result(), Locked)
    assert (await place.states(), target.members) == ({"add a": "intent"}, {})


async def test_the_lock_is_given_back_whatever_happens() -> None:
    place = workplace(service("a"), service())
    stored = await place.plan()
    place.target.before_write = _break

    with pytest.raises(ZeroDivisionError):
        await place.apply(stored)

    assert place.journal.leases == {}
    run = await place.journal.run(RunId(1))
    assert (run.state, run.verdict) == (RunState.FAILED, "The run stopped: a bug")
    assert await place.states() == {"add a": "intent"}


async def test_nothing_is_applied_in_a_freeze_window() -> None:
    window = FreezeWindow(cron="0 8 * * *", duration=timedelta(hours=4))
    guards = replace(NO_LIMITS, freeze=(window,))
    place = workplace(service("a"), service(), guards=guards)
    stored = await place.plan()

    with pytest.raises(Frozen):
        await place.apply(stored)
    await place.clock.advance(timedelta(hours=4))
    await place.apply(stored)

    assert place.target.keys() == {"a"}


async def test_an_engine_that_only_looks_plans_and_changes_nothing() -> None:
    place = Workplace(services={"source": service("a"), "list": service()}, read_only=True)

    stored = await place.clock.finish(place.reconciler.plan(SYNC, keep=False))
    with pytest.raises(ReadOnly):
        await place.plan()

    assert (stored.plan.change_count, place.journal.writes) == (1, 0)


async def test_a_run_that_did_everything_is_not_resumed() -> None:
    place = workplace(service("a"), service())
    await place.sync_once()

    with pytest.raises(PlanError, match="nothing to go on with"):
        await place.resume(1)


def _break(*_: object) -> None:
    raise ZeroDivisionError("a bug")


async def _outcome(place: Workplace, digest: str) -> SyncdeckError | None:
    try:
        await place.reconciler.apply(digest, confirmed=True)
    except SyncdeckError as error:
        return error
    return None
