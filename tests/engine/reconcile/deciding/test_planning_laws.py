"""Laws of planning, for any two sides."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.reconcile.deciding.planfile import encode
from engine.reconcile.deciding.planning import Occasion
from engine.reconcile.deciding.staleness import sort_changes
from engine.reconcile.deciding.undo import inverse
from engine.reconcile.history import RunId
from engine.reconcile.plan import Action, Plan
from engine.reconcile.records import RecordKey, Value, fold
from engine.settings.model import GuardSettings, Mode, SyncSettings
from tests.engine.reconcile.model import (
    NO_LIMITS,
    NOW,
    DictTarget,
    acts,
    all_done,
    batch_of,
    only,
    planned,
    sync_of,
)

Sides = dict[str, dict[str, Value]]
spellings = st.sampled_from(["ann", "Ann", "ANN", "bob", "Bob", "cy", "di", "é", "É", "ed", "flo", "guy", "hal"])
values = st.sampled_from(["", "x", "y", None, 1, "1", True, ["a"], "\x1f"])
attributes = st.fixed_dictionaries({"name": values, "role": values, "number": st.sampled_from(["", 1, 2, 3, 4])})
sides = st.dictionaries(spellings, attributes, max_size=8)
RUN = RunId(7)
MAPPED = {"name": "name", "role": "role", "number": "number"}


def unique(side: Sides) -> Sides:
    """Return the side with one spelling for each key."""
    return {spelling: side[spelling] for spelling in {fold(spelling): spelling for spelling in sorted(side)}.values()}


def plan_for(sync: SyncSettings, source: Sides, target: DictTarget) -> Plan:
    return planned(sync, batch_of(source.items(), tuple(MAPPED)), target.read())


syncs = st.builds(
    lambda mode, mapped, rename: sync_of(
        mode=mode, attributes=MAPPED if mapped else {}, rename_by="number" if mapped and rename else ""
    ),
    st.sampled_from(Mode),
    st.booleans(),
    st.booleans(),
)


@given(syncs, sides, sides)
def test_after_a_plan_is_carried_out_nothing_is_left_to_do(sync: SyncSettings, source: Sides, held: Sides) -> None:
    target = DictTarget(unique(held).items(), tuple(MAPPED))
    target.carry_out(only(plan_for(sync, source, target)).changes)
    assert acts(plan_for(sync, source, target)) == []


@given(sides, sides)
def test_a_full_plan_makes_the_target_hold_what_is_wanted(source: Sides, held: Sides) -> None:
    source = unique(source)
    target = DictTarget(unique(held).items(), tuple(MAPPED))
    target.carry_out(only(plan_for(sync_of(attributes=MAPPED), source, target)).changes)
    assert target.members.keys() == {fold(spelling) for spelling in source}


@given(syncs, sides, sides, st.integers(0, 1_000))
def test_planning_is_the_same_to_the_byte_in_any_order_of_reading(
    sync: SyncSettings, source: Sides, held: Sides, seed: int
) -> None:
    chance = random.Random(seed)
    orders = []
    for side in (source, held):
        listed = list(side.items())
        chance.shuffle(listed)
        orders.append(listed)
    names = tuple(MAPPED)
    straight = planned(sync, batch_of(source.items(), names), batch_of(held.items(), names))
    shuffled = planned(sync, batch_of(orders[0], names), batch_of(orders[1], names))
    assert encode(straight) == encode(shuffled)


@given(sides, sides, st.sets(spellings), st.booleans())
def test_protected_and_unmanaged_members_are_never_taken_away(
    source: Sides, held: Sides, protected: set[str], managed: bool
) -> None:
    owned = frozenset({RecordKey("bob"), RecordKey("di")})
    guards = replace(NO_LIMITS, protect=tuple(sorted(protected)), managed_only=managed)
    sync = sync_of(guards=guards, attributes=MAPPED, rename_by="number")
    names = tuple(MAPPED)
    plan = planned(sync, batch_of(source.items(), names), batch_of(held.items(), names), owned=owned)
    spared = {fold(pattern) for pattern in protected}
    for change in only(plan).changes:
        assert change.action is Action.ADD or change.key not in spared
        assert change.action not in (Action.REMOVE, Action.RENAME) or not managed or change.key in owned


@given(sides, sides)
def test_adding_only_never_takes_anybody_away(source: Sides, held: Sides) -> None:
    target = DictTarget(unique(held).items(), tuple(MAPPED))
    before = set(target.members)
    target.carry_out(only(plan_for(sync_of(mode=Mode.ADD_ONLY, attributes=MAPPED), source, target)).changes)
    assert before <= set(target.members)


limits = st.builds(
    GuardSettings,
    max_removals=st.none() | st.integers(0, 4),
    max_removal_percent=st.none() | st.sampled_from([0.0, 10.0, 50.0]),
    max_additions=st.none() | st.integers(0, 4),
    max_updates=st.none() | st.integers(0, 3),
    min_source=st.integers(0, 3),
    min_left=st.integers(0, 3),
    window_removal_percent=st.none() | st.sampled_from([0.0, 30.0]),
)


@given(limits, sides, sides, st.integers(0, 3), st.integers(0, 12))
def test_no_plan_above_a_limit_is_applyable(
    guards: GuardSettings, source: Sides, held: Sides, removed_lately: int, more: int
) -> None:
    held = unique(held) | {f"member {number}": {} for number in range(more)}
    source = unique(source) | {f"member {number}": {} for number in range(more // 2)}
    plan = planned(
        sync_of(guards=guards, attributes=MAPPED),
        batch_of(source.items(), tuple(MAPPED)),
        batch_of(held.items(), tuple(MAPPED)),
        removed_lately=removed_lately,
    )
    target = only(plan)
    removals, members = target.count(Action.REMOVE), len(held)
    beyond = [
        guards.max_removals is not None and removals > guards.max_removals,
        guards.max_additions is not None and target.count(Action.ADD) > guards.max_additions,
        guards.max_updates is not None and target.count(Action.UPDATE) > guards.max_updates,
        len(source) < guards.min_source,
        removals > 0 and members - removals + target.count(Action.ADD) < guards.min_left,
        guards.max_removal_percent is not None
        and members > 10
        and removals * 100 > guards.max_removal_percent * members,
        guards.window_removal_percent is not None
        and removals > 0
        and members + removed_lately > 10
        and (removals + removed_lately) * 100 > guards.window_removal_percent * (members + removed_lately),
    ]
    assert bool(plan.refusals) is any(beyond)
    assert plan.applyable is (plan.change_count > 0 and not any(beyond))


@given(syncs, sides, sides)
def test_undoing_a_run_restores_what_was_there(sync: SyncSettings, source: Sides, held: Sides) -> None:
    target = DictTarget(unique(held).items(), tuple(MAPPED))
    before = {
        spelling: {name: kept.get(name) for name in sync.attributes} for spelling, kept in target.members.values()
    }
    plan = plan_for(sync, source, target)
    target.carry_out(only(plan).changes)
    back = inverse(plan, RUN, all_done(plan), sync, Occasion(now=NOW, actor="bob", config_digest="c" * 64))
    outcome = sort_changes(only(back), target.held(back, sync))
    assert (len(outcome.needed), outcome.drifted, outcome.unplanned) == (len(only(back).changes), {}, ())
    target.carry_out(only(back).changes)
    after = {spelling: {name: kept.get(name) for name in sync.attributes} for spelling, kept in target.members.values()}
    assert after == before


@given(sides, sides, sides)
def test_what_somebody_changed_meanwhile_is_never_overridden(source: Sides, held: Sides, meanwhile: Sides) -> None:
    sync = sync_of(attributes=MAPPED, rename_by="number")
    target = DictTarget(unique(held).items(), tuple(MAPPED))
    plan = plan_for(sync, source, target)
    now = DictTarget(unique(meanwhile).items(), tuple(MAPPED))
    outcome = sort_changes(only(plan), now.held(plan, sync))
    places = [*outcome.needed, *outcome.already, *outcome.drifted]
    assert sorted(places) == list(range(len(only(plan).changes)))
    for place in outcome.needed:
        change = only(plan).changes[place]
        member = now.members.get(change.key)
        assert (member is None) is (change.before is None)
    now.carry_out([only(plan).changes[place] for place in outcome.needed])


DIGEST = """
from engine.reconcile.deciding.planfile import encode
from tests.engine.reconcile.model import batch_of, planned, sync_of
ours = [(f"user{n}@x.com", {"name": f"n{n}", "number": n}) for n in range(300)]
theirs = [(f"USER{n}@x.com", {"name": f"n{n % 7}", "number": n + n % 2}) for n in range(100, 400)]
plan = planned(sync_of(attributes={"name": "name", "number": "number"}, rename_by="number"),
               batch_of(ours), batch_of(theirs))
print(encode(plan).digest, len(plan.targets[0].changes))
"""


def test_planning_is_the_same_to_the_byte_in_twenty_processes_of_different_hash_seeds_over_a_second() -> None:
    root = Path(__file__).parents[4]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", DIGEST],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(root)},
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(20)
    ]
    digests = {process.communicate()[0] for process in running}
    (only_one,) = digests
    assert int(only_one.split()[1]) > 300
