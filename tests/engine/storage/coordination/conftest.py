"""A coordination file for each test, and this process's store at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.coordination.standing import SessionId
from engine.coordination.store import Store
from tests.engine.storage.coordination.neighbour import Neighbour, neighbour, store_at, who


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".syncdeck" / "coordination.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with store_at(path).open() as store:
        yield store


@pytest.fixture
async def session(store: Store) -> SessionId:
    return await store.begin(who(), timedelta(seconds=60), lambda name, token: None)


@pytest.fixture
def other(path: Path) -> Iterator[Neighbour]:
    """Another process at the file."""
    with neighbour(path) as there:
        yield there
