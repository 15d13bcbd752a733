"""Looking only: what there is, live, and nothing made or changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from engine.clock import SystemClock
from engine.coordination.standing import Claim, Kind, SessionId, Token
from engine.coordination.store import Store
from engine.errors import ReadOnly, StorageError
from engine.storage import connection
from engine.storage.coordination.store import SqliteStore
from tests.engine.storage.coordination.neighbour import NAMESPACE, store_at, who

T = TypeVar("T")


@pytest.fixture
async def looking(path: Path) -> AsyncIterator[Store]:
    async with SqliteStore(path, SystemClock(), NAMESPACE, read_only=True).open() as store:
        yield store


async def soon(waiting: Awaitable[T]) -> T:
    async with asyncio.timeout(10):
        return await waiting


async def nothing(store: Store) -> bool:
    """Tell whether a store looks empty."""
    assert store.streams is not None
    lists = [await store.claims(), await store.sessions(), await store.entries(), await store.streams.streams()]
    return not any(lists) and await store.get("key/a") is None and await store.streams.last("news") == 0


async def test_a_file_that_is_not_there_is_empty_and_stays_away(path: Path, looking: Store) -> None:
    assert await nothing(looking)
    assert not path.parent.exists()


async def test_one_that_comes_later_is_seen(path: Path, looking: Store) -> None:
    feed = looking.follow()
    assert (await soon(anext(feed))).kind is Kind.SYNCED
    async with store_at(path).open() as store:
        await store.put("key/a", b"1")

        assert (await soon(anext(feed))).entry == await store.get("key/a")
        assert await looking.get("key/a") == await store.get("key/a")


async def test_what_others_do_is_seen_live(looking: Store, store: Store, session: SessionId) -> None:
    feed = looking.follow()
    await soon(anext(feed))
    await store.claim(Claim(session, "lock/a", "1"))

    assert (await soon(anext(feed))).name == "lock/a"
    assert [each.name for each in await looking.claims()] == ["lock/a"]
    assert [each.id for each in await looking.sessions()] == [session]


async def test_a_stream_is_followed(looking: Store, store: Store) -> None:
    assert store.streams is not None
    assert looking.streams is not None
    messages = looking.streams.follow("news")
    waiting = asyncio.get_running_loop().create_task(soon(anext(messages)))
    await store.streams.append("news", b"first")

    assert (await waiting).data == b"first"


async def test_nothing_can_be_changed(looking: Store) -> None:
    claim = Claim(SessionId("s"), "lock/a", "1")
    assert looking.streams is not None
    for asked in (
        looking.begin(who(), timedelta(seconds=9), lambda name, token: None),
        looking.claim(claim),
        looking.release(claim),
        looking.revoke("lock/a", Token(1)),
        looking.put("key/a", b""),
        looking.delete("key/a"),
        looking.streams.append("news", b""),
    ):
        with pytest.raises(ReadOnly, match="without --read-only"):
            await asked


async def test_a_namespace_that_nobody_has_used_is_empty(path: Path, store: Store) -> None:
    await store.put("key/a", b"")
    async with SqliteStore(path, SystemClock(), "never", read_only=True).open() as looking:
        assert await nothing(looking)


async def test_in_a_folder_that_may_not_be_written_a_file_is_read_as_it_lies_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_nobody_writes", lambda path: True)
    async with SqliteStore(path, SystemClock(), NAMESPACE, read_only=True).open() as looking:
        for value in (b"1", b"2"):
            async with store_at(path).open() as store:
                await store.put("key/a", value)
            beside = sorted(path.parent.iterdir())

            assert [entry.value for entry in await looking.entries()] == [value]
            assert sorted(path.parent.iterdir()) == beside


async def test_a_file_that_was_put_in_place_of_another_is_seen(path: Path, tmp_path: Path, looking: Store) -> None:
    elsewhere = tmp_path / "elsewhere" / "coordination.db"
    for place, value in ((path, b"old"), (elsewhere, b"new")):
        async with store_at(place).open() as store:
            await store.put("key/a", value)
    assert [entry.value for entry in await looking.entries()] == [b"old"]
    elsewhere.rename(path)

    assert [entry.value for entry in await looking.entries()] == [b"new"]


async def test_a_file_of_another_program_is_refused(path: Path, looking: Store) -> None:
    path.parent.mkdir()
    path.write_bytes(b"nonsense" * 1_000)

    with pytest.raises(StorageError, match=r"damaged|another program"):
        await looking.claims()
