"""Crashes: at every write of the journal, with somebody else at the target meanwhile, nothing is lost, nothing is done
twice, and nobody is overridden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from engine.errors import PlanStale
from engine.reconcile.history import ItemState, RunId, RunState
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from engine.reconcile.records import Value
from engine.settings.model import ApprovalSettings, Mode
from tests.doubles.journal import Crash
from tests.doubles.targets import ALL_ACTIONS, Service
from tests.doubles.workplace import Workplace, service, workplace

PEOPLE: dict[str, dict[str, Value]] = {
    "anna": {"title": "dev"},
    "berta": {"title": "dev"},
    "carla": {"title": "ops"},
    "dora": {"title": "ops"},
    "emma": {"title": "lead"},
}
LISTED: dict[str, dict[str, Value]] = {
    "carla": {"title": "dev"},
    "dora": {"title": "dev"},
    "emma": {"title": "lead"},
    "xenia": {"title": "old"},
    "yvonne": {"title": "old"},
    "zoe": {"title": "old"},
}
CHANGES = 7
"""Two additions, two updates, three removals."""


def _set(target: Service, name: str, title: str) -> None:
    if name in target.members:
        target.outsider(Action.UPDATE, name, {"title": title})


def _take_back_one(target: Service) -> None:
    """Undo the newest of our effects that came with others in one call."""
    calls = [batch for batch in target.writes if len(batch) > 1]
    if not calls:
        return
    change = calls[-1][-1]
    match change.action:
        case Action.ADD:
            target.outsider(Action.REMOVE, change.spelling)
        case _:
            target.outsider(Action.ADD, change.spelling, dict(change.before or {}))


Outside = Callable[[Service], None]

OUTSIDE: dict[str, Outside] = {
    "nobody": lambda target: None,
    "somebody adds another member": lambda target: target.outsider(Action.ADD, "vera", {"title": "guest"}),
    "somebody adds who is to be added": lambda target: target.outsider(Action.ADD, "berta", {"title": "dev"}),
    "somebody removes who is to be removed": lambda target: target.outsider(Action.REMOVE, "zoe"),
    "somebody changes who is to be updated": lambda target: _set(target, "dora", "admin"),
    "somebody changes who is to be removed": lambda target: _set(target, "zoe", "admin"),
    "somebody removes who is to be updated": lambda target: target.outsider(Action.REMOVE, "dora"),
    "somebody takes back what was done last but not alone": _take_back_one,
}


def _place(batch_size: int, mode: Mode) -> Workplace:
    people, listed = service(names=("title",)), service(names=("title",))
    people.members = {name: dict(values) for name, values in PEOPLE.items()}
    listed.members = {name: dict(values) for name, values in LISTED.items()}
    listed.limits = Limits(actions=ALL_ACTIONS, batch_size=batch_size)
    listed.latency = timedelta(seconds=1)
    return workplace(people, listed, attributes={"title": "title"}, mode=mode)


async def _crash(place: Workplace, digest: str, at: int, *, before: bool) -> bool:
    """Apply, and die at a write of the journal; False when the run ended before."""
    place.journal.writes, place.journal.crash_at, place.journal.crash_before = 0, at, before
    try:
        await place.clock.finish(place.reconciler.apply(digest, confirmed=True))
    except Crash:
        return True
    return False


@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize(
    ("batch_size", "mode"),
    [(1, Mode.ADD_REMOVE), (2, Mode.ADD_REMOVE), (2, Mode.REMOVE_ADD), (10, Mode.ADD_REMOVE)],
    ids=str,
)
async def test_a_crash_at_every_write_of_the_journal_loses_nothing_and_repeats_nothing(
    batch_size: int, mode: Mode, outside: str
) -> None:
    crashes = 0
    for before in (False, True):
        for write in range(1, 60):
            place = _place(batch_size, mode)
            stored = await place.plan()
            if not await _crash(place, stored.digest, write, before=before):
                break
            crashes += 1
            done_before = len(place.target.effects)
            OUTSIDE[outside](place.target)
            await _go_on(place, stored.digest)
            await _check(place, done_before, f"{outside}, crash {'before' if before else 'after'} write {write}")
    assert crashes > 12


async def _go_on(place: Workplace, digest: str) -> None:
    """Begin again as another process: resume the run if it had begun, else apply."""
    place.journal.restart()
    runs = await place.journal.runs(sync=None, limit=1)
    if runs and runs[0].state is RunState.INTERRUPTED:
        await place.another().resume(runs[0].run)


async def _check(place: Workplace, done_before: int, story: str) -> None:
    target, runs = place.target, await place.journal.runs(sync=None, limit=1)
    if not runs:
        assert not [one for one in target.effects if one.by == "syncdeck"], story
        return
    assert runs[0].state is not RunState.RUNNING, story
    _nothing_twice_and_nobody_overridden(target, done_before, story)
    items = await place.journal.run_items(RunId(1))
    assert len(items) == CHANGES, story
    for item in items:
        assert item.state.value in {"done", "already", "drifted"} or item.reason, (story, item)
        if item.state.value in {"done", "already"} and not _touched(target, item.key, done_before):
            wanted = PEOPLE.get(item.key)
            assert target.members.get(item.key) == wanted, (story, item)
    touched = {one.key for one in target.effects if one.by == "outsider"}
    asked_about = {str(item.key) for item in items if item.state is ItemState.DRIFTED}
    for name in PEOPLE.keys() - touched - asked_about:
        assert target.members[name] == PEOPLE[name], (story, name)
    assert "emma" in target.members, story


def _nothing_twice_and_nobody_overridden(target: Service, done_before: int, story: str) -> None:
    ours = Counter((one.action, one.key) for one in target.effects if one.by == "syncdeck")
    assert set(ours.values()) <= {1}, (story, ours)
    outsiders = {one.key for one in target.effects[done_before:] if one.by == "outsider"}
    after = target.effects[done_before:]
    overridden = [one.key for one in after if one.by == "syncdeck" and one.key in outsiders]
    assert overridden == [], (story, overridden)


def _touched(target: Service, key: str, done_before: int) -> bool:
    return any(one.by == "outsider" and one.key == key for one in target.effects[done_before:])


async def test_a_crash_while_resuming_is_resumed_too() -> None:
    start_of_run = 3
    for first in range(start_of_run, start_of_run + 9):
        for second in range(1, 14):
            place = _place(2, Mode.ADD_REMOVE)
            stored = await place.plan()
            assert await _crash(place, stored.digest, first, before=False)
            place.journal.restart()
            place.journal.crash_at = second
            try:
                await place.another().resume(1)
            except Crash:
                await _go_on(place, stored.digest)
            await _check(place, len(place.target.effects), f"crashes at {first} and {second}")
            assert place.target.members == PEOPLE


async def test_a_call_that_left_no_trace_is_made_again() -> None:
    place = workplace(service("a"), service())
    stored = await place.plan()
    place.target.before_write = _die
    with pytest.raises(Crash):
        await place.apply(stored)
    place.journal.restart()
    place.target.before_write = None
    assert await place.states() == {"add a": "intent"}

    await place.another().resume(1)

    assert (await place.states(), place.target.keys()) == ({"add a": "done"}, {"a"})


async def test_what_took_effect_before_the_crash_is_done_by_us_and_ours_to_remove() -> None:
    place = workplace(service("a"), service())
    stored = await place.plan()
    await _crash(place, stored.digest, await _write_of_first_outcome(place), before=True)
    place.journal.restart()

    await place.another().resume(1)

    assert await place.states() == {"add a": "done"}
    assert len(place.target.writes) == 1
    assert await place.journal.owned("list") == {"a"}


async def test_one_of_a_call_that_somebody_took_back_is_asked_about() -> None:
    place = _place(10, Mode.ADD_REMOVE)
    stored = await place.plan()
    await _crash(place, stored.digest, await _write_of_first_outcome(place), before=True)
    place.target.outsider(Action.REMOVE, "anna")
    place.journal.restart()

    result = await place.another().resume(1)

    items = await place.items()
    assert (items["add anna"].state.value, items["add berta"].state.value) == ("drifted", "done")
    assert "Somebody may have taken it back" in items["add anna"].reason
    assert "anna" not in place.target.members
    assert result.exit_code == 6


async def test_an_expired_plan_is_settled_and_not_carried_on() -> None:
    place = workplace(service("a", "b"), service(batch_size=1), approval=ApprovalSettings(expires=timedelta(hours=1)))
    stored = await place.plan()
    await _crash(place, stored.digest, await _write_of_first_outcome(place), before=True)
    place.journal.restart()
    await place.clock.advance(timedelta(hours=1))

    await place.another().resume(1)

    items = await place.items()
    assert (items["add a"].state.value, items["add b"].state.value) == ("done", "cancelled")
    assert "expired" in items["add b"].reason


async def test_a_run_that_a_later_one_has_overtaken_is_settled_and_not_carried_on() -> None:
    """What the old plan would remove is there again because somebody wants it there."""
    people = service("a", "b")
    place = workplace(people, service("x", batch_size=1))
    stored = await place.plan()
    await _crash(place, stored.digest, await _write_of_first_outcome(place), before=True)
    place.journal.restart()
    people.members["x"] = {}
    assert (await place.another().sync_once()).summary.run == 2

    result = await place.another().resume(1)

    items = await place.items()
    assert place.target.keys() == {"a", "b", "x"}
    assert (items["add a"].state.value, items["remove x"].state.value) == ("done", "cancelled")
    assert items["remove x"].reason == "Not carried out: run 2 has written to list since. Make a new plan."
    assert result.summary.state is RunState.PARTIAL


async def test_a_run_is_not_resumed_under_other_settings() -> None:
    place = workplace(service("a", "b"), service(batch_size=1))
    stored = await place.plan()
    await _crash(place, stored.digest, await _write_of_first_outcome(place), before=True)
    place.journal.restart()

    with pytest.raises(PlanStale):
        await place.another(mode=Mode.ADD_ONLY).resume(1)


async def test_parked_items_are_tried_again_when_the_run_is_resumed() -> None:
    target = service("x", refused={"a": "The account is deactivated."})
    place = workplace(service("a", "b"), target)
    await place.sync_once()
    target.refused = {}

    result = await place.resume(1)

    assert await place.states() == {"add a": "done", "add b": "done", "remove x": "done"}
    assert (result.summary.state, result.summary.verified) == (RunState.DONE, True)


def _die(*_: object) -> None:
    raise Crash


async def _write_of_first_outcome(place: Workplace) -> int:
    """Return the number of the journal's write that notes the first outcome of an apply with a yes."""
    needs_yes = any(change.action is Action.REMOVE for change in (await place.plan()).plan.targets[0].changes)
    return (1 if needs_yes else 0) + len(("lease", "start", "intent", "outcome"))
