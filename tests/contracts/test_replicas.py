"""The replica in the state file and the one in memory keep the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest

from engine.events.event import Dot, NewEvent, Origin
from engine.events.replicating.messages import Digest, DigestQuestion
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.replica import StoredReplica
from tests.contracts.replica import ReplicaContract
from tests.contracts.replica_node import MakeNode, Node
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryReplica
from tests.doubles.replica_memory import Memory


async def no_digest(question: DigestQuestion) -> Digest:
    return Digest(vector={})


class TestReplicaInTheStateFile(ReplicaContract):
    @pytest.fixture
    async def node(self, tmp_path: Path) -> AsyncIterator[MakeNode]:
        clock, numbers = ManualClock(), count()
        async with AsyncExitStack() as stack:

            async def make(name: str) -> Node:
                state = tmp_path / f"{next(numbers)}.db"
                database = await stack.enter_async_context(open_database(state))
                log = StoredEventLog(database, clock, name)

                async def write(events: Sequence[NewEvent]) -> Sequence[Dot]:
                    return [event.dot for event in await log.append(events, own=True)]

                return Node(replica=StoredReplica(database, log, clock, name, no_digest), write=write, clock=clock)

            yield make


class TestReplicaInMemory(ReplicaContract):
    @pytest.fixture
    def node(self) -> MakeNode:
        clock, numbers = ManualClock(), count(1)

        async def make(name: str) -> Node:
            memory = Memory(node=name, own=Origin(f"{name}~{next(numbers):08x}"))
            replica = MemoryReplica(
                memory=memory,
                clock=clock,
                new_id=lambda: f"event-{next(numbers)}",
                new_origin=lambda node: Origin(f"{node}~{next(numbers):08x}"),
            )
            return Node(replica=replica, write=replica.append, clock=clock)

        return make
