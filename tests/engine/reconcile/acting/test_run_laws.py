"""Laws of runs, over worlds that nobody thought of: any source, any target, any rules, any interference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import GuardRefused, TargetDrifted
from engine.reconcile.history import ItemState, RunId
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from engine.reconcile.records import Value
from engine.settings.model import GuardSettings, Mode
from tests.doubles.targets import ALL_ACTIONS
from tests.doubles.workplace import NO_LIMITS, SECOND, SYNC, Workplace, service, workplace

Records = dict[str, dict[str, Value]]

keys = st.sampled_from(["anna", "Berta", "CARLA", "dora", "emma", "o'brien", "zoë"])
titles = st.sampled_from(["dev", "ops", ""])
records = st.dictionaries(keys, st.builds(lambda title: {"title": title}, titles), max_size=7)
limits = st.one_of(st.none(), st.integers(0, 3))
guards = st.builds(
    GuardSettings,
    max_removals=limits,
    max_additions=limits,
    max_updates=limits,
    min_left=st.integers(0, 3),
    min_source=st.integers(0, 2),
    window_removal_percent=st.one_of(st.none(), st.just(50.0)),
    protect=st.sampled_from([(), ("d*",), ("*",)]),
)


@dataclass(frozen=True, kw_only=True)
class Meddling:
    """What somebody else does at the target between plan and apply."""

    action: Action
    key: str
    title: str

    def at(self, place: Workplace) -> None:
        """Do it."""
        place.target.outsider(self.action, self.key, {"title": self.title})


meddlings = st.lists(
    st.builds(Meddling, action=st.sampled_from([Action.ADD, Action.REMOVE]), key=keys, title=titles), max_size=3
)


def _place(source: Records, target: Records, mode: Mode, rules: GuardSettings, batch_size: int = 2) -> Workplace:
    people, listed = service(names=("title",)), service(names=("title",))
    people.members = {name: dict(values) for name, values in source.items()}
    listed.members = {name: dict(values) for name, values in target.items()}
    listed.limits = Limits(actions=ALL_ACTIONS, batch_size=batch_size, concurrency=2)
    return workplace(people, listed, attributes={"title": "title"}, mode=mode, guards=rules)


@given(source=records, target=records, mode=st.sampled_from(Mode), batch_size=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
async def test_after_an_apply_the_next_plan_is_empty(
    source: Records, target: Records, mode: Mode, batch_size: int
) -> None:
    place = _place(source, target, mode, NO_LIMITS, batch_size)

    result = await place.sync_once()

    assert set(result.summary.counts) <= {"done"}
    assert (await place.plan()).plan.change_count == 0


@given(source=records, target=records, mode=st.sampled_from(Mode), rules=guards, meddling=meddlings)
@settings(max_examples=100, deadline=None)
async def test_no_call_is_made_if_any_guard_trips_or_a_removal_drifted(
    source: Records, target: Records, mode: Mode, rules: GuardSettings, meddling: list[Meddling]
) -> None:
    place = _place(source, target, mode, rules)
    stored = await place.plan()
    refused = stored.plan.refusals
    for one in meddling:
        one.at(place)

    try:
        await place.apply(stored)
    except (GuardRefused, TargetDrifted):
        assert place.target.writes == []
        assert place.journal.all_runs == []
    else:
        assert refused == ()


@given(source=records, target=records, mode=st.sampled_from(Mode), meddling=meddlings)
@settings(max_examples=100, deadline=None)
async def test_what_somebody_else_did_between_plan_and_apply_is_never_overridden(
    source: Records, target: Records, mode: Mode, meddling: list[Meddling]
) -> None:
    place = _place(source, target, mode, NO_LIMITS)
    stored = await place.plan()
    planned = {str(change.key): change.before for change in stored.plan.targets[0].changes}
    for one in meddling:
        one.at(place)
    before = _by_key(place.target.members)

    try:
        await place.apply(stored)
    except TargetDrifted:
        return

    for key, values in before.items():
        if key not in planned or planned[key] != values:
            assert _by_key(place.target.members).get(key) == values


@given(source=records, target=records, mode=st.sampled_from(Mode), meddling=meddlings)
@settings(max_examples=60, deadline=None)
async def test_an_undo_restores_what_nobody_else_touched(
    source: Records, target: Records, mode: Mode, meddling: list[Meddling]
) -> None:
    place = _place(source, target, mode, NO_LIMITS)
    await place.sync_once()
    if not await place.journal.run_items(RunId(1), states=[ItemState.DONE]):
        return
    await place.clock.advance(SECOND)
    undo = await place.reconciler.undo(RunId(1))
    for one in meddling:
        one.at(place)
    touched = {one.key.casefold() for one in meddling}

    try:
        await place.apply(undo)
    except TargetDrifted:
        return

    restored, wanted = _by_key(place.target.members), _by_key(target)
    assert {key: restored[key] for key in restored.keys() - touched} == {
        key: wanted[key] for key in wanted.keys() - touched
    }


@given(source=records, target=records)
@settings(max_examples=30, deadline=None)
async def test_planning_again_changes_nothing_and_calls_nobody(source: Records, target: Records) -> None:
    place = _place(source, target, Mode.ADD_REMOVE, NO_LIMITS)

    first = await place.clock.finish(place.reconciler.plan(SYNC, keep=False))
    second = await place.clock.finish(place.reconciler.plan(SYNC, keep=False))

    assert first.digest == second.digest
    assert (place.target.writes, place.journal.writes) == ([], 0)


def _by_key(members: Mapping[str, Mapping[str, Value]]) -> dict[str, dict[str, Value]]:
    return {spelling.casefold(): dict(values) for spelling, values in members.items()}
