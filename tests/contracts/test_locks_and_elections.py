"""Locks and elections keep their promises on every backend of the registry, and on the one in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.election import ELECTION
from tests.contracts.lock import LOCK
from tests.contracts.store_case import StoreCase
from tests.contracts.store_rows import trials
from tests.contracts.store_sandbox import StoreSandbox

TRIALS = list(trials(LOCK, ELECTION))


@pytest.mark.parametrize(("sandbox_type", "case"), [trial[1:] for trial in TRIALS], ids=[trial[0] for trial in TRIALS])
def test_it_keeps_the_contract(sandbox_type: type[StoreSandbox], case: StoreCase, tmp_path: Path) -> None:
    async def run() -> None:
        async with sandbox_type(tmp_path) as sandbox:
            await case.run(sandbox)

    sandbox_type.play(run())
