"""Plans that are applied later than others: whatever has happened since is newer than they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.errors import GuardRefused, Locked, TargetDrifted
from engine.reconcile.history import RunId, RunState
from engine.reconcile.plan import Action
from engine.reconcile.records import RecordKey
from engine.reconcile.results import StoredPlan
from tests.doubles.workplace import NO_LIMITS, SECOND, SYNC, Workplace, effects, service, workplace


async def _two_plans(place: Workplace) -> tuple[StoredPlan, StoredPlan]:
    """Return an older and a newer plan of the same differences."""
    older = await place.plan()
    await place.clock.advance(SECOND)
    newer = await place.plan()
    await place.clock.advance(SECOND)
    return older, newer


async def test_a_removal_that_somebody_took_back_is_not_made_again_by_an_older_plan() -> None:
    place = workplace(service("a"), service("a", "x"))
    older, newer = await _two_plans(place)
    await place.apply(newer)
    place.target.outsider(Action.ADD, "x")

    with pytest.raises(TargetDrifted, match="Run 1 has worked on it since this plan was made"):
        await place.apply(older)

    assert place.target.keys() == {"a", "x"}
    assert effects(place.target, Action.REMOVE) == ["x"]


async def test_an_addition_that_an_undo_took_back_is_not_made_again_by_an_older_plan() -> None:
    place = workplace(service("a", "b"), service("a"))
    older, newer = await _two_plans(place)
    await place.apply(newer)
    await place.clock.advance(SECOND)
    await place.apply(await place.reconciler.undo(RunId(1)))
    await place.clock.advance(SECOND)

    result = await place.apply(older)

    assert place.target.keys() == {"a"}
    assert (result.summary.state, result.summary.counts["drifted"]) == (RunState.PARTIAL, 1)


async def test_a_selection_from_a_plan_read_in_the_tick_of_a_run_does_not_make_again_what_somebody_took_back() -> None:
    """Whether the run or the read came first cannot be told within one tick of the clock."""
    place = workplace(service("a", "b"), service("a"))
    older = await place.plan()
    await place.apply(await place.plan())
    place.target.outsider(Action.REMOVE, "b")
    chosen = await place.reconciler.select(older.digest, ["b"])
    await place.clock.advance(SECOND)

    await place.apply(chosen)

    assert place.target.keys() == {"a"}


async def test_the_rest_of_a_plan_is_applied_after_a_selection_from_it() -> None:
    place = workplace(service("a", "b", "c"), service("a", "x"))
    whole = await place.plan()
    await place.clock.advance(SECOND)
    await place.apply(await place.reconciler.select(whole.digest, ["b"]))
    await place.clock.advance(SECOND)

    result = await place.apply(whole)

    assert place.target.keys() == {"a", "b", "c"}
    assert result.summary.counts == {"already": 1, "done": 2}


async def test_a_target_is_not_called_in_step_after_a_selection_or_an_undo() -> None:
    place = workplace(service("a", "b", "c"), service("a"))
    whole = await place.plan()

    await place.apply(await place.reconciler.select(whole.digest, ["b"]))
    (after_selection,) = (await place.reconciler.overview())[0].targets
    await place.apply(await place.plan())
    (after_all,) = (await place.reconciler.overview())[0].targets
    await place.clock.advance(SECOND)
    await place.apply(await place.reconciler.undo(RunId(2)))
    (after_undo,) = (await place.reconciler.overview())[0].targets

    assert (after_selection.health, after_all.health, after_undo.health) == ("unknown", "in step", "unknown")
    assert after_selection.reason.endswith("Plan again to see what is left.")
    assert after_undo.reason == "Run 2 was taken back. Plan again to see how it stands."


async def test_a_drift_of_many_is_told_in_few_lines() -> None:
    place = workplace(service("a"), service("a", *(f"x{number}" for number in range(50))))
    older, newer = await _two_plans(place)
    await place.apply(newer)
    for number in range(50):
        place.target.outsider(Action.ADD, f"x{number}")

    with pytest.raises(TargetDrifted, match="And 40 more") as refusal:
        await place.apply(older)

    assert len(str(refusal.value).splitlines()) == 12


async def test_a_yes_that_came_to_nothing_is_no_approval_for_later() -> None:
    place = workplace(service("a"), service("a", "x"))
    stored = await place.plan()
    await place.clock.advance(SECOND)
    lease = await place.journal.take_lease("target:list", "berta pid 7", timedelta(seconds=60), place.clock.now())
    with pytest.raises(Locked):
        await place.apply(stored)
    await place.journal.release_lease(lease)

    assert await place.reconciler.latest_approved(SYNC) is None
    await place.reconciler.approve(stored.digest, comment="seen")
    approved = await place.reconciler.latest_approved(SYNC)
    assert approved is not None
    assert approved.digest == stored.digest


async def test_a_plan_that_was_made_while_a_run_was_under_way_is_not_found_for_later() -> None:
    place = workplace(service("a"), service("a", "x"))
    older, newer = await _two_plans(place)
    await place.reconciler.approve(newer.digest, comment="seen")
    await place.apply(older)

    assert await place.reconciler.latest_approved(SYNC) is None


async def test_whoever_is_nobody_of_ours_any_more_stays_under_managed_only() -> None:
    """The plan was made while the member was ours; since then we took him out, and somebody else brought him back."""
    place = workplace(service("a"), service("x"), guards=replace(NO_LIMITS, managed_only=True))
    place.journal.ledger["list"] = {RecordKey("x")}
    older = await place.plan()
    assert older.plan.targets[0].count(Action.REMOVE) == 1
    place.journal.ledger["list"].clear()

    with pytest.raises(GuardRefused, match="x away from list, whom Syncdeck did not add or adopt"):
        await place.apply(older)

    assert place.target.writes == []


async def test_a_plan_of_yesterday_counts_what_was_removed_since() -> None:
    place = workplace(
        service(*"abcdefghij"),
        service(*"abcdefghij", "x", "y", "z"),
        guards=replace(NO_LIMITS, window_removal_percent=20.0),
    )
    whole = await place.plan()
    await place.apply(await place.reconciler.select(whole.digest, ["x", "y"]))
    await place.clock.advance(timedelta(hours=1))

    with pytest.raises(GuardRefused, match="With the 2 removed within the last 24 hours"):
        await place.apply(await place.plan())

    assert effects(place.target, Action.REMOVE) == ["x", "y"]
