"""Keys, tasks, schedules and streams keep their promises on every backend of the registry, and on the one in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.cron import CRON
from tests.contracts.keyspace import KEYSPACE
from tests.contracts.store_case import StoreCase
from tests.contracts.store_rows import trials
from tests.contracts.store_sandbox import StoreSandbox
from tests.contracts.streaming import STREAMING
from tests.contracts.tasks import TASKS

TRIALS = list(trials(KEYSPACE, TASKS, CRON, STREAMING))


@pytest.mark.parametrize(("sandbox_type", "case"), [trial[1:] for trial in TRIALS], ids=[trial[0] for trial in TRIALS])
def test_it_keeps_the_contract(sandbox_type: type[StoreSandbox], case: StoreCase, tmp_path: Path) -> None:
    async def run() -> None:
        async with sandbox_type(tmp_path) as sandbox:
            await case.run(sandbox)

    sandbox_type.play(run())
