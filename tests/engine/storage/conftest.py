"""A state file of one's own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.storage.database import Database, open_database
from engine.storage.event_log import StoredEventLog
from tests.doubles.clock import ManualClock

NODE = "berlin-1"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(state: Path) -> AsyncIterator[Database]:
    async with open_database(state) as database:
        yield database


@pytest.fixture
async def log(database: Database, clock: ManualClock) -> StoredEventLog:
    return StoredEventLog(database, clock, NODE)
