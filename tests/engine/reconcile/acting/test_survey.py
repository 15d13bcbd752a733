"""Planning: both sides read with proof, one source read for all targets, failures as sentences."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.errors import NothingFound, RemoteRefused, RemoteUnavailable
from engine.reconcile.acting.survey import LOOK_UP_CHUNK, SOURCE_MAX_AGE
from engine.reconcile.history import Health, PlanState
from engine.reconcile.plan import Action
from engine.settings.model import ApprovalSettings, GuardSettings
from tests.doubles.workplace import SECOND, SYNC, Workplace, service, workplace


async def test_one_read_of_the_source_serves_all_targets() -> None:
    place = Workplace(services={"source": service("a"), "list": service(), "wiki": service("x")})

    stored = await place.plan()

    assert place.services["source"].reads == 1
    assert [[change.action for change in target.changes] for target in stored.plan.targets] == [
        [Action.ADD],
        [Action.ADD, Action.REMOVE],
    ]


async def test_a_source_that_stops_early_is_an_error_and_never_a_small_set() -> None:
    """GS1: with proof demanded, half an answer cannot empty a target."""
    place = workplace(service("a", "b", without_proof=True), service("a", "b", "c"))

    stored = await place.plan()

    assert "without proof" in stored.plan.error
    assert (stored.plan.change_count, stored.plan.applyable, stored.plan.complete) == (0, False, False)


async def test_a_target_that_cannot_be_read_is_a_sentence_in_the_plan() -> None:
    broken = service("x")
    broken.read_faults = {1: RemoteRefused("The key was revoked.")}
    place = Workplace(services={"source": service("a"), "list": service(), "broken": broken})

    stored = await place.plan()

    assert {target.target: target.error for target in stored.plan.targets} == {
        "list": "",
        "broken": "The key was revoked.",
    }
    assert (stored.plan.complete, stored.plan.applyable) == (False, True)


async def test_a_busy_service_is_read_after_the_pause_it_asked_for() -> None:
    source = service("a")
    source.read_faults = {1: RemoteUnavailable("Slow down.", retry_after=20 * SECOND)}
    place = workplace(source, service())

    stored = await place.plan()

    assert (stored.plan.change_count, place.clock.slept) == (1, [20 * SECOND])


async def test_a_dead_service_is_reported_within_seconds() -> None:
    source = service("a")
    source.read_faults = {number: RemoteUnavailable("No route.") for number in range(1, 20)}
    place = workplace(source, service())
    began = place.clock.monotonic()

    stored = await place.plan()

    assert stored.plan.error == "No route."
    assert place.clock.monotonic() - began <= 5


async def test_secrets_in_a_remote_error_do_not_reach_the_plan() -> None:
    source = service()
    source.read_faults = {1: RemoteRefused("Wrong password: a secret text")}
    place = workplace(source, service())

    stored = await place.plan()

    assert stored.plan.error == "Wrong password: ***"


async def test_a_source_read_too_long_ago_is_read_again() -> None:
    place = workplace(service("a"), service(latency=SOURCE_MAX_AGE + SECOND))

    await place.plan()

    assert place.services["source"].reads == 2


async def test_look_ups_come_in_chunks_and_only_for_additions() -> None:
    names = [f"user{number}" for number in range(LOOK_UP_CHUNK + 200)]
    place = workplace(service(*names, page_size=500), service("gone"))

    await place.plan()

    assert place.target.resolved == [LOOK_UP_CHUNK, 200]


async def test_who_the_target_does_not_know_is_parked_and_not_an_error_half_way() -> None:
    target = service(strangers={"bob": "list knows nobody called bob."})
    place = workplace(service("anna", "bob"), target)

    result = await place.sync_once()

    (planned,) = (await place.reconciler.load(result.summary.digest)).plan.targets
    assert [(one.spelling, one.reason) for one in planned.parked] == [("bob", "list knows nobody called bob.")]
    assert target.keys() == {"anna"}


async def test_a_good_source_read_is_remembered_and_a_suspicious_one_is_not() -> None:
    place = workplace(service("a", "b", "c", "d"), service(), guards=GuardSettings())
    await place.plan()
    place.services["source"].members.clear()
    await place.plan()

    assert [read.count for read in place.journal.reads[SYNC]] == [4]


async def test_progress_of_reading_is_told() -> None:
    place = workplace(service("a", latency=SECOND), service())

    with place.notices.subscribe("plan.progress") as subscription:
        await place.plan()
        told = []
        async for notice in subscription:
            told.append(notice.detail)
            if notice.detail == "reading list":
                break

    assert told == ["reading source", "source: 1 records read", "reading list"]


async def test_targets_can_be_chosen_and_unknown_names_are_refused() -> None:
    place = Workplace(services={"source": service("a"), "list": service(), "wiki": service()})

    stored = await place.clock.finish(place.reconciler.plan(SYNC, ["wiki"]))
    assert [target.target for target in stored.plan.targets] == ["wiki"]
    with pytest.raises(NothingFound, match="it has: list, wiki"):
        await place.reconciler.plan(SYNC, ["wikki"])
    with pytest.raises(NothingFound, match="there are: team"):
        await place.reconciler.plan("teem")


async def test_a_plan_says_where_it_stands() -> None:
    place = workplace(service("a"), service("x"), guards=GuardSettings())

    waiting = await place.plan()
    await place.reconciler.approve(waiting.digest)
    approved = await place.reconciler.load(waiting.digest[:8])
    await place.apply(waiting)
    applied = await place.reconciler.load(waiting.digest)
    empty = await place.plan()

    states = [waiting.state, approved.state, applied.state, empty.state]
    assert states == [PlanState.WAITING, PlanState.APPROVED, PlanState.APPLIED, PlanState.EMPTY]
    listed = {summary.digest: summary.state for summary in await place.reconciler.plans()}
    assert listed == {waiting.digest: PlanState.APPLIED, empty.digest: PlanState.EMPTY}


async def test_a_list_of_plans_tells_the_same_states_as_the_plans_themselves() -> None:
    place = workplace(service("a", "b"), service("x", "y"))
    for leaver in ("x", "y", "a"):
        stored = await place.plan()
        place.target.outsider(Action.REMOVE, leaver)
        await place.clock.advance(SECOND)
        if leaver == "y":
            await place.reconciler.reject(stored.digest)

    for summary in await place.reconciler.plans():
        assert summary.state == (await place.reconciler.load(summary.digest)).state


async def test_the_newest_approved_plan_that_is_still_fresh_is_found_by_its_sync() -> None:
    place = workplace(service("a"), service("x"))
    approved = await place.plan()
    await place.reconciler.approve(approved.digest)
    await place.clock.advance(SECOND)
    await place.plan()

    found = await place.reconciler.latest_approved(SYNC)
    assert found is not None
    assert found.digest == approved.digest
    await place.clock.advance(timedelta(days=2))
    assert await place.reconciler.latest_approved(SYNC) is None


async def test_an_approved_plan_older_than_the_last_run_is_not_offered_any_more() -> None:
    place = workplace(service("a"), service("x"))
    approved = await place.plan()
    await place.reconciler.approve(approved.digest)
    await place.clock.advance(SECOND)
    place.services["source"].members["x"] = {}
    await place.sync_once()

    assert await place.reconciler.latest_approved(SYNC) is None


async def test_readiness_names_every_obstacle() -> None:
    place = workplace(service(), service("x"), guards=GuardSettings(window_removal_percent=None))
    stored = await place.plan()

    ready = await place.reconciler.readiness(stored.digest)

    assert (ready.needs_approval, ready.may_approve, ready.removals, ready.confirm_word) == (True, True, 1, "list")
    assert [verdict.guard for verdict in ready.refusals] == ["min_source"]
    assert any("min_source" in sentence for sentence in ready.obstacles)
    assert ready.yes_suffices


async def test_a_required_approval_is_an_obstacle_that_a_yes_does_not_remove() -> None:
    place = workplace(service("a"), service(), approval=ApprovalSettings(required=True))
    stored = await place.plan()

    ready = await place.reconciler.readiness(stored.digest)

    assert (ready.yes_suffices, ready.may_approve) == (False, True)
    assert ready.obstacles == (
        f"This plan of team needs an approval before it is applied: syncdeck approve {stored.digest[:12]}",
    )


async def test_a_chosen_part_of_a_plan_is_a_plan_of_its_own() -> None:
    place = workplace(service("a", "b"), service("x", "y"))
    whole = await place.plan()

    part = await place.reconciler.select(whole.digest, ["list/add/a", "list/remove/y"])
    await place.apply(part)

    assert (place.target.keys(), part.plan.parent) == ({"a", "x"}, whole.digest)


async def test_failures_in_a_row_end_in_quarantine_and_a_clean_plan_ends_it() -> None:
    source = service("a")
    place = workplace(source, service(), quarantine_after=3)
    source.read_faults = {number: RemoteRefused("The key was revoked.") for number in range(1, 4)}
    for _ in range(2):
        await place.plan()
    assert await _health(place) == (Health.UNKNOWN, 2)

    await place.plan()
    assert await _health(place) == (Health.QUARANTINED, 3)
    (line,) = await place.reconciler.overview()
    assert line.targets[0].reason == "3 failures in a row; the last: The key was revoked."

    await place.plan()
    assert await _health(place) == (Health.OUT_OF_STEP, 0)


async def test_refusals_in_a_row_end_in_quarantine_until_a_person_lets_the_target_out() -> None:
    place = workplace(service(), service("x"), guards=GuardSettings(), quarantine_after=2)
    await place.plan()
    await place.plan()
    assert (await _health(place))[0] is Health.QUARANTINED

    await place.reconciler.release(SYNC, "list")

    assert await _health(place) == (Health.UNKNOWN, 0)


async def test_a_run_that_finds_the_target_away_counts_as_a_failure() -> None:
    place = workplace(service("a"), service(), quarantine_after=1)
    stored = await place.plan()
    place.target.write_faults = {number: RemoteUnavailable("503") for number in range(1, 50)}

    await place.apply(stored)

    assert await _health(place) == (Health.QUARANTINED, 1)


async def test_the_overview_tells_every_sync_without_reading_anything() -> None:
    place = workplace(service("a"), service("x"))
    stored = await place.plan()
    reads = place.target.reads

    (line,) = await place.reconciler.overview()

    assert (line.sync, line.waiting, line.refused, line.source_counts) == (SYNC, stored.digest, None, (1,))
    assert (line.targets[0].health, line.targets[0].counts) == (Health.OUT_OF_STEP, {"add": 1, "remove": 1})
    assert (line.last_run, line.running, place.target.reads) == (None, None, reads)


async def test_a_plan_kept_by_another_version_hides_nothing() -> None:
    place = Workplace(services={"source": service("a"), "list": service()})
    stored = await place.plan()
    place.journal.bodies[stored.digest] = (stored.plan, b"kept by a version that wrote plans differently")
    place = place.another()

    (sync,) = await place.reconciler.overview()
    (summary,) = await place.reconciler.plans()

    assert sync.targets[0].health is Health.OUT_OF_STEP
    assert summary.state is PlanState.EXPIRED
    assert summary.errors


async def test_in_step_after_a_run_with_the_members_counted() -> None:
    place = workplace(service("a", "b"), service("x"))
    await place.sync_once()

    (line,) = await place.reconciler.overview()

    assert (line.targets[0].health, line.targets[0].members) == (Health.IN_STEP, 2)
    assert line.last_run is not None


async def _health(place: Workplace) -> tuple[Health, int]:
    (line,) = await place.reconciler.overview()
    return line.targets[0].health, line.targets[0].failures
