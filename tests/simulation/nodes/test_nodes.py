"""Whole stories of nodes that exchange events, each from one seed; SYNCDECK_SEEDS says how many. A seed that fails is
played again by `python -m tests.simulation.nodes SEED`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.nodes.story import Story

SEEDS = int(os.environ.get("SYNCDECK_SEEDS", "600"))
IN_ONE_TEST = 100


@pytest.mark.soak
@pytest.mark.timeout(60 + SEEDS)
@pytest.mark.parametrize("first", range(0, SEEDS, IN_ONE_TEST))
def test_all_nodes_end_the_same_whatever_happened(first: int) -> None:
    for seed in range(first, min(first + IN_ONE_TEST, SEEDS)):
        Story(seed).watched()


def test_a_seed_tells_the_same_story_again_byte_by_byte_in_another_process() -> None:
    story = Story(7)
    story.watched()
    command = [sys.executable, "-m", "tests.simulation.nodes", "7"]
    told = [
        subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    ]

    assert told[0] == told[1] == ("\n".join(story.said) + "\n").encode()
    assert len(story.said) > 20
