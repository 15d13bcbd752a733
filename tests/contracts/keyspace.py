"""What keys promise, whatever backend they stand on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from engine.coordination.keyspace import SYNCED
from engine.coordination.promises import Feature
from engine.coordination.standing import ABSENT
from engine.errors import KeyChanged, LeaseLost
from tests.contracts.lock import node
from tests.contracts.store_case import Suite, soon
from tests.contracts.store_sandbox import StoreSandbox
from tests.doubles.coordinated import Process

KEYSPACE = Suite()


@KEYSPACE.case(Feature.KEYS, Feature.LIST)
async def iterating_visits_every_key_and_writes_none(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        written = {f"k/{number}": await a.keys.put(f"k/{number}", b'{"n":9007199254740993}') for number in range(7)}
        await a.keys.put("other", b"")
        visited = [entry async for entry in b.keys.iterate("k/", page=3)]

    assert {entry.key: entry.revision for entry in visited} == written
    assert {entry.value for entry in visited} == {b'{"n":9007199254740993}'}


@KEYSPACE.case(Feature.KEYS, Feature.LIST)
async def keys_may_be_changed_and_removed_while_iterating(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        for number in range(6):
            await a.keys.put(f"k/{number}", b"old")
        visited = []
        async for entry in a.keys.iterate("k/", page=2):
            visited.append(entry.key)
            await a.keys.delete(entry.key)
            if entry.key == "k/1":
                await a.keys.delete("k/3")

    assert visited == ["k/0", "k/1", "k/2", "k/4", "k/5"]


@KEYSPACE.case(Feature.KEYS)
async def no_update_is_lost_among_several_processes(sandbox: StoreSandbox) -> None:
    async def add(process: Process) -> None:
        for _ in range(8):
            await process.keys.update("count", lambda value: str(int(value or b"0") + 1).encode(), tries=500)

    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        async with asyncio.TaskGroup() as group:
            for process in (a, b, a):
                group.create_task(add(process))
        entry = await a.keys.get("count")

    assert entry is not None
    assert entry.value == b"24"


@KEYSPACE.case(Feature.KEYS)
async def an_update_that_changes_nothing_is_not_written(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        before = await a.keys.put("k", b"1")
        entry = await a.keys.update("k", lambda value: value)

    assert entry is not None
    assert entry.revision == before


@KEYSPACE.case(Feature.KEYS, Feature.LOCK)
async def a_lock_and_a_key_of_one_name_know_nothing_of_one_another(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        revision = await a.keys.put("deploy", b"42")
        async with a.coordination.lock("deploy"):
            pass
        entry = await a.keys.get("deploy")

    assert entry is not None
    assert (entry.value, entry.revision) == (b"42", revision)


@KEYSPACE.case(Feature.KEYS, Feature.LOCK, Feature.FENCED_WRITE)
async def a_write_with_a_lease_that_was_taken_away_is_refused(sandbox: StoreSandbox) -> None:
    async def overstay(a: Process, b: Process) -> None:
        async with a.coordination.lock("deploy", cancel_on_loss=False) as lease:
            await a.keys.put("release", b"1", fence=lease)
            await b.coordination.force_release("deploy", lease.token, reason="it hangs")
            await a.keys.put("release", b"2", fence=lease)

    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        with pytest.raises(LeaseLost):
            await overstay(a, b)
        entry = await b.keys.get("release")

    assert entry is not None
    assert entry.value == b"1"


@KEYSPACE.case(Feature.KEYS, Feature.EXPIRY)
async def an_update_keeps_an_expiring_keys_time(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a:
        await a.keys.put("k", b"1", expires=sandbox.long)
        await a.keys.update("k", lambda _: b"2")
        entry = await a.keys.get("k")

    assert entry is not None
    assert entry.left is not None
    assert entry.left <= sandbox.long


@KEYSPACE.case(Feature.KEYS, Feature.LIST, Feature.WATCH)
async def watching_tells_what_there_is_then_what_changes(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        await b.keys.put("k/1", b"1")
        async with aclosing(a.keys.watch("k/")) as changes:
            first = await soon(anext(changes))
            assert (first.key, await soon(anext(changes))) == ("k/1", SYNCED)
            revision = await b.keys.put("k/2", b"2")
            added = await soon(anext(changes))
            await b.keys.delete("k/1")
            removed = await soon(anext(changes))

    assert added.entry is not None
    assert (added.key, added.entry.value, added.entry.revision) == ("k/2", b"2", revision)
    assert (removed.key, removed.entry) == ("k/1", None)


@KEYSPACE.case(Feature.KEYS)
async def of_two_who_write_a_new_key_one_is_told_that_it_is_there(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        outcomes: list[bool] = []
        async with asyncio.TaskGroup() as group:
            for process in (a, b):
                group.create_task(_put_new(process, outcomes))

    assert sorted(outcomes) == [False, True]


async def _put_new(process: Process, outcomes: list[bool]) -> None:
    try:
        await process.keys.put("new", b"", expected=ABSENT)
        outcomes.append(True)
    except KeyChanged:
        outcomes.append(False)
