"""One feed for everybody in a process: followed while somebody listens, again when it broke, never waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from engine.coordination.feed import MOST_PENDING, SYNCED, Listener
from engine.coordination.standing import Change, Kind
from engine.errors import CoordinationUnavailable
from tests.doubles.coordinated import Process
from tests.doubles.neighbourhood import Neighbourhood, play

Changes = AsyncGenerator[Change, None]


@asynccontextmanager
async def listening(process: Process, *prefixes: str, sessions: bool = False) -> AsyncIterator[Changes]:
    async with aclosing(process.coordination.changes(*prefixes, sessions=sessions)) as changes:
        yield changes


async def names(changes: Changes, count: int) -> list[str]:
    """Return what the next changes are about."""
    return [change.name or change.kind.value for change in [await anext(changes) for _ in range(count)]]


def test_a_listener_hears_of_what_begins_as_it_asked() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), listening(a, "task/", "lock/x") as changes:
            assert await names(changes, 1) == ["synced"]
            for key in ("key/1", "task/1", "tas", "task/2"):
                await a.coordination.line.put(key, b"")
            async with a.coordination.lock("xy"), a.coordination.lock("y"):
                pass
            assert await names(changes, 3) == ["task/1", "task/2", "lock/xy"]

    play(story)


def test_sessions_are_told_to_whoever_wants_to_know() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), listening(a, sessions=True) as changes:
            assert await names(changes, 1) == ["synced"]
            async with a.coordination.lock("x"):
                change = await anext(changes)
            assert change.kind is Kind.SESSION
            assert change.name in a.coordination.sessions.own

    play(story)


def test_whoever_comes_later_is_synced_at_once() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _), listening(a, "k") as first:
            assert await names(first, 1) == ["synced"]
            async with listening(a, "k") as second:
                assert await names(second, 1) == ["synced"]
                await a.coordination.line.put("k", b"")
                assert await names(first, 1) == await names(second, 1) == ["k"]
            assert len(world.backend.listeners) == 1, "one line for both"

    play(story)


def test_nobody_is_followed_when_nobody_listens() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, _):
            await a.coordination.locks()
            assert world.backend.listeners == []
            async with listening(a, "k") as changes:
                await anext(changes)
                assert len(world.backend.listeners) == 1
            await world.passes(0.1)
            assert world.backend.listeners == []
            async with listening(a, "k") as changes:
                assert await names(changes, 1) == ["synced"]

    play(story)


def test_a_line_that_broke_is_followed_again_and_synced_once_more() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), listening(a, "k") as changes:
            assert await names(changes, 1) == ["synced"]
            for _ in range(3):
                trouble.cut()
                assert await names(changes, 1) == ["synced"]
            await a.coordination.line.put("k", b"")
            assert await names(changes, 1) == ["k"]

    play(story)


def test_a_listener_outlives_an_outage_and_is_not_told_that_all_is_well_meanwhile() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble), listening(a, "k") as changes, asyncio.TaskGroup() as group:
            assert await names(changes, 1) == ["synced"]
            trouble.away = True
            trouble.cut()
            coming = group.create_task(names(changes, 1))
            await world.passes(60)
            assert not coming.done()
            async with world.backend.open() as store:
                await store.put("k", b"meanwhile")
            trouble.away = False
            trouble.cut()
            await world.passes(2.1)
            assert await coming == ["synced"]

    play(story)


def test_up_and_down_are_noticed_once_each() -> None:
    async def story(world: Neighbourhood) -> None:
        async with world.process("a") as (a, trouble):
            said: list[str] = []
            with a.coordination._means.notices.subscribe("coordination.") as notices:
                await a.coordination.locks()
                trouble.away = True
                for _ in range(3):
                    with pytest.raises(CoordinationUnavailable):
                        await a.coordination.locks()
                standing = await a.coordination.standing()
                assert (standing.reachable, standing.fault) == (False, "The backend does not answer.")
                assert standing.latency is None
                trouble.away = False
                await world.passes(5)
                standing = await a.coordination.standing()
                assert (standing.reachable, standing.fault) == (True, "")
                assert standing.since == world.clock.now()
                assert standing.latency is not None
                said += [notice.topic for notice in notices._notices]
            assert said == ["coordination.up", "coordination.down", "coordination.up"]

    play(story)


def test_a_backend_that_could_not_be_opened_is_opened_when_it_is_asked_again() -> None:
    async def story(world: Neighbourhood) -> None:
        opens = 0
        opening = world.backend.open

        @asynccontextmanager
        async def refuse_once() -> AsyncIterator[object]:
            nonlocal opens
            opens += 1
            if opens == 1:
                raise CoordinationUnavailable("Memory is away.")
            async with opening() as store:
                yield store

        world.backend.open = refuse_once  # type: ignore[assignment,method-assign]
        async with world.process("a") as (a, _):
            assert opens == 0, "nothing is connected before the first call"
            standing = await a.coordination.standing()
            assert (standing.reachable, standing.fault) == (False, "Memory is away.")
            assert await a.coordination.locks() == []
            assert await a.coordination.locks() == []
            assert opens == 2

    play(story)


def test_of_quick_changes_the_last_is_kept_in_its_place() -> None:
    async def story(world: Neighbourhood) -> None:
        listener = Listener(("",), sessions=False)
        for name in ("a", "b", "a"):
            listener.offer(Change(kind=Kind.KEY, name=name))
        assert [(await listener.take()).name for _ in range(2)] == ["b", "a"]

    play(story)


def test_a_listener_that_is_far_behind_is_told_to_read_all_again() -> None:
    async def story(world: Neighbourhood) -> None:
        listener = Listener(("",), sessions=False)
        for number in range(MOST_PENDING + 1):
            listener.offer(Change(kind=Kind.KEY, name=str(number)))
        assert await listener.take() == SYNCED
        listener.offer(Change(kind=Kind.KEY, name="after"))
        assert (await listener.take()).name == "after"

    play(story)
