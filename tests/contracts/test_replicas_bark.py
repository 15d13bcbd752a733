"""The replica's contract is itself tried: replicas with the defects of real synchronisers are caught by it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import pytest
from msgspec.structs import replace

from engine.events.event import Dot, NewEvent, Origin
from engine.events.replicating.admission import Standing
from engine.events.replicating.messages import Batch, GapQuestion, Gaps, Item, Limits, Receipt, Selection
from engine.events.vector import Vector
from tests.contracts.replica import ReplicaContract
from tests.contracts.replica_node import MakeNode, Node
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryReplica
from tests.doubles.replica_memory import Memory


class CountsInsteadOfComparing(MemoryReplica):
    """Takes how many events a peer has for which ones (go-sync-kit: the first N are never fetched)."""

    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        whole = await super().lacking({}, Limits(items=10**6, bytes=10**9), wanted)
        rest = whole.items[sum(vector.values()) :]
        return replace(whole, items=rest[: limits.items], more=len(rest) > limits.items)


class SaysThereIsNoMore(MemoryReplica):
    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        return replace(await super().lacking(vector, limits, wanted), more=False)


class SendsOriginsOneAfterTheOther(MemoryReplica):
    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        batch = await super().lacking(vector, limits, wanted)
        return replace(batch, items=tuple(sorted(batch.items, key=lambda part: part.origin, reverse=True)))


class ForgetsWhatItLeavesOut(MemoryReplica):
    """Filters without a word (go-sync-kit: one filtered event stops every later pull)."""

    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        batch = await super().lacking(vector, limits, wanted)
        return replace(batch, items=tuple(part for part in batch.items if isinstance(part, Item)))


class KeepsNoGaps(MemoryReplica):
    async def gaps(self, question: GapQuestion) -> Gaps:
        return Gaps()


class AnswersThatAllIsWell(MemoryReplica):
    """Hides what was not stored (go-sync-kit: 200 and `ok`, whatever became of the events)."""

    async def receive(self, batch: Batch) -> Receipt:
        return replace(await super().receive(batch), refusals=())


class RefusesOnlyOnceItHasBegun(MemoryReplica):
    async def receive(self, batch: Batch) -> Receipt:
        for part in batch.items:
            await super().receive(Batch(items=(part,)))
        return await super().receive(Batch())


class FailsWithAWholeBatch(MemoryReplica):
    """Gives everything up for one origin (go-sync-kit: one known id aborts the pull)."""

    async def receive(self, batch: Batch) -> Receipt:
        before = self.memory.copy()
        receipt = await super().receive(batch)
        if receipt.refusals:
            self.memory = before
            return replace(receipt, taken=0, vector=self.vector())
        return receipt


class TrustsItsOwnClock(MemoryReplica):
    def _append(self, event: NewEvent) -> Dot:
        self.memory.stamp = 0
        return super()._append(event)


class KnowsOnlyItself(MemoryReplica):
    """Writes as if nobody else had written (go-sync-kit: concurrent edits are no conflict)."""

    def _append(self, event: NewEvent) -> Dot:
        dot = super()._append(event)
        position = self.memory.positions[dot]
        item = replace(self.memory.log[position], context="{}")
        self.memory.log[position] = item
        self.memory.runs[dot.origin][-1] = item
        return dot


class SeesNoConflict(MemoryReplica):
    async def receive(self, batch: Batch) -> Receipt:
        return replace(await super().receive(batch), conflicts=0)


class BeginsAnewEachTime(MemoryReplica):
    async def begin_incarnation(self, reason: str, keep: Mapping[Origin, int]) -> Origin:
        return await super().begin_incarnation(reason, {self.memory.own: 0})


class LosesWhatNobodyHas(MemoryReplica):
    async def begin_incarnation(self, reason: str, keep: Mapping[Origin, int]) -> Origin:
        old = self.memory.own
        for seq in range(self._seq(old), keep.get(old, 0), -1):
            self.memory.take_out(Dot(old, seq))
        self.memory.standings[old] = Standing(keep.get(old, 0))
        return await super().begin_incarnation(reason, keep)


CAUGHT = {
    CountsInsteadOfComparing: "test_what_is_lacking_is_contiguous_and_ends_at_the_heads",
    SaysThereIsNoMore: "test_batches_follow_one_another_until_nothing_is_left",
    SendsOriginsOneAfterTheOther: "test_causes_come_before_effects",
    ForgetsWhatItLeavesOut: "test_what_is_not_wanted_comes_as_runs_that_keep_the_heads",
    KeepsNoGaps: "test_gaps_tell_what_was_left_out_in_pages",
    AnswersThatAllIsWell: "test_a_gap_stops_one_origin_and_the_others_go_on",
    FailsWithAWholeBatch: "test_another_event_at_a_known_dot_is_a_fork_of_that_origin_alone",
    TrustsItsOwnClock: "test_a_later_event_here_is_stamped_after_everything_received",
    KnowsOnlyItself: "test_whoever_writes_after_a_merge_knows_all_sides",
    SeesNoConflict: "test_the_receipt_counts_aggregates_that_became_contested",
    BeginsAnewEachTime: "test_whoever_comes_second_moves_nothing",
    LosesWhatNobodyHas: "test_what_nobody_has_moves_and_stays_the_same_event",
}


def nodes_of(kind: type[MemoryReplica]) -> MakeNode:
    clock, numbers = ManualClock(), count(1)

    async def make(name: str) -> Node:
        memory = Memory(node=name, own=Origin(f"{name}~{next(numbers):08x}"))
        replica = kind(
            memory=memory,
            clock=clock,
            new_id=lambda: f"event-{next(numbers)}",
            new_origin=lambda node: Origin(f"{node}~{next(numbers):08x}"),
        )
        return Node(replica=replica, write=replica.append, clock=clock)

    return make


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
async def test_a_replica_with_this_defect_is_caught(kind: type[MemoryReplica]) -> None:
    with pytest.raises(AssertionError):
        await getattr(ReplicaContract(), CAUGHT[kind])(nodes_of(kind))


@pytest.mark.parametrize("name", sorted(set(CAUGHT.values())))
async def test_a_replica_without_defect_is_not(name: str) -> None:
    await getattr(ReplicaContract(), name)(nodes_of(MemoryReplica))


async def test_a_replica_that_stores_before_it_has_checked_is_caught() -> None:
    malformed: dict[str, object] = {"metadata": "[]"}
    with pytest.raises(AssertionError):
        await ReplicaContract().test_a_batch_with_one_malformed_event_is_refused_whole(
            nodes_of(RefusesOnlyOnceItHasBegun), malformed
        )
