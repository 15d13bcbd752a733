"""Waiting for a grant, and hearing of it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.coordination.standing import Claim, SessionId, Token
from engine.coordination.store import Store
from engine.errors import CoordinationUnavailable
from engine.storage.coordination import waiting, wake
from engine.storage.coordination.opened import OpenedStore
from engine.storage.coordination.transactions import Transactions
from engine.storage.coordination.turn import News, Wake
from engine.storage.coordination.wake import Mailbox
from engine.storage.coordination.writing import Changing
from tests.engine.storage.coordination.neighbour import neighbour, store_at, who


class Interrupted:
    """A connection that lets something happen after its first statement."""

    def __init__(self, connection: sqlite3.Connection, then: Callable[[], object]) -> None:
        self._connection = connection
        self._then: Callable[[], object] | None = then

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        rows = self._connection.execute(sql, parameters)
        found = rows.fetchall()
        then, self._then = self._then, None
        if then is not None:
            then()
        return self._connection.execute("SELECT ? WHERE ?", (found[0][0] if found else None, bool(found)))


async def test_a_hand_over_while_the_file_is_being_asked_is_no_loss(
    path: Path, store: Store, session: SessionId
) -> None:
    holder, waiter = Claim(session, "lock/a", "1"), Claim(session, "lock/a", "2")
    await store.claim(holder)
    waits = asyncio.get_running_loop().create_task(store.claim(waiter))
    await asyncio.sleep(0)
    releasing = store.release(holder)

    def release() -> None:
        with pytest.raises(StopIteration):
            releasing.send(None)

    with closing(sqlite3.connect(path)) as connection:
        interrupted: Any = Interrupted(connection, release)
        token, queued = waiting._standing(interrupted, 1, waiter)

    assert queued or token is not None
    assert await waits is not None


async def test_a_hundred_turns_between_processes(path: Path, store: Store, session: SessionId) -> None:
    tokens: list[int] = []
    with neighbour(path) as other:
        for number in range(100):
            mine = Claim(session, "lock/a", str(number))
            tokens.append(await store.claim(mine) or 0)
            other.tell("claim", "lock/a")
            await store.release(mine)
            tokens.append(other.hear()["token"])
            other.do("release", "lock/a")

    assert tokens == sorted(set(tokens))


async def test_whoever_finds_somebody_writing_tries_again_before_standing_in_line(
    path: Path, store: Store, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(os, "sched_yield", lambda: other.in_transaction and other.execute("ROLLBACK"))
        claiming = store.claim(Claim(session, "lock/a", "1"))
        with pytest.raises(StopIteration) as answered:
            claiming.send(None)

    assert answered.value.value is not None


async def test_a_wake_up_that_is_lost_is_made_up_for_within_a_second(
    store: Store, session: SessionId, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with neighbour(path) as other:
        other.do("claim", "lock/a")
        waits = asyncio.get_running_loop().create_task(store.claim(Claim(session, "lock/a", "1")))
        await asyncio.sleep(0)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE session SET address = '/nowhere'")
        other.do("release", "lock/a")
        async with asyncio.timeout(5):
            assert await waits is not None


async def test_a_wake_up_that_is_a_lie_changes_nothing(store: Store, session: SessionId) -> None:
    await store.claim(Claim(session, "lock/a", "1"))
    waits = asyncio.get_running_loop().create_task(store.claim(Claim(session, "lock/a", "2")))
    await asyncio.sleep(0)
    store._told(Wake(News.GRANTED, session, "lock/a", "2", Token(99)))  # type: ignore[attr-defined]
    store._told(Wake(News.OVER, session))  # type: ignore[attr-defined]
    await asyncio.sleep(0)

    assert not waits.done()
    waits.cancel()


async def test_the_socket_lies_in_a_folder_of_its_own_with_a_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    mailbox = Mailbox(lambda wake: None, lambda: None)
    folder = Path(mailbox.address).parent

    assert len(mailbox.address) < 104
    assert folder.stat().st_mode & 0o777 == 0o700
    mailbox.close()
    assert not folder.exists()


async def test_many_wake_ups_at_once_are_all_heard_or_known_to_be_missing() -> None:
    heard: list[Wake] = []
    missing: list[bool] = []
    mailbox = Mailbox(heard.append, lambda: missing.append(True))
    for number in range(2_000):
        mailbox.send(mailbox.address, Wake(News.GRANTED, SessionId("s"), "lock/a", str(number)))
    for _ in range(100):
        await asyncio.sleep(0)
    mailbox.close()

    assert len(heard) >= wake.MANY
    assert len(heard) == 2_000 or missing


async def test_nonsense_at_the_socket_is_passed_over() -> None:
    heard: list[Wake] = []
    mailbox = Mailbox(heard.append, lambda: None)
    mailbox._socket.sendto(b"\xff\x00 nonsense", mailbox.address)
    mailbox.send(mailbox.address, Wake(News.OVER, SessionId("s")))
    mailbox.send("/nowhere/at/all", Wake(News.OVER, SessionId("s")))
    for _ in range(10):
        await asyncio.sleep(0)
    mailbox.close()

    assert [each.session for each in heard] == ["s"]


async def test_sockets_of_killed_processes_are_swept_away_and_those_of_living_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        place = Path(short)
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        with neighbour(tmp_path / "gone" / "coordination.db") as other:
            killed = set(place.iterdir())
            other.kill()
            other.process.wait()
        living = Mailbox(lambda wake: None, lambda: None)
        async with store_at(tmp_path / "here" / "coordination.db").open():
            assert len(set(place.iterdir()) - killed) == 2

        assert set(place.iterdir()) == {Path(living.address).parent}
        assert len(killed) == 1
        living.close()


def test_only_our_own_sockets_are_removed(tmp_path: Path) -> None:
    for name in ("elsewhere/wake", "syncdeck-wake-1/other"):
        precious = tmp_path / name
        precious.parent.mkdir()
        precious.touch()
        wake.remove(str(precious))
        assert precious.exists()


async def test_whoever_waits_or_asks_when_the_store_is_closed_is_told(path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with store_at(path).open() as store:
        assert store.streams is not None
        session = await store.begin(who(), timedelta(seconds=60), lambda name, token: None)
        await store.claim(Claim(session, "lock/a", "1"))
        feed, messages = store.follow(), store.streams.follow("news")
        await anext(feed)
        waits = [
            loop.create_task(store.claim(Claim(session, "lock/a", "2"))),
            loop.create_task(collect(feed)),
            loop.create_task(collect(messages)),
        ]
        await asyncio.sleep(0)
    asked = (store.claim(Claim(session, "lock/a", "3")), store.put("key/a", b""), store.get("key/a"), store.entries())
    for each in (*waits, *asked):
        with pytest.raises(CoordinationUnavailable, match="closed"):
            await each


async def collect(changes: AsyncIterator[object]) -> None:
    async for _ in changes:
        pass


async def test_what_is_given_back_comes_after_the_asking_for_it_that_was_given_up(path: Path, store: Store) -> None:
    """The asking is under way, in another thread, and cannot be taken back."""
    claim = Claim(await store.begin(who(), timedelta(seconds=60), lambda name, token: None), "lock/a", "1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(store.claim(claim))
            await _taken_up(store)
            asking.cancel()
        other.execute("ROLLBACK")
        await store.release(claim)
    await store.put("key/a", b"")  # whatever was in line before is done

    assert [each.holder for each in await store.claims("lock/")] == [None]


async def _taken_up(store: Store) -> None:
    """Return when the thread has begun with what is in line."""
    line = _transactions(store)._line
    async with asyncio.timeout(10):
        while not line.unfinished or not line._jobs.empty():  # noqa: ASYNC110 - a thread is waited for
            await asyncio.sleep(0)


def _transactions(store: Store) -> Transactions:
    assert isinstance(store, OpenedStore)
    assert isinstance(store._writing, Changing)
    return store._writing._transactions


async def test_a_forked_child_writes_nothing_in_its_parents_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: 1)
        with pytest.raises(CoordinationUnavailable, match="forked"):
            _transactions(store).at_once(lambda turn: turn.note("key", "key/child"))
