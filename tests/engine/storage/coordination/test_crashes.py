"""Processes that die: what they held goes on at once, what they were writing never was, and tokens only rise."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Awaitable
from contextlib import ExitStack, aclosing, closing
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.coordination.standing import Change, Claim, Ending, Kind, SessionId
from engine.coordination.store import Store
from engine.storage.coordination import watch
from engine.storage.processes import mark_of, this_process
from tests.engine.storage.coordination.neighbour import Neighbour, neighbour, store_at, who

SOON = 10.0
"""Seconds after which a test gives up; nothing takes a tenth of it."""


async def soon(waiting: Awaitable[Change]) -> Change:
    async with asyncio.timeout(SOON):
        return await waiting


async def claimed(store: Store, claim: Claim) -> tuple[int, float]:
    """Return the token and the moment of a grant."""
    async with asyncio.timeout(SOON):
        token = await store.claim(claim)
    assert token is not None
    return token, SystemClock().monotonic()


async def until_waiting(store: Store, name: str, waiters: int) -> None:
    """Wait until so many stand in line."""
    async with asyncio.timeout(SOON), aclosing(store.follow()) as feed:  # type: ignore[type-var]
        async for _ in feed:
            if sum(len(each.waiters) for each in await store.claims(name)) == waiters:
                return


async def test_the_next_in_line_is_served_at_once_when_the_holder_is_killed(
    store: Store, session: SessionId, other: Neighbour
) -> None:
    token = other.do("claim", "lock/a")["token"]
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(claimed(store, Claim(session, "lock/a", "1")))
        await until_waiting(store, "lock/a", 1)
        killed = other.kill()
    next_token, at = waiting.result()

    assert next_token > token
    assert at - killed < 1  # some ten milliseconds on a quiet machine; the session had a minute left
    (standing,) = await store.claims("lock/a")
    assert [(past.token, past.ending) for past in standing.past] == [(token, Ending.LAPSED)]


async def test_those_who_die_in_line_are_passed_over(path: Path, store: Store, session: SessionId) -> None:
    mine = Claim(session, "lock/a", "1")
    await store.claim(mine)
    with neighbour(path) as dying, neighbour(path) as living:
        dying.tell("claim", "lock/a")
        await until_waiting(store, "lock/a", 1)
        living.tell("claim", "lock/a")
        await until_waiting(store, "lock/a", 2)
        dying.kill()
        dying.process.wait()
        await store.release(mine)

        assert living.hear()["token"] > 0
        (standing,) = await store.claims("lock/a")
        assert standing.holder is not None
        assert (standing.holder.who.pid, standing.waiters) == (living.pid, ())


async def test_asking_without_waiting_finds_a_killed_holders_name_free(
    store: Store, session: SessionId, other: Neighbour
) -> None:
    other.do("claim", "lock/a")
    other.kill()
    other.process.wait()

    assert await store.claim(Claim(session, "lock/a", "1"), wait=False) is not None


async def test_followers_hear_at_once_that_a_killed_process_is_gone(store: Store, other: Neighbour) -> None:
    gone = other.do("session")["session"]
    feed = store.follow()
    assert (await soon(anext(feed))).kind is Kind.SYNCED
    other.kill()
    heard = await soon(anext(feed))

    assert (heard.kind, heard.name) == (Kind.SESSION, gone)
    assert await store.sessions() == []


async def test_a_killed_process_leaves_no_socket(
    store: Store, session: SessionId, path: Path, other: Neighbour
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        addresses = [Path(address) for (address,) in connection.execute("SELECT address FROM session")]
    assert [address.exists() for address in addresses] == [True, True]
    feed = store.follow()
    await soon(anext(feed))
    other.kill()
    await soon(anext(feed))

    assert sum(address.parent.exists() for address in addresses) == 1


async def test_a_process_number_used_again_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    died: list[str] = []
    seen = watch.Watch(died.append)
    host, pid, start = mark_of(os.getppid()).rsplit(":", 2)
    namespace, ticks = start.split("/")
    long_gone = f"{host}:{pid}:{namespace}/{int(ticks) - 1}"
    seen.watch([long_gone, mark_of(os.getppid()), this_process()])
    await asyncio.sleep(0)

    assert died == [long_gone]
    assert [seen.gone(mark) for mark in (long_gone, mark_of(os.getppid()), this_process())] == [True, False, False]
    seen.close()


async def test_without_process_descriptors_a_death_is_seen_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    async with store_at(path).open() as store:
        session = await store.begin(who(), timedelta(seconds=60), lambda name, token: None)
        with neighbour(path) as other:
            other.do("claim", "lock/a")
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(claimed(store, Claim(session, "lock/a", "1")))
                await until_waiting(store, "lock/a", 1)
                other.kill()
                other.process.wait()
        assert waiting.result()[0] > 0


async def test_a_process_killed_inside_a_transaction_has_done_nothing(
    path: Path, store: Store, session: SessionId, other: Neighbour
) -> None:
    token = await store.claim(Claim(session, "lock/a", "1"))
    await store.put("key/a", b"kept")
    other.do("enter")
    other.kill()
    other.process.wait()

    assert await store.claim(Claim(session, "lock/a", "1")) == token
    entry = await store.get("key/a")
    assert entry is not None
    assert entry.value == b"kept"
    assert sound(path)


@pytest.mark.timeout(120)
async def test_killing_writers_at_any_moment_harms_nothing(path: Path, store: Store, session: SessionId) -> None:
    chance = random.Random(7)
    tokens: list[int] = []
    for _ in range(8):
        with ExitStack() as stack:
            writers = [stack.enter_context(neighbour(path)) for _ in range(2)]
            acknowledged = {}
            for writer in writers:
                writer.tell("storm")
            for writer in writers:
                for _ in range(chance.randrange(1, 6)):
                    acknowledged[writer.pid] = writer.hear()["put"]
            for writer in writers:
                writer.kill()
                writer.process.wait()
        for pid, number in acknowledged.items():
            entry = await store.get(f"storm/{pid}")
            assert entry is not None
            assert int(entry.value) >= number
        tokens.append((await claimed(store, claim := Claim(session, "lock/a", str(len(tokens)))))[0])
        assert await store.release(claim)
        assert sound(path)

    assert tokens == sorted(set(tokens))


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


async def test_tokens_and_revisions_go_on_rising_when_everybody_was_away(path: Path) -> None:
    numbers: list[int] = []
    for _ in range(3):
        async with store_at(path).open() as store:
            session = await store.begin(who(), timedelta(seconds=60), lambda name, token: None)
            numbers.append((await claimed(store, Claim(session, "lock/a", "1")))[0])
            await store.delete("key/a")
            numbers.append(await store.put("key/a", b""))
            await store.end(session)

    assert numbers == sorted(set(numbers))
