"""A node as the replica's contract sees it, and the verbs the contract is written in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from engine.events.event import Dot, NewEvent, Origin
from engine.events.replicating.messages import Batch, Item, Limits, Receipt, Selection, Skip
from engine.events.replicating.ports import Replica
from tests.doubles.clock import ManualClock

ALL = Selection()
MANY = Limits(items=10_000, bytes=64 * 1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A replica, and the way to write at it."""

    replica: Replica
    write: Callable[[Sequence[NewEvent]], Awaitable[Sequence[Dot]]]
    clock: ManualClock

    async def put(self, aggregate: str = "user:1", type_name: str = "user.changed", **data: object) -> Dot:
        (dot,) = await self.write([NewEvent(type=type_name, aggregate_id=aggregate, data=data)])
        return dot

    async def vector(self) -> dict[Origin, int]:
        return {origin: head.seq for origin, head in (await self.replica.heads()).items()}

    async def all(self, wanted: Selection = ALL) -> Batch:
        return await self.replica.lacking({}, MANY, wanted)

    async def for_(self, other: Node, wanted: Selection = ALL) -> Batch:
        return await self.replica.lacking(await other.vector(), MANY, wanted)

    async def take(self, *parts: Item | Skip) -> Receipt:
        return await self.replica.receive(Batch(items=parts))

    async def pull(self, other: Node, wanted: Selection = ALL) -> Receipt:
        return await self.replica.receive(await other.for_(self, wanted))

    async def at(self, dot: Dot) -> Item:
        (item,) = [each for each in items(await self.all()) if (each.origin, each.seq) == dot]
        return item


MakeNode = Callable[[str], Awaitable[Node]]


def items(batch: Batch) -> list[Item]:
    return [part for part in batch.items if isinstance(part, Item)]


def skips(batch: Batch) -> list[Skip]:
    return [part for part in batch.items if isinstance(part, Skip)]


def ends(batch: Batch) -> dict[Origin, int]:
    """Return how far a batch takes each origin; every part must go on where the one before ended."""
    reached: dict[Origin, int] = {}
    for part in batch.items:
        first, last = (part.seq, part.seq) if isinstance(part, Item) else (part.first, part.last)
        assert first == reached.get(part.origin, first - 1) + 1, "runs are contiguous"
        reached[part.origin] = last
    return reached


def cause(item: Item) -> dict[Origin, int]:
    return msgspec.json.decode(item.context, type=dict[Origin, int])


def kinds(receipt: Receipt) -> list[str]:
    return [refusal.kind for refusal in receipt.refusals]


async def in_step(*nodes: Node) -> None:
    """Let all nodes exchange until nobody lacks anything."""
    for _ in nodes:
        for one in nodes:
            for other in nodes:
                if one is not other:
                    assert not (await one.pull(other)).refusals
    assert len({frozenset((await each.replica.heads()).items()) for each in nodes}) == 1
