"""Syncs by themselves: soon, one at a time, through every fault, and ended at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from engine.errors import RemoteRefused, RemoteUnavailable
from engine.events.replicating.replication import Replication
from engine.events.replicating.standing import Connection
from engine.settings.replication import Direction, PeerSettings
from tests.engine.events.replicating.nodes import Node, settings

EVERY = timedelta(seconds=30)


class Running:
    """Two nodes, of which `desk` syncs with `hub` by itself."""

    def __init__(self, **changes: Any) -> None:
        self.desk, self.hub = Node("desk"), Node("hub")
        self.peer: PeerSettings = settings("hub", every=EVERY, **changes)
        self.replication: Replication = self.desk.replication((self.peer, self.hub.remote))
        self.clock = self.desk.clock

    @property
    def greetings(self) -> int:
        return self.hub.remote.calls.count("greet")

    async def write_here(self) -> None:
        await self.desk.write()
        self.desk.rung.set()
        await self.clock.settle()

    async def write_there(self) -> None:
        await self.hub.write()
        await self.tell()

    async def tell(self) -> None:
        self.hub.remote.news.put_nowait(self.hub.vector())
        await self.clock.settle()


@asynccontextmanager
async def running(**changes: Any) -> AsyncIterator[Running]:
    """Run the automatic syncs until the block ends."""
    world = Running(**changes)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.replication.run())
        await world.clock.settle()
        yield world
        task.cancel()


async def test_the_first_sync_is_at_once_and_then_one_at_every_interval() -> None:
    async with running(follow=False) as world:
        assert world.greetings == 1
        await world.clock.advance(EVERY * 3)
        assert world.greetings == 4
        assert (await world.replication.peer("hub")).next_at == world.clock.now() + EVERY


async def test_what_is_new_there_is_fetched_as_soon_as_it_is_told() -> None:
    async with running() as world:
        world.hub.remote.calls.clear()
        await world.write_there()

        assert world.desk.vector()[world.hub.own] == 1
        assert world.hub.remote.calls[0] == "pull", "before anybody is greeted"


async def test_what_is_new_here_is_pushed_at_once() -> None:
    async with running() as world:
        await world.write_here()

        assert world.hub.vector()[world.desk.own] >= 1


async def test_what_was_fetched_is_no_reason_for_another_sync() -> None:
    async with running(follow=False) as world:
        await world.hub.write()
        world.hub.remote.calls.clear()
        await world.clock.advance(EVERY)
        world.desk.rung.set()
        await world.clock.settle()

        assert world.desk.vector()[world.hub.own] == 1
        assert world.greetings <= 2  # the second one brings the record of the first


async def test_after_everything_is_exchanged_nobody_says_another_word() -> None:
    async with running() as world:
        await world.write_there()
        await world.write_here()
        for _ in range(5):
            await world.tell()
        quiet = world.greetings
        for _ in range(5):
            await world.tell()
            world.desk.rung.set()
            await world.clock.settle()

        assert world.greetings == quiet
        assert world.desk.vector() == world.hub.vector()


async def test_however_much_is_told_there_is_one_sync_at_a_time_and_one_after_it() -> None:
    under_way, most, go = 0, 0, asyncio.Event()

    async def count(name: str, message: object) -> None:
        nonlocal under_way, most
        if name == "greet":
            under_way += 1
            most = max(most, under_way)
            await go.wait()
            under_way -= 1

    async with running() as world:
        await world.clock.settle()
        before = world.greetings
        world.hub.remote.faults.before = count
        for _ in range(20):
            await world.write_there()
        assert world.greetings == before + 1
        go.set()
        await world.clock.settle()
        await world.clock.settle()

        assert most == 1
        assert world.greetings <= before + 3
        assert world.desk.vector()[world.hub.own] == 20


async def test_a_peer_that_is_away_is_tried_with_growing_pauses_and_met_again() -> None:
    async with running(follow=False) as world:
        await world.clock.advance(EVERY)
        world.hub.remote.faults.refuse = RemoteUnavailable("No connection.")
        world.hub.remote.calls.clear()
        await world.clock.advance(timedelta(minutes=20))
        lost = await world.replication.peer("hub")
        tried = world.greetings
        world.hub.remote.faults.refuse = None
        await world.clock.advance(timedelta(minutes=2))
        back = await world.replication.peer("hub")

        assert (lost.connection, back.connection) == (Connection.LOST, Connection.CONNECTED)
        assert lost.memory.failures > 5
        assert tried < 250  # 3 calls for each of at most one sync in 15 s
        assert back.memory.failures == 0


async def test_writes_here_do_not_hurry_a_peer_that_is_away() -> None:
    async with running(follow=False) as world:
        world.hub.remote.faults.refuse = RemoteUnavailable("No connection.")
        await world.clock.advance(timedelta(minutes=5))
        world.hub.remote.calls.clear()
        for _ in range(50):
            await world.write_here()

        assert world.greetings == 0


async def test_a_peer_that_refuses_is_asked_rarely() -> None:
    async with running(follow=False) as world:
        world.hub.remote.faults.refuse = RemoteRefused("Unknown token.")
        await world.clock.advance(timedelta(hours=2))

        assert (await world.replication.peer("hub")).connection is Connection.REFUSED
        assert world.greetings < 120


async def test_a_line_that_is_cut_is_followed_again_and_what_came_meanwhile_is_fetched() -> None:
    async with running() as world:
        world.hub.remote.news.put_nowait(RemoteUnavailable("The line is silent."))
        await world.clock.settle()
        lost = await world.replication.peer("hub")
        await world.hub.write()
        world.hub.remote.news.put_nowait(world.hub.vector())
        await world.clock.advance(timedelta(seconds=10))
        again = await world.replication.peer("hub")

        assert (lost.connection, lost.memory.error) == (Connection.LOST, "The line is silent.")
        assert (again.connection, again.memory.error) == (Connection.CONNECTED, "")
        assert world.desk.vector()[world.hub.own] == 1


async def test_without_following_the_interval_goes_on_alone() -> None:
    async with running() as world:
        world.hub.remote.news.put_nowait(RemoteRefused("There is nothing to follow here."))
        await world.hub.write()
        await world.clock.advance(EVERY)

        assert world.desk.vector()[world.hub.own] == 1


async def test_a_fault_that_nobody_foresaw_ends_nothing() -> None:
    async with running(follow=False) as world:

        async def burst(name: str, message: object) -> None:
            raise ZeroDivisionError

        world.hub.remote.faults.before = burst
        await world.clock.advance(EVERY * 4)
        world.hub.remote.faults.before = None
        await world.hub.write()
        await world.clock.advance(timedelta(minutes=6))

        assert world.desk.vector()[world.hub.own] == 1


async def test_a_fork_that_is_left_out_is_no_reason_to_sync_again_and_again() -> None:
    async with running(follow=True) as world:
        third = Node("third")
        await third.write()
        clone = third.restored(third.memory)
        await third.write("user:a")
        await clone.write_many(3, "b:{}")
        await world.desk.sync(third, Direction.PULL)
        await world.hub.sync(clone, Direction.PULL)
        await world.tell()
        world.desk.rung.set()
        await world.clock.settle()
        before = world.greetings
        for _ in range(10):
            await world.tell()
            world.desk.rung.set()
            await world.clock.settle()

        assert world.greetings == before
        last = (await world.replication.peer("hub")).memory.last
        assert last is not None
        assert [refusal.kind for refusal in last.refusals] == ["fork"]


async def test_a_paused_peer_is_left_alone_and_resumed_at_once() -> None:
    async with running(follow=False) as world:
        await world.replication.pause("hub")
        await world.hub.write()
        await world.clock.advance(EVERY * 3)
        paused = world.greetings
        await world.replication.resume("hub")
        await world.clock.settle()

        assert paused == 1
        assert world.desk.vector()[world.hub.own] == 1


async def test_a_push_only_peer_is_not_followed() -> None:
    async with running(direction=Direction.PUSH) as world:
        assert world.hub.remote.followers == 0
        await world.write_here()
        assert world.hub.vector()[world.desk.own] == 1


async def test_one_connection_serves_many_syncs_and_another_is_opened_after_a_failure() -> None:
    async with running(follow=False) as world:
        await world.clock.advance(EVERY * 5)
        assert (world.greetings, world.hub.remote.connections) == (6, 1)
        world.hub.remote.faults.refuse = RemoteRefused("Unknown token.")
        await world.clock.advance(EVERY)
        world.hub.remote.faults.refuse = None
        await world.clock.advance(EVERY * 4)

        assert world.hub.remote.connections == 2


async def test_cancelling_ends_everything_at_once() -> None:
    async with running() as world:
        await world.clock.settle()
        assert world.hub.remote.followers == 1

    assert world.hub.remote.followers == 0
    assert world.clock._next_due() is None
