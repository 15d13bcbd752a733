"""Whole stories of the engine, each from one seed; SYNCDECK_SEEDS says how many. A seed that fails is played again by
`python -m tests.simulation SEED`."""

from __future__ import annotations

import os

import pytest

from tests.simulation.story import Story

SEEDS = int(os.environ.get("SYNCDECK_SEEDS", "300"))
IN_ONE_TEST = 100


ONCE_RED = {
    9755: "somebody adds whom a crashed run was about to add: whose member that is cannot be told",
    10178: "a plan is read in the tick of the clock in which a run ends",
    11008: "a removal is refused in a call whose answer is lost: it looks like one that somebody took back",
    12537: "another batch's read shows somebody gone whose removal waits for its next try, and then he comes back",
}


@pytest.mark.parametrize("seed", ONCE_RED, ids=map(str, ONCE_RED))
async def test_a_story_that_went_wrong_once_ends_well(seed: int) -> None:
    await Story(seed).watched()


@pytest.mark.soak
@pytest.mark.timeout(60 + SEEDS)
@pytest.mark.parametrize("first", range(0, SEEDS, IN_ONE_TEST))
async def test_no_call_of_any_story_does_what_nobody_asked_for(first: int) -> None:
    for seed in range(first, min(first + IN_ONE_TEST, SEEDS)):
        await Story(seed).watched()


async def test_a_seed_tells_the_same_story_again() -> None:
    once, again = Story(7), Story(7)
    await once.watched()
    await again.watched()

    assert once.said == again.said
    assert once.said
