"""GS2: nobody is taken out before those who should be in are; and one parked addition holds nobody back for ever."""

from __future__ import annotations

import pytest

from engine.errors import RemoteUnavailable
from engine.reconcile.history import RunState
from engine.reconcile.plan import Action
from engine.reconcile.ports import Limits
from engine.settings.model import Mode
from tests.doubles.targets import ALL_ACTIONS
from tests.doubles.workplace import NO_LIMITS, effects, service, workplace

GONE = "The account is deactivated."
ONE_BY_ONE = Limits(actions=ALL_ACTIONS, batch_size=1)
AWAY_FOR_LONG = {number: RemoteUnavailable("503 Service Unavailable") for number in range(2, 40)}


async def test_a_refused_addition_is_parked_and_the_removals_go_on() -> None:
    target = service("x", refused={"a": GONE})
    place = workplace(service("a", "b"), target)

    result = await place.sync_once()

    assert await place.states() == {"add a": "refused", "add b": "done", "remove x": "done"}
    assert result.summary.state is RunState.PARTIAL
    assert target.keys() == {"b"}


async def test_nobody_is_removed_where_every_addition_is_refused() -> None:
    target = service("x", "y", refused={"a": GONE, "b": GONE})
    place = workplace(service("a", "b"), target, guards=NO_LIMITS)

    await place.sync_once()

    assert target.keys() == {"x", "y"}
    reason = (await place.items())["remove x"].reason
    assert "list refused every one of 2 additions and nobody is taken out" in reason
    assert "select the removals alone" in reason


async def test_nobody_is_removed_where_the_only_addition_is_refused() -> None:
    target = service("x", refused={"a": GONE})
    place = workplace(service("a"), target)

    await place.sync_once()

    assert target.keys() == {"x"}
    assert "list refused the only addition" in (await place.items())["remove x"].reason


async def test_somebody_who_is_there_already_does_not_make_up_for_those_who_were_refused() -> None:
    target = service("x", refused={"b": GONE})
    place = workplace(service("a", "b"), target)
    stored = await place.plan()
    target.outsider(Action.ADD, "a")

    await place.apply(stored)

    assert await place.states() == {"add a": "already", "add b": "refused", "remove x": "cancelled"}


async def test_nobody_is_removed_while_the_target_is_away_for_an_addition() -> None:
    target = service("x", limits=ONE_BY_ONE, write_faults=AWAY_FOR_LONG)
    place = workplace(service("a", "b", "c"), target)

    await place.sync_once()

    assert await place.states() == {"add a": "done", "add b": "failed", "add c": "failed", "remove x": "failed"}
    assert effects(target, Action.REMOVE) == []


async def test_a_removal_goes_on_once_the_failed_additions_are_made_up_for() -> None:
    target = service("x", refused={"c": GONE}, limits=ONE_BY_ONE, write_faults=AWAY_FOR_LONG)
    place = workplace(service("a", "b", "c"), target)
    result = await place.sync_once()
    target.write_faults = {}

    await place.clock.finish(place.reconciler.resume(result.summary.run))

    assert await place.states() == {"add a": "done", "add b": "done", "add c": "refused", "remove x": "done"}


@pytest.mark.parametrize("mode", [Mode.REMOVE_ADD, Mode.REMOVE_ONLY])
async def test_modes_that_remove_first_wait_for_no_addition(mode: Mode) -> None:
    target = service("x", refused={"a": GONE})
    place = workplace(service("a"), target, mode=mode)

    await place.sync_once()

    assert target.keys() == set()
