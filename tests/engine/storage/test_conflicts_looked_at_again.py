"""A desk over a state file that looked before shows what one shows that looks for the first time, also after events
that had been looked at lost their payloads, took other names, or went."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from engine.events.event import Origin, Position
from engine.events.log import Filter
from engine.events.merging.conflicts import Conflicts
from engine.events.merging.queue import Choice, ConflictState, ConflictSummary, Take
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.values import Path as Field
from engine.notices import Notices
from engine.storage.event_history import StoredHistories
from engine.storage.log_care import LogCare
from engine.storage.log_compaction import LogCompaction, Neighbours
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryPeerBook
from tests.doubles.replica_memory import Memory
from tests.engine.storage.nodes import StoredNode, stored_node

LEFT = Choice(take=Take.CANDIDATE, candidate=0)
NAME: Field = ("name",)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def berlin(tmp_path: Path, clock: ManualClock) -> AsyncIterator[StoredNode]:
    """Return a node that knows what another one wrote at the same time."""
    async with stored_node(tmp_path / "berlin.db", clock) as here, stored_node(tmp_path / "lyon.db", clock) as there:
        for each in (here, there):
            await each.put(name=each.database.path.stem)
            clock.jump(timedelta(seconds=1))
        await here.pull(there)
        yield here


def desk(on: StoredNode) -> Conflicts:
    return Conflicts(on.log, StoredHistories(on.database), (), STRATEGIES, Notices(), actor="ann@desk")


def care(of: StoredNode, clock: ManualClock) -> LogCare:
    return LogCare(of.database, of.log, of.replica, clock=clock, neighbours=alone(), actor="ann@desk")


def alone() -> Neighbours:
    return Neighbours(node="berlin", peers=(), book=MemoryPeerBook(Memory(node="berlin", own=Origin("unused~0"))))


async def shown(conflicts: Conflicts) -> Sequence[ConflictSummary]:
    return await conflicts.queue(states=tuple(ConflictState))


async def test_a_redacted_decision_is_forgotten(berlin: StoredNode, clock: ManualClock) -> None:
    looking = desk(berlin)
    (conflict,) = await looking.queue()
    decision = (await looking.resolve(conflict.id, {NAME: LEFT})).event
    await berlin.put(name="by hand")
    assert [each.id for each in await shown(looking)] == [conflict.id]
    await care(berlin, clock).redact(decision.dot, "asked for")

    assert await shown(looking) == await shown(desk(berlin)) == []


async def test_a_conflict_whose_side_took_another_name_is_asked_about_under_its_new_one(berlin: StoredNode) -> None:
    looking = desk(berlin)
    (before,) = await looking.queue()
    origin = (await berlin.replica.identity()).origin
    await berlin.replica.begin_incarnation("restored", {origin: 0})
    (after,) = await looking.queue()

    assert after.id != before.id
    assert [after] == await shown(desk(berlin))
    await looking.resolve(after.id, {NAME: LEFT})
    assert await looking.count() == 0


async def test_a_claim_that_went_with_a_compaction_is_forgotten(berlin: StoredNode, clock: ManualClock) -> None:
    looking = desk(berlin)
    (conflict,) = await looking.queue()
    await looking.claim(conflict.id)
    await berlin.put("user:2")
    assert [each.claimed_by for each in await looking.queue()] == ["ann@desk"]
    clock.jump(timedelta(seconds=1))
    compaction = LogCompaction(berlin.database, berlin.log, clock, alone(), actor="ann@desk")
    proposal = await compaction.propose(timedelta(0), retired=["lyon"])
    await compaction.remove(await compaction.archive(proposal, lambda _: None, KEY, "a.ndjson"))
    assert await berlin.log.page(Position(0), 9, Filter(type="conflict.*")) == []

    assert [each.claimed_by for each in await looking.queue()] == [""]
    assert await shown(looking) == await shown(desk(berlin))
