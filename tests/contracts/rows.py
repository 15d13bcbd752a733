"""Which sandboxes there are for which row of the registry, and which cases each of them takes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from adapters.registry import ENDPOINTS
from tests.contracts import endpoint, endpoint_trouble
from tests.contracts.case import CASES, Case
from tests.contracts.sandbox import Sandbox

SUITE = (endpoint, endpoint_trouble)
"""The modules whose cases make up the contract; importing them enters the cases."""


def sandboxes_of(type_name: str) -> tuple[type[Sandbox], ...]:
    """Return the sandboxes of an endpoint type; none where there is no module for it."""
    name = f"tests.contracts.sandboxes.{type_name}"
    if find_spec(name) is None:
        return ()
    sandboxes: tuple[type[Sandbox], ...] = import_module(name).SANDBOXES
    return sandboxes


def trials() -> Iterator[tuple[str, type[Sandbox], Case]]:
    """Yield a name, a sandbox and a case for everything the contract says about every row."""
    for row in ENDPOINTS:
        for sandbox in sandboxes_of(row.type):
            for case in CASES.values():
                if case.fits(sandbox):
                    yield f"{row.type}-{sandbox.label}-{case.name}", sandbox, case
