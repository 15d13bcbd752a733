"""Stories of busy operators: whenever somebody looked, and whatever was redacted since, all are shown the same."""

from __future__ import annotations

import os

import pytest

from tests.simulation.nodes.desk import AT_THE_DESK
from tests.simulation.nodes.story import Story

SEEDS = int(os.environ.get("SYNCDECK_SEEDS", "1000")) // 10


@pytest.mark.soak
@pytest.mark.timeout(60 + SEEDS)
def test_operators_are_shown_the_same_everywhere_which_takes_five_seconds() -> None:
    for seed in range(SEEDS):
        Story(seed, deeds=AT_THE_DESK).watched()
