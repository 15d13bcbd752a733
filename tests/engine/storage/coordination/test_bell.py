"""Hearing of changes: through the bell where there is one to hear, by asking where there is none."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.coordination.standing import Change, Claim, Kind, SessionId
from engine.coordination.store import Store
from engine.storage.coordination import bell
from tests.engine.storage.coordination.neighbour import neighbour, store_at


async def told(feed: AsyncIterator[Change]) -> Change:
    async with asyncio.timeout(10):
        return await anext(feed)


async def test_without_inotify_changes_are_seen_by_asking(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "_watch", lambda path: None)
    async with store_at(path).open() as store:
        feed = store.follow()
        assert (await told(feed)).kind is Kind.SYNCED
        with neighbour(path) as other:
            assert (await told(feed)).kind is Kind.SESSION
            other.do("put", "key/a", "1")
            change = await told(feed)
            assert change.entry is not None
            assert change.entry.value == b"1"


async def test_a_writer_that_died_before_it_rang_is_noticed_all_the_same(path: Path, store: Store) -> None:
    feed = store.follow()
    await told(feed)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO change (namespace, kind, name) VALUES (1, 'claim', 'lock/a')")

    assert await told(feed) == Change(kind=Kind.CLAIM, name="lock/a")


async def test_of_quick_changes_the_last_of_each_thing_is_told(store: Store, session: SessionId) -> None:
    feed = store.follow()
    await told(feed)
    for number in range(50):
        await store.put("key/a", b"%d" % number)
        await store.put("key/b", b"%d" % number)
    last = {"key/a": b"", "key/b": b""}
    heard = 0
    while set(last.values()) != {b"49"}:
        change = await told(feed)
        assert change.entry is not None
        last[change.name] = change.entry.value
        heard += 1

    assert heard <= 100


async def test_nobody_who_does_not_listen_has_a_descriptor_for_it(store: Store, session: SessionId) -> None:
    def watching() -> int:
        return sum("inotify" in str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())

    before = watching()
    feed = store.follow()
    await told(feed)
    assert watching() == before + 1
    await store.claim(Claim(session, "lock/a", "1"))
    await told(feed)
    await feed.aclose()  # type: ignore[attr-defined]
    assert watching() == before
