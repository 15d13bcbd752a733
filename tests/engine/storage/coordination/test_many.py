"""Many processes, many claims: one holder at a time, in order, and nothing is left behind."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import ExitStack, aclosing, closing
from datetime import timedelta
from pathlib import Path

import pytest

from engine.coordination.standing import Claim, Kind, SessionId, Token
from engine.coordination.store import Store
from engine.errors import CoordinationUnavailable
from engine.storage.coordination import upkeep
from tests.engine.storage.coordination.neighbour import neighbour, store_at, who

MINUTE = timedelta(seconds=60)


def rows(path: Path) -> dict[str, int]:
    """Return how many rows each table has that should not grow."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("session", "claim", "waiter", "key")
        }


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.timeout(120)
async def test_ten_thousand_claims_and_cancellations_leave_nothing_which_takes_seconds(
    path: Path, store: Store, session: SessionId
) -> None:
    holder = Claim(session, "lock/a", "holder")
    await store.claim(holder)
    await store.get("key/a")  # what is opened when it is first needed is open from now on
    before, open_before, tasks = rows(path), descriptors(), len(asyncio.all_tasks())
    loop = asyncio.get_running_loop()
    for number in range(5_000):
        free = Claim(session, "lock/b", str(number))
        await store.claim(free)
        await store.release(free)
        given_up = Claim(session, "lock/a", str(number))
        waiting = loop.create_task(store.claim(given_up))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not await store.release(given_up)

    assert rows(path) == {**before, "claim": before["claim"] + 1}
    assert (descriptors(), len(asyncio.all_tasks())) == (open_before, tasks)
    assert path.with_name("coordination.db-wal").stat().st_size < 100 * 1024 * 1024


async def test_names_are_never_held_twice_while_eight_stores_want_them(path: Path) -> None:
    """Whoever holds writes his token to a key that others would write too."""
    grants: list[Token] = []
    inside: set[str] = set()

    async def work(name: str) -> None:
        async with store_at(path).open() as store:
            session = await store.begin(who(name), MINUTE, lambda name, token: None)
            for number in range(25):
                claim = Claim(session, "lock/a", str(number))
                token = await store.claim(claim)
                assert not inside
                assert token is not None
                inside.add(name)
                grants.append(token)
                await asyncio.sleep(0)
                inside.discard(name)
                assert await store.release(claim)
            await store.end(session)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(work(f"node-{number}"))

    assert len(grants) == 200
    assert grants == sorted(set(grants))


async def test_a_store_that_is_opened_and_closed_leaves_nothing(path: Path) -> None:
    open_before, threads = descriptors(), len(list(Path("/proc/self/task").iterdir()))
    for _ in range(20):
        async with store_at(path).open() as store, aclosing(store.follow()) as feed:  # type: ignore[type-var]
            await anext(feed)
            session = await store.begin(who(), MINUTE, lambda name, token: None)
            await store.claim(Claim(session, "lock/a", "1"))
            await store.put("key/a", b"")
            await store.entries()
            await store.end(session)

    assert descriptors() == open_before
    assert len(list(Path("/proc/self/task").iterdir())) <= threads + 5  # those of asyncio.to_thread stay


async def test_the_change_log_stays_short_and_whoever_fell_behind_begins_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHANGES_KEPT", 100)
    monkeypatch.setattr(upkeep, "COMMITS_BETWEEN", 50)
    async with store_at(path).open() as store:
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        feed, quick = store.follow(), store.follow()
        for each in (feed, quick):
            assert (await anext(each)).kind is Kind.SYNCED
        for number in range(300):
            claim = Claim(session, "lock/a", str(number))
            await store.claim(claim)
            await store.release(claim)
            assert (await anext(quick)).name == "lock/a"
        async with asyncio.timeout(10):
            while count(path) > 200:
                await store.claim(claim)
                await store.release(claim)
                await asyncio.sleep(0.001)

        with pytest.raises(CoordinationUnavailable, match="Read everything again"):
            await anext(feed)
        assert (await anext(store.follow())).kind is Kind.SYNCED


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM change").fetchone()[0])


async def test_names_that_nobody_holds_are_forgotten_in_the_end_and_their_tokens_still_rise(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "FREE_NAMES_KEPT", 10)
    async with store_at(path).open() as store:
        session = await store.begin(who(), MINUTE, lambda name, token: None)
        held = Claim(session, "lock/held", "1")
        await store.claim(held)
        first = None
        for number in range(100):
            claim = Claim(session, f"lock/{number}", "1")
            first = first or await store.claim(claim)
            await store.claim(claim)
            await store.release(claim)
        last = await store.claim(Claim(session, "lock/last", "1"))
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM claim ORDER BY token")]
    assert names == ["lock/held", *(f"lock/{number}" for number in range(90, 100)), "lock/last"]

    async with store_at(path).open() as store:
        again = await store.claim(Claim(session, "lock/0", "2"))
        assert None not in {again, last}
        assert again is not None
        assert last is not None
        assert again > last


@pytest.mark.timeout(120)
async def test_the_log_goes_into_the_file_while_others_write_and_read(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "COMMITS_BETWEEN", 20)
    monkeypatch.setattr(upkeep, "RESTART_PAGES", 2_000)
    assert store.streams is not None
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(neighbour(path)).tell("storm")
        messages = store.streams.follow("news")
        for number in range(600):
            await store.streams.append("news", b"%d" % number + bytes(10_000))
            assert (await anext(messages)).data.startswith(b"%d" % number)
        size = path.with_name("coordination.db-wal").stat().st_size

    assert size < 50 * 1024 * 1024
    assert await store.streams.last("news") == 600
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
