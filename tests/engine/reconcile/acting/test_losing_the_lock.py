"""A run whose lock is lost calls nobody any more, at whichever moment that happens and whether or not it is told.

Each of the looks is shown alone: at the lock before an intent is written, once more between intent and call, at the
grant when the lease is taken, and the word of the loss in the middle of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.errors import Locked, SyncdeckError
from engine.reconcile.acting.holding import holding
from engine.reconcile.history import Lease, RunId, RunState
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from tests.doubles.journal import MemoryJournal
from tests.doubles.locks import HeldLock, SharedLocks
from tests.doubles.targets import ALL_ACTIONS
from tests.doubles.workplace import SECOND, Workplace, effects, service, workplace

LOCK = "target:list"


def slow_place() -> Workplace:
    """Return a place whose target takes two at a time and ten seconds for each call."""
    target = service(limits=Limits(actions=ALL_ACTIONS, batch_size=2), latency=10 * SECOND)
    return workplace(service(*"abcdef"), target)


async def outcome(place: Workplace, digest: str) -> SyncdeckError | None:
    try:
        await place.reconciler.apply(digest, confirmed=True)
    except SyncdeckError as error:
        return error
    return None


async def test_no_intent_is_written_once_the_lock_is_over_though_nobody_told_of_it() -> None:
    place = slow_place()
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(outcome(place, stored.digest))
        await place.clock.advance(11 * SECOND)
        place.locks.lapse(LOCK)
        await place.clock.advance(60 * SECOND)

    assert isinstance(task.result(), Locked)
    assert "lost its hold on list" in str(task.result())
    assert effects(place.target, Action.ADD) == ["a", "b"], "the call that was under way could not be taken back"
    states = await place.states()
    assert [states[f"add {key}"] for key in "cdef"] == ["pending"] * 4


class SlowToWrite(MemoryJournal):
    """A journal that takes so long for an intent that the lock is over when it stands there."""

    locks: SharedLocks

    async def intend(self, run: RunId, indexes: Sequence[int], lease: Lease, at: datetime) -> None:
        await super().intend(run, indexes, lease, at)
        self.locks.lapse(LOCK)


async def test_nothing_is_called_when_the_lock_was_over_before_the_intent_was_written() -> None:
    journal = SlowToWrite()
    place = Workplace(services={"source": service("a"), "list": service()}, journal=journal)
    journal.locks = place.locks
    stored = await place.plan()

    error = await place.clock.finish(outcome(place, stored.digest))

    assert isinstance(error, Locked)
    assert (place.target.writes, await place.states()) == ([], {"add a": "intent"})


async def test_a_loss_in_the_middle_of_a_call_ends_the_run_without_waiting_for_the_answer() -> None:
    place = workplace(service("a"), service(latency=timedelta(minutes=30)))
    stored = await place.plan()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(outcome(place, stored.digest))
        await place.clock.advance(31 * 60 * SECOND)  # read, and calling
        place.locks.revoke(LOCK)
        await place.clock.settle()
        assert task.done()

    assert isinstance(task.result(), Locked)
    assert (await place.journal.run(RunId(1))).state is RunState.FAILED
    assert await place.states() == {"add a": "intent"}


async def test_whoever_is_held_up_between_lock_and_lease_comes_too_late_when_others_were_there() -> None:
    place = workplace(service("a"), service())
    other = place.another(actor="berta@test")
    stored = await place.plan()

    async def others_come_and_go(mine: HeldLock) -> None:
        place.locks.held.pop(mine.name)  # its time is over; the process does not know, for it stands still
        theirs = await other.reconciler.select(stored.digest, ["list/add/a"])
        await other.reconciler.apply(theirs.digest, confirmed=True)

    place.locks.holding_up = others_come_and_go
    error = await place.clock.finish(outcome(place, stored.digest))

    assert isinstance(error, Locked)
    assert "under grant 2" in str(error)
    assert len(place.target.writes) == 1


async def test_targets_are_locked_in_one_order_so_that_of_two_runs_one_gets_them_all() -> None:
    place = workplace(service(), service())
    for wanted in (["wiki", "list", "chat"], ["chat", "wiki", "list"]):
        async with holding(place.means, wanted, "plan"):
            assert list(place.locks.held) == ["target:chat", "target:list", "target:wiki"]
