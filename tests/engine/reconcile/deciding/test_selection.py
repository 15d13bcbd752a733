"""Choosing some items of a plan makes a plan of its own, judged by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.errors import NothingFound
from engine.reconcile.deciding.guards import Circumstances, judge
from engine.reconcile.deciding.selection import derive
from engine.reconcile.history import Digest
from engine.reconcile.plan import Plan, items
from tests.engine.reconcile.deciding.test_guards import OFF, plan_of
from tests.engine.reconcile.model import NOW, batch_of, planned, sync_of

ONE = planned(
    sync_of(),
    batch_of([("Ann@x.com", {}), ("bob@x.com", {}), ("cy@y.com", {})]),
    batch_of([("Di@X.com", {}), ("ed@y.com", {})]),
)
PLAN = replace(ONE, targets=(ONE.targets[0], replace(ONE.targets[0], target="wiki")))
PARENT = Digest("p" * 64)


def chosen(plan: Plan, *choices: str) -> list[str]:
    derived = derive(plan, PARENT, choices, NOW + timedelta(hours=1), "bob")
    return [name for name, _, _ in items(derived)]


@pytest.mark.parametrize(
    ("choices", "kept"),
    [
        (["list/add/bob@x.com"], ["list/add/bob@x.com"]),
        (["Di@X.com"], ["list/remove/di@x.com", "wiki/remove/di@x.com"]),
        (["DI@x.com"], ["list/remove/di@x.com", "wiki/remove/di@x.com"]),
        (["wiki/remove/*"], ["wiki/remove/di@x.com", "wiki/remove/ed@y.com"]),
        (["list/*@Y.com"], ["list/add/cy@y.com", "list/remove/ed@y.com"]),
        (["c?@y.com", "list/add/ann@x.com"], ["list/add/ann@x.com", "list/add/cy@y.com", "wiki/add/cy@y.com"]),
    ],
)
def test_items_are_chosen_by_id_key_spelling_or_pattern(choices: list[str], kept: list[str]) -> None:
    assert chosen(PLAN, *choices) == kept


def test_a_target_is_chosen_by_its_name() -> None:
    assert chosen(PLAN, "wiki") == [name for name, target, _ in items(PLAN) if target.target == "wiki"]


def test_letter_case_tells_two_apart_in_a_case_sensitive_sync() -> None:
    plan = planned(sync_of(case_sensitive=True), batch_of([("bob", {})]), batch_of([("Anna", {}), ("anna", {})]))
    assert chosen(plan, "Anna") == ["list/remove/Anna"]


def test_a_choice_is_folded_as_keys_are() -> None:
    plan = planned(sync_of(), batch_of([("straße", {})]), batch_of([]))
    assert chosen(plan, "STRASSE") == ["list/add/strasse"] == chosen(plan, "Straße")


def test_a_derived_plan_names_its_parent_and_expires_with_it() -> None:
    derived = derive(PLAN, PARENT, ["wiki"], NOW + timedelta(hours=1), "bob")
    assert (derived.parent, derived.created_by, derived.expires_at) == (PARENT, "bob", PLAN.expires_at)
    assert derived.config_digest == PLAN.config_digest


def test_a_selection_is_judged_by_itself() -> None:
    guards = replace(OFF, max_removals=1)
    parent = judge(plan_of(20, remove=3), guards, Circumstances())
    derived = derive(parent, PARENT, ["remove1"], NOW, "ann")
    assert not parent.applyable
    assert judge(derived, guards, Circumstances()).applyable


def test_a_choice_that_fits_nothing_is_refused_and_names_the_nearest() -> None:
    with pytest.raises(NothingFound, match=r"Nothing in this plan of eng is called 'bob@x.co'.*bob@x.com"):
        chosen(PLAN, "Di@X.com", "bob@x.co")
