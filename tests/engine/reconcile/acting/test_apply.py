"""What a run does, and in which order: on doubles, without time passing for real."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.errors import GuardRefused, NotApproved, PlanStale, RemoteRefused, RemoteUnavailable, TargetDrifted
from engine.reconcile.history import ItemState, RunState
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from engine.settings.model import ApprovalSettings, GuardSettings, Mode
from tests.doubles.targets import ALL_ACTIONS
from tests.doubles.workplace import NO_LIMITS, SECOND, Workplace, effects, service, workplace


async def test_after_a_run_nothing_is_left_to_do() -> None:
    place = workplace(service("a", "b", "c"), service("c", "x"))

    result = await place.sync_once()

    assert place.target.keys() == {"a", "b", "c"}
    assert (result.summary.state, result.summary.verified, result.exit_code) == (RunState.DONE, True, 2)
    assert (await place.plan()).plan.change_count == 0


async def test_a_removal_is_spelled_as_the_target_spells_it() -> None:
    place = workplace(service("anna@acme.org"), service("Anna@Acme.org", "BOB@Acme.org"))

    await place.sync_once()

    (batch,) = place.target.writes
    assert [change.spelling for change in batch] == ["BOB@Acme.org"]


async def test_a_removal_is_spelled_as_the_target_spells_it_by_the_time_of_the_call() -> None:
    place = workplace(service("anna@acme.org"), service("anna@acme.org", "bob@acme.org"))
    stored = await place.plan()
    place.target.members["Bob@Acme.org"] = place.target.members.pop("bob@acme.org")

    await place.apply(stored)

    assert [change.spelling for batch in place.target.writes for change in batch] == ["Bob@Acme.org"]
    assert place.target.keys() == {"anna@acme.org"}


async def test_a_plan_without_changes_ends_well_and_calls_nobody() -> None:
    place = workplace(service("a"), service("a"))

    result = await place.sync_once()

    assert (result.summary.state, result.exit_code, place.target.writes) == (RunState.DONE, 0, [])


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        (Mode.ADD_REMOVE, [Action.ADD, Action.REMOVE]),
        (Mode.REMOVE_ADD, [Action.REMOVE, Action.ADD]),
        (Mode.ADD_ONLY, [Action.ADD]),
        (Mode.REMOVE_ONLY, [Action.REMOVE]),
    ],
)
async def test_actions_come_in_the_order_of_the_mode(mode: Mode, order: list[Action]) -> None:
    place = workplace(service("a"), service("x"), mode=mode)

    await place.sync_once()

    assert [batch[0].action for batch in place.target.writes] == order


async def test_intents_are_durable_before_each_call_and_outcomes_after_it() -> None:
    place = workplace(service("a", "b", "c", "d", "e"), service(batch_size=2))
    intended_at_each_call: list[int] = []
    place.target.before_write = lambda *_: intended_at_each_call.append(len(place.journal.intents))

    await place.sync_once()

    assert intended_at_each_call == [1, 2, 3]
    assert [len(batch) for batch in place.target.writes] == [2, 2, 1]


async def test_no_call_is_made_when_a_guard_refuses() -> None:
    place = workplace(service(), service("a", "b"), guards=GuardSettings())
    stored = await place.plan()

    with pytest.raises(GuardRefused, match="min_source"):
        await place.apply(stored)

    assert place.target.writes == []
    assert place.journal.all_runs == []


async def test_guards_judge_again_what_is_left_when_it_is_applied() -> None:
    """GS3: the limit is asked before the first call, also when it was the target that changed meanwhile."""
    guards = GuardSettings(min_left=2, max_removal_percent=None, window_removal_percent=None)
    place = workplace(service("a", "b"), service("a", "b", "x"), guards=guards)
    stored = await place.plan()
    place.target.outsider(Action.REMOVE, "a")

    with pytest.raises(GuardRefused, match="min_left"):
        await place.apply(stored)

    assert place.target.writes == []


async def test_a_target_that_cannot_be_emptied_keeps_its_last_member() -> None:
    """Asked when planning, when selecting from the plan, and again of the connected target when applying."""
    guards = replace(NO_LIMITS, min_left=0)
    target = service(limits=Limits(actions=ALL_ACTIONS, least_members=1))
    target.members = {"x": {}, "y": {}}
    place = workplace(service("a"), target, guards=guards)
    whole = await place.plan()
    part = await place.reconciler.select(whole.digest, ["list/remove/*"])
    assert [verdict.guard for verdict in part.plan.refusals] == ["min_left"]

    place.target.outsider(Action.REMOVE, "y")
    one_removal = await place.reconciler.select(whole.digest, ["list/remove/x"])
    assert one_removal.plan.refusals == ()
    with pytest.raises(GuardRefused, match="min_left"):
        await place.apply(one_removal)

    assert place.target.keys() == {"x"}


async def test_a_guard_is_lifted_by_an_approval_that_names_it() -> None:
    place = workplace(service(), service("a"), guards=GuardSettings(window_removal_percent=None))
    stored = await place.plan()
    await place.reconciler.approve(stored.digest, comment="the team is dissolved", overrides=["min_source"])

    result = await place.apply(stored)

    assert (result.summary.state, place.target.keys()) == (RunState.DONE, set())


async def test_a_source_whose_shrinking_was_approved_is_the_new_normal() -> None:
    guards = GuardSettings(max_removals=None, max_removal_percent=None, window_removal_percent=None)
    place = workplace(service(*"abcdefghij"), service(*"abcdefghij"), guards=guards)
    await place.plan()
    for leaver in "defghij":
        del place.services["source"].members[leaver]
    shrunk = await place.plan()
    overrides = ["max_source_drop_percent"]
    await place.reconciler.approve(shrunk.digest, comment="the site was closed", overrides=overrides)
    await place.apply(shrunk)

    assert (await place.plan()).plan.refusals == ()


async def test_a_removal_that_drifted_refuses_the_whole_plan() -> None:
    place = _with_titles({"a": "dev"}, {"x": "ops"})
    stored = await place.plan()
    place.target.outsider(Action.UPDATE, "x", {"title": "admin"})

    with pytest.raises(TargetDrifted, match="x at list"):
        await place.apply(stored)

    assert place.target.writes == []
    assert place.journal.all_runs == []
    ((event_type, aggregate, data),) = place.recorded
    assert (event_type, aggregate) == ("apply.refused", f"plan:{stored.digest[:12]}")
    assert data["refusal"] == "TargetDrifted"


async def test_an_update_that_drifted_is_not_applied_and_the_rest_is() -> None:
    place = _with_titles({"a": "dev", "b": "dev"}, {"a": "ops", "b": "ops"})
    stored = await place.plan()
    place.target.outsider(Action.UPDATE, "a", {"title": "admin"})

    result = await place.apply(stored)

    assert await place.states() == {"update a": "drifted", "update b": "done"}
    assert place.target.members["a"] == {"title": "admin"}
    assert (result.summary.state, result.summary.verified, result.exit_code) == (RunState.PARTIAL, False, 6)


async def test_what_somebody_did_meanwhile_is_already_so_and_called_for_no_more() -> None:
    place = workplace(service("a", "b"), service("x"))
    stored = await place.plan()
    place.target.outsider(Action.ADD, "a")

    await place.apply(stored)

    assert await place.states() == {"add a": "already", "add b": "done", "remove x": "done"}
    assert effects(place.target, Action.ADD) == ["b"]


async def test_differences_that_nobody_planned_are_reported_and_left_alone() -> None:
    """GS7, GS15: whoever else changes the target between plan and apply is not undone."""
    place = workplace(service("a"), service("x"))
    stored = await place.plan()
    place.target.outsider(Action.ADD, "newcomer")

    result = await place.apply(stored)

    assert place.target.keys() == {"a", "newcomer"}
    assert result.targets[0].unplanned != ()


async def test_a_target_that_stays_away_is_left_as_it_is() -> None:
    target = service("x", batch_size=1)
    target.write_faults = {number: RemoteUnavailable("The list answers 503.") for number in range(1, 100)}
    place = workplace(service("a", "b"), target)

    result = await place.sync_once()

    assert await place.states() == {"add a": "failed", "add b": "failed", "remove x": "failed"}
    assert (result.summary.state, result.exit_code) == (RunState.FAILED, 1)
    assert result.targets[0].error == "The list answers 503."
    assert (await place.items())["add b"].reason == "Not tried: The list answers 503."


async def test_an_error_names_the_failing_items_and_nobody_else() -> None:
    """GS9: the seed printed the whole destination instead."""
    place = workplace(service("a", "bad", "c"), service("old", refused={"bad": "No such user."}))

    result = await place.sync_once()

    failed = [item for item in (await place.items()).values() if item.state is ItemState.REFUSED]
    assert [(item.spelling, item.reason) for item in failed] == [("bad", "No such user.")]
    assert "1 refused" in result.summary.verdict


async def test_the_culprit_of_a_refused_batch_is_parked_and_the_others_go_on() -> None:
    target = service(batch_size=8, poison={"d"})
    place = workplace(service(*"abcdefgh"), target)

    await place.sync_once()

    assert place.target.keys() == set("abcefgh")
    assert (await place.items())["add d"].state is ItemState.REFUSED


async def test_a_service_that_refuses_everything_is_not_asked_for_ever() -> None:
    names = [f"user{number:03}" for number in range(500)]
    target = service(batch_size=500)
    target.write_faults = {number: RemoteRefused("The group is gone.") for number in range(1, 2_000)}
    place = workplace(service(*names), target)

    await place.sync_once()

    assert set((await place.states()).values()) == {"refused"}
    assert len(target.writes) < 100


async def test_one_target_that_is_away_does_not_harm_the_others() -> None:
    broken = service("x")
    place = Workplace(services={"source": service("a"), "broken": broken, "wiki": service("x")}, sync={})
    stored = await place.plan()
    broken.read_faults = {number: RemoteUnavailable("No route to broken.") for number in range(2, 20)}

    result = await place.apply(stored)

    assert place.services["wiki"].keys() == {"a"}
    assert broken.keys() == {"x"}
    assert {one.target: one.error for one in result.targets} == {"broken": "No route to broken.", "wiki": ""}


async def test_targets_keep_to_their_concurrency() -> None:
    limits = Limits(actions=ALL_ACTIONS, batch_size=1, concurrency=3)
    target = service(limits=limits, latency=timedelta(seconds=1))
    place = workplace(service(*"abcdefghi"), target)

    await place.sync_once()

    assert (target.most_under_way, len(target.writes)) == (3, 9)


async def test_an_approval_that_is_required_cannot_be_replaced_by_a_yes() -> None:
    place = workplace(service("a"), service(), approval=ApprovalSettings(required=True))
    stored = await place.plan()

    with pytest.raises(NotApproved, match=f"syncdeck approve {stored.digest[:12]}"):
        await place.apply(stored)

    assert place.target.writes == []


async def test_the_yes_of_the_author_is_not_enough_under_four_eyes() -> None:
    place = workplace(service("a"), service("x"), approval=ApprovalSettings(four_eyes=True))
    stored = await place.plan()
    with pytest.raises(NotApproved, match="somebody other than its author"):
        await place.apply(stored)

    await place.another(actor="berta@test").reconciler.approve(stored.digest)
    await place.apply(stored)

    assert place.target.keys() == {"a"}


async def test_removals_without_anybodys_yes_are_not_made() -> None:
    place = workplace(service(), service("x"))
    stored = await place.plan()

    with pytest.raises(NotApproved):
        await place.clock.finish(place.reconciler.apply(stored.digest))

    assert place.target.writes == []


async def test_a_rejected_plan_is_never_applied() -> None:
    place = workplace(service("a"), service())
    stored = await place.plan()
    await place.reconciler.reject(stored.digest, comment="wrong week")

    with pytest.raises(NotApproved, match="anna@test rejected this plan: wrong week"):
        await place.apply(stored)


async def test_a_plan_expires() -> None:
    place = workplace(service("a"), service(), approval=ApprovalSettings(expires=timedelta(hours=2)))
    stored = await place.plan()
    await place.clock.advance(timedelta(hours=2))

    with pytest.raises(PlanStale, match="expired"):
        await place.apply(stored)


async def test_a_plan_is_stale_when_the_settings_it_was_made_with_have_changed() -> None:
    place = workplace(service("a"), service("x"))
    stored = await place.plan()

    with pytest.raises(PlanStale, match="settings of team"):
        await place.another(mode=Mode.ADD_ONLY).apply(stored)

    assert place.target.writes == []


async def test_a_plan_is_carried_out_once() -> None:
    place = workplace(service("a"), service())
    stored = await place.plan()
    await place.apply(stored)
    place.target.outsider(Action.REMOVE, "a")

    with pytest.raises(PlanStale, match="carried out before"):
        await place.apply(stored)

    assert place.target.keys() == set()


async def test_a_plan_that_another_process_just_carried_out_is_not_carried_out_again() -> None:
    place = workplace(service("a"), service())
    stored = await place.plan()

    async def overtake() -> None:
        await place.another().reconciler.apply(stored.digest, confirmed=True)
        place.target.outsider(Action.REMOVE, "a")

    place.locks.overtaking = overtake
    with pytest.raises(PlanStale, match="carried out by run 1 meanwhile"):
        await place.apply(stored)

    assert place.target.keys() == set()


async def test_an_undo_takes_back_what_the_run_did() -> None:
    place = workplace(service("a", "b"), service("b", "x"))
    await place.sync_once()

    await place.clock.advance(SECOND)
    undo = await place.reconciler.undo((await place.reconciler.runs())[0].run)
    await place.apply(undo)

    assert (place.target.keys(), undo.plan.undoes) == ({"b", "x"}, "1")


async def test_an_undo_is_guarded_like_any_other_plan() -> None:
    guards = GuardSettings(max_removals=1, max_removal_percent=None, window_removal_percent=None)
    place = workplace(service("a", "b", "c"), service(), guards=guards)
    await place.sync_once()

    undo = await place.reconciler.undo((await place.reconciler.runs())[0].run)

    assert [verdict.guard for verdict in undo.plan.refusals] == ["max_removals"]


async def test_the_source_is_read_anew_for_every_plan() -> None:
    """GS6: a source remembered from the first plan made the second one remove who had been added meanwhile."""
    place = workplace(service("a"), service())
    await place.sync_once()
    place.services["source"].members["b"] = {}
    place.target.outsider(Action.ADD, "b")

    assert (await place.plan()).plan.change_count == 0


async def test_the_target_is_read_anew_before_and_after_each_run() -> None:
    """GS11: a list kept from before the removals puts the leavers back."""
    place = workplace(service("a"), service("x"), mode=Mode.REMOVE_ADD)
    stored = await place.plan()
    reads = place.target.reads

    await place.apply(stored)

    assert (place.target.keys(), place.target.reads - reads) == ({"a"}, 2)


def _with_titles(source: dict[str, str], target: dict[str, str]) -> Workplace:
    people, listed = service(names=("title",)), service(names=("title",))
    people.members = {name: {"title": title} for name, title in source.items()}
    listed.members = {name: {"title": title} for name, title in target.items()}
    return workplace(people, listed, attributes={"title": "title"}, guards=NO_LIMITS)
