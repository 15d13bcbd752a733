"""A sync that runs by itself does what its schedule allows, and leaves the rest to a person, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.errors import Locked, RemoteRefused
from engine.reconcile.automatic import Automatic
from engine.reconcile.results import AutomaticEnding, AutomaticRun
from engine.settings.model import ApprovalSettings, AutomaticApply, GuardSettings, Schedule
from tests.doubles.workplace import SYNC, Workplace, service, workplace


def scheduled(apply: AutomaticApply, **more: Any) -> dict[str, Any]:
    return {"schedule": Schedule(every=timedelta(minutes=15), apply=apply), **more}


async def run(place: Workplace) -> AutomaticRun:
    return await place.clock.finish(Automatic(place.means, place.reconciler).run(SYNC))


@pytest.mark.parametrize("policy", list(AutomaticApply))
async def test_a_sync_in_step_ends_so_under_every_policy(policy: AutomaticApply) -> None:
    place = workplace(service("a"), service("a"), **scheduled(policy))
    assert (await run(place)).ending is AutomaticEnding.IN_STEP


async def test_ask_makes_a_plan_that_waits_and_calls_nobody() -> None:
    place = workplace(service("a", "b"), service("b"), **scheduled(AutomaticApply.ASK))
    ended = await run(place)
    assert (ended.ending, ended.run) == (AutomaticEnding.WAITS, None)
    assert "apply: ask" in ended.said
    assert place.target.keys() == {"b"}


async def test_the_same_plan_waits_once_however_often_the_schedule_fires() -> None:
    place = workplace(service("a"), service(), **scheduled(AutomaticApply.ASK))
    first = await run(place)
    await place.clock.advance(timedelta(minutes=15))
    second = await run(place)
    assert first.digest == second.digest
    assert len(await place.reconciler.plans(sync=SYNC)) == 1


async def test_other_work_is_another_plan() -> None:
    place = workplace(service("a"), service(), **scheduled(AutomaticApply.ASK))
    first = await run(place)
    place.services["source"].members.update(service("b").members)
    second = await run(place)
    assert first.digest != second.digest


async def test_additions_are_applied_and_a_single_removal_makes_the_whole_plan_wait() -> None:
    place = workplace(service("a", "b"), service("b"), **scheduled(AutomaticApply.ADDITIONS))
    assert (await run(place)).ending is AutomaticEnding.APPLIED
    assert place.target.keys() == {"a", "b"}

    place.services["source"].members.pop("b")
    place.services["source"].members.update(service("c").members)
    ended = await run(place)
    assert ended.ending is AutomaticEnding.WAITS
    assert "removals: 1" in ended.said
    assert place.target.keys() == {"a", "b"}


async def test_additions_that_need_an_approval_wait_for_it() -> None:
    """That the schedule lets them through does not make it one who approves."""
    settings = scheduled(AutomaticApply.ADDITIONS, approval=ApprovalSettings(required=True))
    place = workplace(service("a"), service(), **settings)
    assert (await run(place)).ending is AutomaticEnding.WAITS
    assert place.target.keys() == set()


async def test_within_guards_applies_removals_too() -> None:
    place = workplace(service("a"), service("b"), **scheduled(AutomaticApply.WITHIN_GUARDS))
    ended = await run(place)
    assert (ended.ending, place.target.keys()) == (AutomaticEnding.APPLIED, {"a"})
    assert ended.run is not None


async def test_a_guard_that_refuses_is_left_to_a_person() -> None:
    guards = GuardSettings(max_removals=1, max_removal_percent=None)
    settings = scheduled(AutomaticApply.WITHIN_GUARDS, guards=guards)
    place = workplace(service("a"), service("a", "b", "c"), **settings)
    ended = await run(place)
    assert ended.ending is AutomaticEnding.REFUSED
    assert "2" in ended.said
    assert place.target.keys() == {"a", "b", "c"}


async def test_what_a_person_rejected_is_not_proposed_again() -> None:
    place = workplace(service("a"), service(), **scheduled(AutomaticApply.WITHIN_GUARDS))
    stored = await place.plan()
    await place.reconciler.reject(stored.digest)
    assert (await run(place)).ending is AutomaticEnding.LEFT_ALONE
    assert place.target.keys() == set()


async def test_a_paused_sync_is_left_alone() -> None:
    place = workplace(service("a"), service(), **scheduled(AutomaticApply.WITHIN_GUARDS, paused=True))
    assert (await run(place)).ending is AutomaticEnding.LEFT_ALONE
    assert await place.reconciler.plans(sync=SYNC) == []


async def test_a_target_in_quarantine_is_left_alone_until_somebody_lets_it_out() -> None:
    place = workplace(service("a"), service(), **scheduled(AutomaticApply.WITHIN_GUARDS))
    await place.journal.quarantine(SYNC, "list", "three failures", "test", place.clock.now())
    ended = await run(place)
    assert ended.ending is AutomaticEnding.LEFT_ALONE
    assert f"syncdeck release {SYNC}" in ended.said

    await place.reconciler.release(SYNC, "list")
    assert (await run(place)).ending is AutomaticEnding.APPLIED


async def test_a_source_that_cannot_be_read_is_a_failure_in_words() -> None:
    source = service("a")
    source.read_faults[1] = RemoteRefused("The list is gone.")
    place = workplace(source, service("a"), **scheduled(AutomaticApply.WITHIN_GUARDS))
    ended = await run(place)
    assert ended.ending is AutomaticEnding.FAILED
    assert "The list is gone." in ended.said
    assert place.target.keys() == {"a"}


async def test_a_target_that_somebody_writes_to_is_a_reason_to_try_again() -> None:
    place = workplace(service("a"), service(), **scheduled(AutomaticApply.WITHIN_GUARDS))
    async with place.locks.hold("target:list", "another run"):
        with pytest.raises(Locked, match="another run"):
            await run(place)
