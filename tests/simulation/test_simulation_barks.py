"""The simulation is itself tested: with a weakness planted into the engine some story fails, and for that reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from engine.reconcile.acting import apply, outset, readback, run, settling
from engine.reconcile.deciding import drafting, guards, staleness
from engine.reconcile.history import ItemState
from tests.doubles.journal import MemoryJournal
from tests.simulation.story import Story

Plant = Callable[[pytest.MonkeyPatch], None]
MOST_SEEDS = 1_500
"""Stories told at most for one weakness, from the seed on that stands with it: some way before one that shows it."""


def _plant(module: Any, name: str, weak: Any) -> Plant:
    return lambda monkeypatch: monkeypatch.setattr(module, name, weak)


async def _retry_blindly(self: apply.Carrier, batch: list[int], error: object) -> list[int]:
    return batch


async def _carry_on(*_: object, **__: object) -> None:
    return None


def _trust_the_plan(target_plan: Any, held: Any) -> staleness.Sorted:
    return staleness.Sorted(needed=tuple(range(len(target_plan.changes))), already=(), drifted={})


def _call_by_the_key(target_plan: Any, held: Any) -> Any:
    changes = tuple(replace(change, spelling=str(change.key)) for change in target_plan.changes)
    return replace(target_plan, changes=changes)


def _only_lower_case(patterns: Sequence[str]) -> re.Pattern[str]:
    forms = "|".join(re.escape(one.lower()).replace(r"\*", ".*").replace(r"\?", ".") for one in patterns)
    return re.compile(forms or r"(?!)")


def _protect_one_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (drafting, guards):
        monkeypatch.setattr(module, "protecting", _only_lower_case)


def _own_everybody(self: MemoryJournal, plan: Any, item: Any) -> None:
    if item.state is ItemState.DONE:
        self.ledger.setdefault(item.target, set()).add(item.key)


def _give_up_and_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def give_up(self: apply.Carrier, batch: list[int], error: object, retry: object) -> list[int]:
        await self._account.conclude_all(batch, ItemState.FAILED, "It did not answer.")
        return []

    monkeypatch.setattr(apply.Carrier, "_unavailable", give_up)
    monkeypatch.setattr(apply.Carrier, "_why_nobody_may_go", lambda self: "")


WEAKNESSES: dict[str, tuple[int, Plant, str]] = {
    "a lost answer is followed by the same call again": (
        0,
        _plant(apply.Carrier, "_read_back", _retry_blindly),
        "it was shown|somebody took that back|took effect 2 times|it has drifted",
    ),
    "the target is not looked at again before the first call": (
        0,
        _plant(readback, "sort_changes", _trust_the_plan),
        "it was shown|it has drifted|took effect 2 times",
    ),
    "records are called by their folded keys": (
        0,
        _plant(readback, "respelled", _call_by_the_key),
        "the target spells it",
    ),
    "what a target spells otherwise by now is called as it was": (
        80,
        _plant(readback, "respelled", lambda target_plan, held: target_plan),
        "the target spells it",
    ),
    "people are removed although additions failed": (
        0,
        _give_up_and_go_on,
        "before .* could be added",
    ),
    "guards are forgotten when a plan is applied": (0, _plant(outset, "refuse", lambda plan: None), "a guard refuses"),
    "guards do not judge again what is left": (270, _plant(run, "judge_again", _carry_on), "removal|it is not ours"),
    "a protected member is protected in one spelling": (
        30,
        _protect_one_spelling,
        "it is protected",
    ),
    "a member that came back by another way is still ours": (
        0,
        _plant(MemoryJournal, "_note_owner", _own_everybody),
        "the ledger has|it is not ours",
    ),
    "an older plan does again what a run did and somebody took back": (
        570,
        _plant(run, "note_overtaken", _carry_on),
        "somebody took that back",
    ),
    "one of a call that somebody took back is made again": (
        0,
        _plant(settling, "_taken_back", lambda account, seen: set()),
        "somebody took that back|took effect 2 times",
    ),
    "a drifted removal does not refuse the plan and is made": (
        90,
        _plant(staleness, "_as_before", lambda change, member, held: staleness.NEEDED),
        "it has drifted|it was shown 2 times",
    ),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("weakness", WEAKNESSES)
async def test_a_planted_weakness_is_found(weakness: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, plant, complaint = WEAKNESSES[weakness]
    plant(monkeypatch)

    with pytest.raises(AssertionError, match=complaint):
        await _tell(range(first, first + MOST_SEEDS))


async def _tell(seeds: Iterable[int]) -> None:
    for seed in seeds:
        await Story(seed).watched()
