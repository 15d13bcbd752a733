"""Nodes with operators, in memory: each with its own log and façade, exchanging events when they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from engine.events.event import Event, NewEvent, Origin
from engine.events.merging.conflicts import Conflicts
from engine.events.merging.strategies import STRATEGIES
from engine.events.replicating.messages import Limits, Selection
from engine.notices import Notice, Notices
from engine.settings.replication import Rule
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryReplica
from tests.doubles.replica_log import MemoryLog
from tests.doubles.replica_memory import Memory

_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    name: str
    replica: MemoryReplica
    log: MemoryLog
    conflicts: Conflicts
    notices: Notices
    clock: ManualClock

    async def write(
        self, data: Any, aggregate: str = "user:ann", type_name: str = "user.changed", **more: Any
    ) -> Event:
        """Append an event, a second after the one before."""
        self.clock.jump(timedelta(seconds=1))
        event = NewEvent(type=type_name, aggregate_id=aggregate, data=data, metadata={"actor": self.name, **more})
        (written,) = await self.log.append([event])
        return written

    async def value(self, aggregate: str = "user:ann") -> Any:
        return (await self.conflicts.view(aggregate)).value

    async def only(self) -> str:
        """Return the id of the one conflict that waits."""
        (summary,) = await self.conflicts.queue()
        return summary.id


def node(name: str, rules: Sequence[Rule] = (), *, read_only: bool = False) -> Node:
    clock = ManualClock()
    memory = Memory(node=name, own=Origin(f"{name}~{next(_numbers):08x}"))
    replica = MemoryReplica(
        memory,
        clock,
        lambda: f"id-{next(_numbers)}",
        lambda who: Origin(f"{who}~{next(_numbers):08x}"),
    )
    log = MemoryLog(replica)
    notices = Notices()
    conflicts = Conflicts(log, log, rules, STRATEGIES, notices, actor=f"{name}@desk", read_only=read_only)
    return Node(name=name, replica=replica, log=log, conflicts=conflicts, notices=notices, clock=clock)


async def exchange(*nodes: Node) -> None:
    """Let every node get what any of them has."""
    for _ in nodes:
        for one in nodes:
            for other in nodes:
                if one is not other:
                    await pull(one, other)


async def pull(one: Node, other: Node) -> None:
    """Let one get what another has."""
    batch = await other.replica.lacking(one.replica.vector(), Limits(items=100_000), Selection())
    receipt = await one.replica.receive(batch)
    assert not receipt.refusals


async def at_odds(*nodes: Node, field: str = "email", aggregate: str = "user:ann") -> None:
    """Let each node write another value into a field that all know, and all learn of it."""
    await nodes[0].write({field: "old", "name": "Ann"}, aggregate)
    await exchange(*nodes)
    for each in nodes:
        await each.write({field: each.name}, aggregate)
    await exchange(*nodes)


class Watch:
    """What a node's engine told its watchers."""

    def __init__(self, of: Node) -> None:
        self._context = of.notices.subscribe("conflict.")
        self._subscription = self._context.__enter__()

    def told(self) -> list[Notice]:
        notices = list(self._subscription._notices)
        self._subscription._notices.clear()
        return notices

    def topics(self) -> list[str]:
        return [notice.topic for notice in self.told()]
