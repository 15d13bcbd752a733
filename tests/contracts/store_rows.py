"""Which sandboxes there are for which coordination backend, and which cases each of them takes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from adapters.registry import COORDINATION
from tests.contracts.store_case import StoreCase, Suite
from tests.contracts.store_sandbox import StoreSandbox

ROWS = ("memory", *(row.type for row in COORDINATION))


def store_sandboxes(row: str) -> tuple[type[StoreSandbox], ...]:
    """Return the sandboxes of a backend; none where there is no module for it."""
    name = f"tests.contracts.coordination_sandboxes.{row}"
    if find_spec(name) is None:
        return ()
    sandboxes: tuple[type[StoreSandbox], ...] = import_module(name).SANDBOXES
    return sandboxes


def trials(*suites: Suite) -> Iterator[tuple[str, type[StoreSandbox], StoreCase]]:
    """Yield a name, a sandbox and a case for everything the contracts say about every row."""
    for row in ROWS:
        for sandbox in store_sandboxes(row):
            for suite in suites:
                for case in suite.cases.values():
                    if case.fits(sandbox):
                        yield f"{row}-{sandbox.label}-{case.name}", sandbox, case
