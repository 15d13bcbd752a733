"""What every way to a peer promises; run for each row of `adapters.registry.TRANSPORTS`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from engine.errors import RemoteUnavailable, ReplicationRefused
from engine.events.event import Dot, Origin
from engine.events.replicating.messages import (
    Batch,
    ChainQuestion,
    DigestQuestion,
    GapQuestion,
    Hello,
    Identity,
    Item,
    Limits,
    Pull,
)
from engine.events.replicating.ports import Transport
from tests.adapters.transports.nodes import Node

MUNICH = Identity(node="munich", origin=Origin("munich~00000001"))


class TransportContract:
    """A suite gives `node`, which serves, and `way`, which leads there; and `nowhere`, which leads to nobody."""

    async def test_every_call_brings_the_nodes_own_answer(self, node: Node, way: Transport) -> None:
        await node.write(5)
        (origin,) = await node.log.vector()
        async with way.connect() as remote:
            greeting = await remote.greet(Hello(identity=MUNICH))
            assert greeting.identity == await node.replica.identity()
            assert greeting.heads == dict(await node.replica.heads())
            batch = await remote.pull(Pull())
            assert seqs(batch) == [1, 2, 3, 4, 5]
            assert (await remote.gaps(GapQuestion())).spans == ()
            chains = await remote.chains(ChainQuestion(dots=(Dot(origin, 5), Dot(origin, 9))))
            assert chains.chains == (greeting.heads[origin].chain, b"")
            assert (await remote.digest(DigestQuestion())).vector == {}

    async def test_every_call_may_be_repeated(self, node: Node, way: Transport) -> None:
        await node.write(3)
        async with way.connect() as remote:
            batch = await remote.pull(Pull())
            assert await remote.pull(Pull()) == batch
            first, second = await remote.push(batch), await remote.push(batch)
        assert (first.taken, second.taken) == (0, 0)
        assert first.vector == second.vector

    async def test_large_batches_arrive_whole(self, node: Node, way: Transport) -> None:
        await node.write(3_000, size=300)
        async with way.connect() as remote:
            batch = await remote.pull(Pull(limits=Limits(items=3_000)))
        assert seqs(batch) == list(range(1, 3_001))
        assert not batch.more

    async def test_calls_may_overlap(self, node: Node, way: Transport) -> None:
        await node.write(10)
        async with way.connect() as remote, asyncio.TaskGroup() as group:
            asked = [group.create_task(remote.pull(Pull(limits=Limits(items=count)))) for count in range(1, 6)]
        assert [len(task.result().items) for task in asked] == [1, 2, 3, 4, 5]

    async def test_what_the_peer_refuses_keeps_its_kind(self, way: Transport) -> None:
        async with way.connect() as remote:
            with pytest.raises(ReplicationRefused) as refused:
                await remote.pull(Pull(vector={Origin(""): 1}))
        assert refused.value.kind == "malformed"

    async def test_following_tells_the_vector_at_once_and_when_it_advances(self, node: Node, way: Transport) -> None:
        await node.write(2)
        told: list[int] = []
        async with way.connect() as remote, aclosing(generator(remote.follow())) as news:
            async for vector in news:
                told.append(sum(vector.values()))
                if told[-1] == 2:
                    await node.write(1)
                if told[-1] == 3:
                    break
        assert told == sorted(told)

    async def test_a_call_that_is_cancelled_leaves_the_connection_usable(self, node: Node, way: Transport) -> None:
        await node.write(3_000, size=300)
        async with way.connect() as remote:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await remote.pull(Pull(limits=Limits(items=3_000)))
            assert len((await remote.pull(Pull(limits=Limits(items=2)))).items) == 2

    async def test_nobody_there_is_told_as_a_matter_of_trying_again(self, nowhere: Transport) -> None:
        async with nowhere.connect() as remote:
            with pytest.raises(RemoteUnavailable):
                await remote.push(Batch())
            with pytest.raises(RemoteUnavailable):
                async with aclosing(generator(remote.follow())) as news:
                    await anext(news)


def seqs(batch: Batch) -> list[int]:
    """Return the numbers of a batch's events, in its order."""
    return [item.seq for item in batch.items if isinstance(item, Item)]


def generator(news: Any) -> Any:
    """Return a line as what it is: a generator that can be closed."""
    return news
