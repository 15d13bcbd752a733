"""What processes remember of peers together, and that one of them at a time syncs with each."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.errors import RemoteUnavailable
from engine.events.event import Origin
from engine.events.replicating.standing import Connection, PeerMemory, SyncResult
from engine.settings.replication import Direction
from engine.storage import peer_book
from engine.storage.database import Database, open_database
from engine.storage.peer_book import TURN, StoredPeerBook
from engine.storage.processes import mark_of
from tests.doubles.clock import ManualClock


@pytest.fixture
async def book(database: Database, clock: ManualClock) -> StoredPeerBook:
    return StoredPeerBook(database, clock, "anna pid 1")


@pytest.fixture
async def elsewhere(state: Path, database: Database, clock: ManualClock) -> AsyncIterator[StoredPeerBook]:
    """Another process's book, over a connection of its own."""
    async with open_database(state) as another:
        yield StoredPeerBook(another, clock, "bea pid 2")


@pytest.fixture
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until the test has ended, or ended it."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process


class TestMemory:
    async def test_a_peer_never_met_is_an_empty_memory(self, book: StoredPeerBook) -> None:
        assert await book.recall("hamburg") == PeerMemory()

    async def test_everything_that_is_remembered_is_recalled_by_every_process(
        self, book: StoredPeerBook, elsewhere: StoredPeerBook, clock: ManualClock
    ) -> None:
        result = SyncResult(
            peer="hamburg", direction=Direction.PULL, started_at=clock.now(), ended_at=clock.now(), pulled=7
        )
        memory = PeerMemory(
            node="hamburg-1",
            origin=Origin("hamburg-1~0a1b2c3d"),
            vector={Origin("hamburg-1~0a1b2c3d"): 42},
            met_at=clock.now(),
            failures=3,
            error="It was away.",
            connection=Connection.LOST,
            last=result,
            paused=True,
        )

        assert await book.amend("hamburg", lambda before: memory) == memory
        assert await elsewhere.recall("hamburg") == memory
        assert await elsewhere.recall("bremen") == PeerMemory()

    async def test_changes_of_two_processes_at_once_are_both_kept(
        self, book: StoredPeerBook, elsewhere: StoredPeerBook
    ) -> None:
        async with asyncio.TaskGroup() as group:
            for each in [book, elsewhere] * 10:
                group.create_task(each.amend("hamburg", lambda was: replace(was, failures=was.failures + 1)))
            group.create_task(elsewhere.amend("hamburg", lambda was: replace(was, paused=True)))

        assert await book.recall("hamburg") == PeerMemory(failures=20, paused=True)

    async def test_a_memory_in_a_form_of_another_version_is_begun_anew(
        self, book: StoredPeerBook, database: Database
    ) -> None:
        sql = "INSERT INTO peer VALUES ('x', '{\"vector\":7}', 0)"
        await database.write(lambda connection: connection.execute(sql))

        assert await book.recall("x") == PeerMemory()
        assert (await book.amend("x", lambda was: replace(was, failures=1))).failures == 1


class TestTurn:
    async def test_one_at_a_time_syncs_with_a_peer_whichever_process_asks(
        self, book: StoredPeerBook, elsewhere: StoredPeerBook
    ) -> None:
        async with book.turn("hamburg") as first, elsewhere.turn("hamburg") as second, book.turn("hamburg") as third:
            assert (first, second, third) == (True, False, False)
        async with elsewhere.turn("hamburg") as after:
            assert after

    async def test_other_peers_are_not_kept_waiting(self, book: StoredPeerBook, elsewhere: StoredPeerBook) -> None:
        async with book.turn("hamburg") as first, elsewhere.turn("bremen") as second:
            assert first
            assert second

    async def test_of_many_at_once_one_has_its_turn(self, book: StoredPeerBook, elsewhere: StoredPeerBook) -> None:
        async with AsyncExitStack() as stack:
            turns = [await stack.enter_async_context(each.turn("hamburg")) for each in [book, elsewhere] * 5]

        assert sorted(turns) == [False] * 9 + [True]

    async def test_what_is_raised_within_comes_out_as_itself_and_ends_the_turn(self, book: StoredPeerBook) -> None:
        with pytest.raises(RemoteUnavailable):
            async with book.turn("hamburg"):
                raise RemoteUnavailable("It is away.")
        async with book.turn("hamburg") as after:
            assert after

    async def test_whoever_is_cancelled_gives_his_turn_back(self, book: StoredPeerBook) -> None:
        begun = asyncio.Event()

        async def hold() -> None:
            async with book.turn("hamburg"):
                begun.set()
                await asyncio.Event().wait()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(hold())
            await begun.wait()
            task.cancel()
        async with book.turn("hamburg") as after:
            assert after

    async def test_a_long_turn_is_kept_by_signs_of_life(
        self, book: StoredPeerBook, elsewhere: StoredPeerBook, database: Database, clock: ManualClock
    ) -> None:
        async with book.turn("hamburg"):
            for _ in range(6):
                await clock.advance(TURN / 2)
                await database.write(lambda connection: None)  # after the sign of life, which was asked for before
            async with elsewhere.turn("hamburg") as other:
                assert not other

    async def test_the_turn_of_a_process_that_died_is_free_at_once(
        self,
        book: StoredPeerBook,
        other_process: subprocess.Popen[bytes],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(peer_book, "this_process", lambda: mark_of(other_process.pid))
            held = book.turn("hamburg")
            assert await held.__aenter__()
        async with book.turn("hamburg") as while_it_lives:
            assert not while_it_lives
        other_process.kill()
        other_process.wait()
        async with book.turn("hamburg") as after:
            assert after
        await held.__aexit__(None, None, None)

    async def test_a_process_that_cannot_be_seen_loses_its_turn_after_a_while(
        self, book: StoredPeerBook, database: Database, clock: ManualClock
    ) -> None:
        async with book.turn("hamburg"):
            pass
        sql = "UPDATE lease SET released = 0, process = 'another-host:1:unknown/0'"
        await database.write(lambda connection: connection.execute(sql))
        async with book.turn("hamburg") as at_once:
            assert not at_once
        await clock.advance(TURN + timedelta(seconds=1))
        async with book.turn("hamburg") as later:
            assert later
