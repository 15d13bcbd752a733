"""What every store promises of its feed: SYNCED first, then the last state of whatever changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from engine.coordination.promises import Feature
from engine.coordination.standing import Change, Kind
from tests.contracts.store_case import PATIENCE, Suite, following, join, lapse_within, soon, stand, told_of
from tests.contracts.store_sandbox import StoreSandbox

FEED = Suite()


@FEED.case(Feature.WATCH, Feature.KEYS)
async def a_write_is_told_with_its_value(sandbox: StoreSandbox) -> None:
    store, other = await sandbox.open(), await sandbox.open()
    async with following(store) as changes:
        for writer in (store, other):
            revision = await soon(writer.put("a/ä *>.%", b"\x00one"))
            change = await told_of(changes, Kind.KEY, "a/ä *>.%")
            assert change.entry is not None
            assert (change.entry.key, change.entry.value) == ("a/ä *>.%", b"\x00one")
            assert change.entry.revision == revision


@FEED.case(Feature.WATCH, Feature.KEYS)
async def a_deletion_is_told(sandbox: StoreSandbox) -> None:
    store, other = await sandbox.open(), await sandbox.open()
    await soon(other.put("k", b"one"))
    async with following(store) as changes:
        await soon(other.delete("k"))
        assert (await told_of(changes, Kind.KEY, "k")).entry is None


@FEED.case(Feature.WATCH, Feature.KEYS, Feature.EXPIRY)
async def an_expiry_is_told(sandbox: StoreSandbox) -> None:
    store, other = await sandbox.open(), await sandbox.open()
    async with following(store) as changes:
        await soon(other.put("k", b"brief", expires=sandbox.expiry))
        assert (await told_of(changes, Kind.KEY, "k")).entry is not None
        within = (sandbox.expiry + sandbox.expiry_slack).total_seconds() + 1
        assert (await told_of(changes, Kind.KEY, "k", within)).entry is None


@FEED.case(Feature.WATCH, Feature.KEYS)
async def whoever_reads_after_synced_misses_nothing(sandbox: StoreSandbox) -> None:
    """A value counts up all the while: what is read after SYNCED, and what is told after that, have no gap."""
    store, writer = await sandbox.open(), await sandbox.open()
    done = asyncio.Event()

    async def count() -> None:
        for number in range(40):
            await writer.put("k", str(number).encode())
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(count())
        for _ in range(3):
            async with following(store) as changes:
                read = await soon(store.get("k"))
                seen = int(read.value) if read else -1
                if not done.is_set():
                    change = await told_of(changes, Kind.KEY, "k")
                    while change.entry is not None and int(change.entry.value) <= seen < 39:
                        change = await told_of(changes, Kind.KEY, "k")
        await soon(done.wait(), 60)
    entry = await soon(store.get("k"))
    assert entry is not None
    assert entry.value == b"39"


@FEED.case(Feature.WATCH, Feature.KEYS)
async def the_last_state_is_told_however_quick_the_changes(sandbox: StoreSandbox) -> None:
    store, writer = await sandbox.open(), await sandbox.open()
    async with following(store) as changes:
        await writer.put("k", b"0")
        assert (await told_of(changes, Kind.KEY, "k")).entry is not None
        for number in range(1, 100):
            await writer.put("k", str(number).encode())
        seen: list[int] = []
        while not seen or seen[-1] < 99:
            change = await told_of(changes, Kind.KEY, "k")
            assert change.entry is not None
            seen.append(int(change.entry.value))
    assert seen == sorted(seen), "never back in time"


@FEED.case(Feature.WATCH, Feature.KEYS)
async def the_last_state_of_each_of_many_keys_is_told(sandbox: StoreSandbox) -> None:
    store, writer = await sandbox.open(), await sandbox.open()
    async with following(store) as changes:
        for number in range(200):
            await writer.put(f"k/{number}", b"first")
        for number in range(0, 200, 2):
            await writer.delete(f"k/{number}")
        last: dict[str, Change] = {}
        wanted = {f"k/{number}": number % 2 == 1 for number in range(200)}
        async with asyncio.timeout(PATIENCE):
            while {name: change.entry is not None for name, change in last.items()} != wanted:
                change = await anext(changes)
                if change.kind is Kind.KEY:
                    last[change.name] = change


@FEED.case(Feature.WATCH, Feature.KEYS)
async def everybody_who_follows_is_told(sandbox: StoreSandbox) -> None:
    one, two = await sandbox.open(), await sandbox.open()
    async with following(one) as first, following(one) as second, following(two) as third:
        await soon(two.put("k", b"one"))
        for changes in (first, second, third):
            assert (await told_of(changes, Kind.KEY, "k")).entry is not None


@FEED.case(Feature.WATCH, Feature.KEYS)
async def a_follower_that_does_not_read_delays_nobody(sandbox: StoreSandbox) -> None:
    store, writer = await sandbox.open(), await sandbox.open()
    async with following(store) as idle, following(store) as busy:
        for number in range(300):
            await soon(writer.put("k", str(number).encode() + b" " * 500))
        await soon(writer.put("end", b""))
        assert (await told_of(busy, Kind.KEY, "end")).entry is not None
        assert (await told_of(idle, Kind.KEY, "end")).entry is not None


@FEED.case(Feature.WATCH, Feature.KEYS)
async def whoever_stops_following_can_begin_again(sandbox: StoreSandbox) -> None:
    store = await sandbox.open()
    for number in range(5):
        async with following(store) as changes:
            await soon(store.put("k", str(number).encode()))
            change = await told_of(changes, Kind.KEY, "k")
            assert change.entry is not None
            assert change.entry.value == str(number).encode()


@FEED.case(Feature.WATCH, Feature.LOCK)
async def every_step_of_a_claim_is_told(sandbox: StoreSandbox) -> None:
    member, other, watcher = await join(sandbox), await join(sandbox), await sandbox.open()
    async with following(watcher) as changes, asyncio.TaskGroup() as group:
        claim, token = await member.take("held")
        await told_of(changes, Kind.CLAIM, "held")
        waiting = await stand(group, other, "held")
        await told_of(changes, Kind.CLAIM, "held")
        await member.store.proclaim(claim, b"new")
        await told_of(changes, Kind.CLAIM, "held")
        await member.store.revoke("held", token)
        await told_of(changes, Kind.CLAIM, "held")
        await soon(waiting.call)
        await other.store.release(waiting.claim)
        await told_of(changes, Kind.CLAIM, "held")


@FEED.case(Feature.WATCH, Feature.LOCK)
async def sessions_that_come_and_go_are_told(sandbox: StoreSandbox) -> None:
    watcher = await sandbox.open()
    async with following(watcher) as changes:
        member = await join(sandbox)
        await told_of(changes, Kind.SESSION, member.session)
        await member.store.end(member.session)
        await told_of(changes, Kind.SESSION, member.session)


@FEED.case(Feature.WATCH, Feature.LOCK)
async def a_lapse_is_told(sandbox: StoreSandbox) -> None:
    watcher = await sandbox.open()
    async with following(watcher) as changes:
        member = await join(sandbox, ttl=sandbox.ttl)
        await member.take("held")
        await told_of(changes, Kind.CLAIM, "held")
        await sandbox.kill(member.store)
        await told_of(changes, Kind.CLAIM, "held", 2 * lapse_within(sandbox) + 1)


@FEED.case(Feature.WATCH)
async def nothing_is_told_where_nothing_happens(sandbox: StoreSandbox) -> None:
    store, other = await sandbox.open(), await sandbox.open()
    await soon(other.put("before", b""))
    async with aclosing(cast("AsyncGenerator[Change, None]", store.follow())) as changes:
        first = await soon(anext(changes))
        assert first == Change(kind=Kind.SYNCED)
        await soon(other.put("after", b""))
        change = await soon(anext(changes))
        assert (change.kind, change.name) == (Kind.KEY, "after")
