"""The locks of targets as coordination keeps them: for all nodes at one backend, and tokens that tell who was later."""

from __future__ import annotations

import pytest

from engine.coordination.memory.backend import MemoryBackend
from engine.errors import LeaseLost, Locked
from engine.notices import Notices
from engine.reconcile.ports import Locks
from engine.target_locks import CoordinatedLocks
from tests.doubles.clock import ManualClock
from tests.doubles.coordinated import Process, process


def locks_of(node: Process) -> Locks:
    return CoordinatedLocks(node.coordination, Notices())


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend(ManualClock())


async def test_what_one_node_holds_another_does_not_get_and_the_next_grant_is_a_later_one(
    backend: MemoryBackend,
) -> None:
    async with process(backend, backend.clock, "berlin") as berlin, process(backend, backend.clock, "bonn") as bonn:
        async with locks_of(berlin).hold("target:list", "plan 1") as first:
            with pytest.raises(Locked, match="anna@berlin"):
                async with locks_of(bonn).hold("target:list", "plan 2"):
                    pass
            async with locks_of(bonn).hold("target:other", "plan 2"):
                first.check()
        async with locks_of(bonn).hold("target:list", "plan 2") as second:
            assert second.token > first.token
            assert second.space == first.space, "their tokens can be compared"


async def test_a_hold_that_was_taken_away_says_so_to_who_looks_and_to_who_waits_for_it(backend: MemoryBackend) -> None:
    async def lose(node: Process, operator: Process) -> None:
        async with locks_of(node).hold("target:list", "plan 1") as hold:
            assert await operator.coordination.force_release("target:list", hold.token, reason="drill")  # type: ignore[arg-type]
            with pytest.raises(LeaseLost, match="taken away"):
                hold.check()
            raise await hold.lost()

    async with process(backend, backend.clock, "berlin") as berlin, process(backend, backend.clock, "bonn") as bonn:
        with pytest.raises(LeaseLost, match="taken away"):
            await lose(berlin, bonn)


async def test_tokens_of_a_backend_that_lost_everything_are_told_from_those_before(backend: MemoryBackend) -> None:
    spaces = set()
    for each in (backend, backend, MemoryBackend(backend.clock)):
        async with process(each, each.clock, "berlin") as node, locks_of(node).hold("target:list", "plan") as hold:
            spaces.add((each, hold.space))

    assert len(spaces) == len({space for _, space in spaces}) == 2
