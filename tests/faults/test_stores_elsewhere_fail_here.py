"""What event stores elsewhere get wrong (an open transaction after a duplicate, durability by luck of the connection,
pages that skip, readers that overtake a late commit, subscribers that push one another out, names taken for options),
and that it cannot happen here."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.errors import ReplicationRefused
from engine.events.event import Event, NewEvent, Origin, Position
from engine.events.limits import LONGEST_AGGREGATE
from engine.events.log import Filter
from engine.events.replicating.messages import Item, Limits, Selection
from engine.storage import checkpoint, connection, database
from engine.storage.connection import connect
from engine.storage.database import Database, open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_log import StoredEventLog
from engine.storage.replica import StoredReplica
from tests.doubles.clock import ManualClock
from tests.faults.peer import BATCH, Peer

PEERS = (Origin("hamburg~00000001"), Origin("munich~00000001"), Origin("vienna~00000001"))


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "state.db") as held:
        yield held


def replica_on(held: Database, node: str = "berlin") -> StoredReplica:
    clock = ManualClock()
    return StoredReplica(held, StoredEventLog(held, clock, node), clock, node, EventDigest(held))


async def test_a_batch_that_is_known_or_refused_leaves_no_transaction_open(opened: Database) -> None:
    replica, peer = replica_on(opened), Peer(PEERS[0], ManualClock())
    batch = await peer.next_batch()
    await replica.receive(batch)
    again = await replica.receive(batch)
    last = batch.items[-1]
    assert isinstance(last, Item)
    with pytest.raises(ReplicationRefused):
        await replica.receive(replace(batch, items=(*batch.items, replace(last, data="{"))))
    assert again.taken == 0

    with closing(sqlite3.connect(opened.path, timeout=0, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")  # raises at once if anybody held the write lock
        another.execute("ROLLBACK")
    assert (await replica.receive(await peer.next_batch())).taken == BATCH


async def test_every_connection_that_writes_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []

    def noted(path: Path, *, read_only: bool) -> sqlite3.Connection:
        made = connect(path, read_only=read_only)
        if not read_only:
            opened.append(made)
            full = made.execute("PRAGMA synchronous").fetchone(), made.execute("PRAGMA journal_mode").fetchone()
            assert full == ((2,), ("wal",))
        return made

    for module in (database, checkpoint, connection):
        monkeypatch.setattr(module, "connect", noted)
    async with open_database(tmp_path / "state.db") as held:
        await StoredEventLog(held, ManualClock(), "berlin").append([NewEvent(type="a.b", aggregate_id="c:1")])

    assert len(opened) == 2  # the writer's, and that of checkpoints


@pytest.mark.parametrize("size", [1, 2, 5, 1_000])
async def test_pages_of_any_size_bring_everything_though_origins_came_interleaved(
    opened: Database, tmp_path: Path, size: int
) -> None:
    replica, peers = replica_on(opened), [Peer(origin, ManualClock()) for origin in PEERS]
    for _ in range(3):
        for peer in peers:
            await replica.receive(await peer.next_batch())
    async with open_database(tmp_path / "other.db") as held:
        other = replica_on(held, "other")
        vector: dict[Origin, int] = {}
        while (batch := await replica.lacking(vector, Limits(items=size), Selection())).items:
            assert len(batch.items) <= size
            receipt = await other.receive(batch)
            assert receipt.refusals == ()
            vector = receipt.vector
        assert await other.heads() == await replica.heads()
        assert vector == dict.fromkeys(PEERS, 3 * BATCH)
        assert await held.rows("SELECT name FROM sqlite_temp_schema") == []


async def test_no_reader_passes_an_event_that_another_writer_is_about_to_commit(tmp_path: Path) -> None:
    state, each = tmp_path / "state.db", 150
    async with open_database(state) as one, open_database(state) as two, open_database(state) as reading:
        logs = [StoredEventLog(held, ManualClock(), node) for held, node in ((one, "berlin"), (two, "munich"))]
        reader = StoredEventLog(reading, ManualClock(), "berlin")
        read: list[Event] = []

        async def write(log: StoredEventLog) -> None:
            for number in range(each):
                await log.append([NewEvent(type="a.b", aggregate_id=f"c:{number}")] * (1 + number % 3))

        async def follow() -> None:
            async for event in reader.follow(Position(0)):
                read.append(event)
                if len(read) == 4 * each:
                    return

        async with asyncio.TaskGroup() as group:
            group.create_task(follow())
            for log in logs:
                group.create_task(write(log))
        assert [event.position for event in read] == list(range(1, 4 * each + 1))


async def test_followers_take_nothing_from_one_another_and_miss_nothing_however_long_a_name_is(
    opened: Database,
) -> None:
    log, about = StoredEventLog(opened, ManualClock(), "berlin"), "c:" + "x" * (LONGEST_AGGREGATE - 2)

    async def heard(after: int, until: int) -> list[int]:
        positions: list[int] = []
        async for event in log.follow(Position(after), Filter(aggregate=about)):
            positions.append(event.position)
            if event.position == until:
                break
        return positions

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        leaving, staying = group.create_task(heard(0, 1)), group.create_task(heard(0, 3))
        for _ in range(3):
            await log.append([NewEvent(type="a.b", aggregate_id=about)])
            await asyncio.sleep(0)
    coming_back = await heard(1, 3)

    assert (leaving.result(), staying.result(), coming_back) == ([1], [1, 2, 3], [2, 3])


@pytest.mark.parametrize("name", ["a?_journal_mode=OFF", "b#c", "d%20e", "f g&mode=ro", "h?immutable=1"])
async def test_a_name_is_a_name_and_no_option(tmp_path: Path, name: str) -> None:
    async with open_database(tmp_path / name) as held:
        await StoredEventLog(held, ManualClock(), "berlin").append([NewEvent(type="a.b", aggregate_id="c:1")])
        assert await held.rows("PRAGMA journal_mode") == [("wal",)]
        assert await held.rows("SELECT count(*) FROM event") == [(1,)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_a_caller_in_a_hurry_is_not_refused_and_what_he_hears_is_true(opened: Database) -> None:
    log = StoredEventLog(opened, ManualClock(), "berlin")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await log.append([NewEvent(type="a.b", aggregate_id="c:1", id="hurried")])
    written = await log.append([NewEvent(type="a.b", aggregate_id="c:1", id="hurried")])

    assert [event.seq for event in written] == [1]
    assert (await log.version("c:1"))[0] == 1
