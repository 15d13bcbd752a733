"""The simulation is itself tested: with a weakness planted into a node some story fails, and for that reason."""

from __future__ import annotations

import pytest

from tests.simulation.nodes.story import Story
from tests.simulation.nodes.weaknesses import WEAKNESSES

MOST_SEEDS = 300
"""Stories told at most for one weakness, from the seed on that stands with it: some way before one that shows it."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("weakness", WEAKNESSES)
def test_a_planted_weakness_is_found(weakness: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, plant, complaint = WEAKNESSES[weakness]
    plant(monkeypatch)

    with pytest.raises(AssertionError, match=complaint):
        tell(range(first, first + MOST_SEEDS))


def tell(seeds: range) -> None:
    """Tell stories until one goes wrong."""
    for seed in seeds:
        Story(seed).watched()
