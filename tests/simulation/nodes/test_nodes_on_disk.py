"""The same stories over real state files, a few of them: SYNCDECK_DISK_SEEDS says how many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.nodes.stored import Beside, OnDisk
from tests.simulation.nodes.story import Story

SEEDS = int(os.environ.get("SYNCDECK_DISK_SEEDS", "24"))


@pytest.fixture
def beside() -> Iterator[Beside]:
    """Return where the storage runs."""
    running = Beside()
    yield running
    running.close()


@pytest.mark.soak
@pytest.mark.timeout(60 + 2 * SEEDS)
def test_nodes_with_real_state_files_end_the_same_which_takes_ten_seconds(beside: Beside, tmp_path: Path) -> None:
    for seed in range(SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        Story(seed, make_node=OnDisk(beside, folder), sizes=(3,)).watched()
