"""Events that no honest node sends, over the real protocol into the real store."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from engine.clock import SystemClock
from engine.events.replicating.messages import Batch, Limits, Pull
from tests.adapters.transports.nodes import Node, running_node
from tests.doubles.clock import ManualClock


async def batch_of(folder: Path, count: int, *, now: datetime | None = None) -> Batch:
    """Return events of another node, whose clock may be wrong."""
    clock = SystemClock() if now is None else ManualClock(now)
    async with running_node(folder, clock=clock) as other:
        await other.write(count)
        async with other.transport().connect() as remote:
            return await remote.pull(Pull(limits=Limits(items=1_000)))


async def test_events_arrive_once_however_often_they_are_pushed(node: Node, tmp_path: Path) -> None:
    batch = await batch_of(tmp_path / "other", 20)
    async with node.transport().connect() as remote:
        first, second = await remote.push(batch), await remote.push(batch)
    assert (first.taken, second.taken, await node.size()) == (20, 0, 20)
    assert first.vector == second.vector


async def test_an_event_from_the_future_is_left_out_and_named(node: Node, tmp_path: Path) -> None:
    batch = await batch_of(tmp_path / "other", 3, now=SystemClock().now() + timedelta(hours=1))
    async with node.transport().connect() as remote:
        receipt = await remote.push(batch)
    assert [refused.kind for refused in receipt.refusals] == ["clock_ahead"]
    assert await node.size() == 0


async def test_one_changed_event_stops_its_origin_and_stores_no_part_of_it(node: Node, tmp_path: Path) -> None:
    batch = await batch_of(tmp_path / "other", 5)
    forged = msgspec.structs.replace(batch.items[2], data='{"note":"forged"}')
    items = (*batch.items[:2], forged, *batch.items[3:])
    async with node.transport().connect() as remote:
        receipt = await remote.push(Batch(items=items, vector=batch.vector))
    assert [refused.kind for refused in receipt.refusals] == ["chain_broken"]
    assert sum(receipt.vector.values()) == receipt.taken == await node.size() == 2
