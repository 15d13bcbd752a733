"""Nodes that sync by themselves, in virtual time: they end the same, and in peace they keep quiet."""

from __future__ import annotations

import os

import pytest

from tests.simulation.nodes.automatic import AutomaticStory

SEEDS = int(os.environ.get("SYNCDECK_SEEDS", "500")) // 20


@pytest.mark.soak
@pytest.mark.timeout(60 + 2 * SEEDS)
def test_nodes_that_sync_by_themselves_end_the_same_and_keep_quiet_which_takes_ten_seconds() -> None:
    for seed in range(SEEDS):
        AutomaticStory(seed).watched()
