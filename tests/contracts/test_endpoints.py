"""Every endpoint of the registry keeps the contract, on a real target of its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.registry import ENDPOINTS
from tests.contracts.case import CASES, Case
from tests.contracts.rows import sandboxes_of, trials
from tests.contracts.sandbox import Circumstance, Sandbox, Servers

TRIALS = list(trials())
EVERY_SANDBOX = [sandbox for row in ENDPOINTS for sandbox in sandboxes_of(row.type)]


@pytest.mark.parametrize(("sandbox_type", "case"), [trial[1:] for trial in TRIALS], ids=[trial[0] for trial in TRIALS])
async def test_an_endpoint_keeps_the_contract(
    sandbox_type: type[Sandbox], case: Case, tmp_path: Path, servers: Servers
) -> None:
    async with sandbox_type(tmp_path, servers) as sandbox:
        await case.run(sandbox)


@pytest.mark.parametrize("type_name", [row.type for row in ENDPOINTS])
def test_every_row_of_the_registry_has_a_sandbox(type_name: str) -> None:
    assert sandboxes_of(type_name), f"tests/contracts/sandboxes/{type_name}.py is missing: nothing shows that it works"


@pytest.mark.parametrize("sandbox_type", EVERY_SANDBOX, ids=lambda sandbox: f"{sandbox.__module__}.{sandbox.__name__}")
def test_whatever_cannot_happen_at_a_target_is_declared_with_a_reason(sandbox_type: type[Sandbox]) -> None:
    for circumstance, reason in sandbox_type.lacks.items():
        assert len(reason.split()) >= 4, f"{circumstance.name}: no sentence"


def test_every_circumstance_is_asked_for_by_a_case() -> None:
    asked = {circumstance for case in CASES.values() for circumstance in case.needs}
    assert asked == set(Circumstance)


def test_every_circumstance_happens_at_some_target() -> None:
    offered = {
        circumstance for circumstance in Circumstance for sandbox in EVERY_SANDBOX if sandbox.offers(circumstance)
    }
    assert offered == set(Circumstance)


def test_labels_tell_the_sandboxes_of_a_row_apart() -> None:
    for row in ENDPOINTS:
        labels = [sandbox.label for sandbox in sandboxes_of(row.type)]
        assert len(labels) == len(set(labels))
