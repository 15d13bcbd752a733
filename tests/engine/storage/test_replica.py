"""The replica in the state file, beyond the contract: other processes, other nodes in the file, redactions, limits."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import EventRefused, ReadOnly, ReplicationRefused
from engine.events.event import Dot, NewEvent, Origin
from engine.events.merging.evaluate import evaluate, quiet
from engine.events.replicating.messages import Batch, GapQuestion, Limits, Selection, Skip, Span
from engine.events.vector import MOST_ORIGINS, Vector
from engine.storage.care import backup
from engine.storage.connection import APPLICATION_ID, connect, create_private
from engine.storage.database import open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_log import StoredEventLog
from engine.storage.event_verify import verify
from engine.storage.migrate import migrations, statements
from engine.storage.replica import StoredReplica
from engine.storage.replica_sending import LOOKS_PER_ITEM
from tests.doubles.clock import ManualClock
from tests.engine.storage.nodes import ALL, MANY, StoredNode, stored_node

PATIENCE = 20

ROOT = Path(__file__).parents[3]

ANOTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from engine.clock import SystemClock
from engine.events.event import NewEvent
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog

async def write():
    async with open_database(Path(sys.argv[1])) as database:
        log = StoredEventLog(database, SystemClock(), "n")
        for number in range(200):
            await log.append([NewEvent(type="x", aggregate_id=f"user:{number % 3}", data={"m": number})])

asyncio.run(write())
"""


@pytest.fixture
async def a(tmp_path: Path, clock: ManualClock) -> AsyncIterator[StoredNode]:
    async with stored_node(tmp_path / "a.db", clock) as node:
        yield node


@pytest.fixture
async def b(tmp_path: Path, clock: ManualClock) -> AsyncIterator[StoredNode]:
    async with stored_node(tmp_path / "b.db", clock) as node:
        yield node


def sound(node: StoredNode) -> bool:
    return verify(node.database.path).whole


class TestSeveralProcesses:
    async def test_appends_and_receipts_of_two_processes_make_one_sound_log(
        self, a: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        for number in range(60):
            await a.put(f"user:{number % 3}", number=number)
        async with stored_node(tmp_path / "n.db", clock) as one, stored_node(tmp_path / "n.db", clock) as other:
            async with asyncio.TaskGroup() as group:
                group.create_task(_write(one, 30))
                group.create_task(_write(other, 30))
                group.create_task(_receive_in_pieces(a, one, 7))
                group.create_task(_receive_in_pieces(a, other, 11))
            events = await one.events()

            assert [event.position for event in events] == list(range(1, 121))
            assert sound(other)
            assert await one.replica.heads() == await other.replica.heads()
            assert await one.contested() == await should_be_contested(one)
            assert (await a.pull(one)).refusals == ()
            assert await a.replica.heads() == await one.replica.heads()

    async def test_a_process_of_its_own_that_appends_at_the_same_time_disturbs_nothing(
        self, a: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        await a.log.append([NewEvent(type="x", aggregate_id=f"user:{n % 3}", data={"n": n}) for n in range(600)])
        state = tmp_path / "n.db"
        async with stored_node(state, clock) as node:
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", ANOTHER_PROCESS, str(state), cwd=ROOT)
            try:
                await _receive_in_pieces(a, node, 7)
            finally:
                async with asyncio.timeout(PATIENCE):
                    assert await process.wait() == 0
            events = await node.events()

            assert [event.position for event in events] == list(range(1, 801))
            assert await node.contested() == await should_be_contested(node)
            assert sound(node)

    async def test_what_another_process_received_is_known_to_the_next_own_event(
        self, a: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        theirs = await a.put(name="Anna")
        async with stored_node(tmp_path / "n.db", clock) as one, stored_node(tmp_path / "n.db", clock) as other:
            await one.put("user:2")
            await other.pull(a)
            ours = await one.put(name="Bea")

            assert ours.context == {theirs.origin: 1}
            assert ours.hlc > theirs.hlc

    async def test_advances_are_told_at_once_and_when_another_process_writes(
        self, a: StoredNode, clock: ManualClock
    ) -> None:
        first = await a.put()
        advances = a.replica.advances()
        assert await anext(advances) == {first.origin: 1}
        async with (
            stored_node(a.database.path, clock) as other,
            asyncio.timeout(PATIENCE),
            asyncio.TaskGroup() as group,
        ):
            told = group.create_task(_next(advances))
            await other.put()
        assert told.result() == {first.origin: 2}

    async def test_a_file_that_is_only_looked_at_gives_and_takes_none(self, a: StoredNode, clock: ManualClock) -> None:
        await a.put()
        batch = await a.replica.lacking({}, MANY, ALL)
        async with open_database(a.database.path, read_only=True) as database:
            log = StoredEventLog(database, clock, "a")
            looking = StoredReplica(database, log, clock, "a", EventDigest(database))
            assert await looking.identity() == await a.replica.identity()
            assert await looking.lacking({}, MANY, ALL) == batch
            with pytest.raises(ReadOnly):
                await looking.receive(batch)

    async def test_a_copy_of_the_file_is_another_instance(
        self, a: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        await a.put()
        ours = await a.replica.identity()
        copy = tmp_path / "copy.db"
        backup(a.database.path, copy)
        async with stored_node(copy, clock, "a") as clone, stored_node(a.database.path, clock) as same:
            theirs = await clone.replica.identity()

            assert theirs.origin == ours.origin
            assert theirs.instance != ours.instance == (await same.replica.identity()).instance


async def should_be_contested(node: StoredNode) -> dict[str, list[int]]:
    histories = [await node.log.history(f"user:{number}") for number in range(3)]
    return {
        history[0].aggregate_id: [event.position for event in history if event.dot in evaluate(history).heads]
        for history in histories
        if not quiet(history)
    }


async def _write(node: StoredNode, count: int) -> None:
    for number in range(count):
        await node.put(f"user:{number % 3}", mine=number)


async def _receive_in_pieces(source: StoredNode, taker: StoredNode, size: int) -> None:
    more = True
    while more:
        batch = await source.replica.lacking(await taker.log.vector(), Limits(items=size), ALL)
        assert not (await taker.replica.receive(batch)).refusals
        more = batch.more


async def _next(advances: AsyncIterator[Vector]) -> Vector:
    return await anext(advances)


class TestSeveralNodesInOneFile:
    async def test_a_node_that_was_renamed_goes_on_and_knows_its_past(
        self, a: StoredNode, b: StoredNode, clock: ManualClock
    ) -> None:
        before = await a.put(name="Anna")
        async with stored_node(a.database.path, clock, "hamburg") as renamed:
            after = await renamed.put(name="Bea")
            receipt = await b.pull(renamed)

            assert after.origin.startswith("hamburg~")
            assert after.context == {before.origin: 1}
            assert (receipt.taken, receipt.refusals) == (2, ())
            assert (await renamed.replica.identity()).node == "hamburg"

    async def test_each_name_has_an_incarnation_of_its_own(self, a: StoredNode, clock: ManualClock) -> None:
        old = (await a.put()).origin
        async with stored_node(a.database.path, clock, "hamburg") as other:
            second = (await other.put()).origin
            await a.replica.begin_incarnation("restored", {old: 1})

            assert (await other.replica.identity()).origin == second
            assert (await a.replica.identity()).origin not in (old, second)


class TestOrigins:
    async def test_nobody_writes_under_an_origin_that_came_from_a_peer(self, a: StoredNode, b: StoredNode) -> None:
        theirs = await b.put(name="Bea")
        await a.pull(b)
        event = NewEvent(type="user.changed", aggregate_id="user:1", dot=Dot(theirs.origin, 2))
        with pytest.raises(EventRefused, match="another node's"):
            await a.log.append([event])

    async def test_an_applications_history_replicates_as_any_other(self, a: StoredNode, b: StoredNode) -> None:
        app = Origin("app-7")
        events = [NewEvent(type="x", aggregate_id="user:1", dot=Dot(app, seq), data=seq) for seq in (1, 2, 3)]
        await a.log.append(events)
        await b.pull(a)

        assert await b.log.vector() == {app: 3}
        assert sound(b)

    async def test_an_id_that_came_from_a_peer_is_known_here(self, a: StoredNode, b: StoredNode) -> None:
        given = NewEvent(type="x", aggregate_id="user:1", id="import-1")
        (first,) = await a.log.append([given])
        made = await a.put()
        await b.pull(a)
        (again,) = await b.log.append([given])

        assert again.dot == first.dot
        assert set(await b.log.by_ids(["import-1", made.id])) == {"import-1", made.id}

    async def test_more_origins_than_any_node_takes_are_refused_whole(self, a: StoredNode) -> None:
        marks = [Skip(Origin(f"x{number}"), 1, 1, bytes(32)) for number in range(MOST_ORIGINS + 1)]
        with pytest.raises(ReplicationRefused, match="4,096 are taken"):
            await a.replica.receive(Batch(items=tuple(marks)))

        assert await a.replica.heads() == {}


class TestRedactions:
    async def test_a_redaction_takes_the_payload_away_wherever_it_comes(self, a: StoredNode, b: StoredNode) -> None:
        secret = await a.put(name="Anna")
        await b.pull(a)
        await a.put(f"event:{secret.dot}", "event.redacted", reason="asked for")
        await b.pull(a)
        (event, _) = await b.events()

        assert (event.redacted, event.data) == (True, {})
        assert sound(b)

    async def test_a_payload_that_comes_after_its_redaction_is_not_kept(
        self, a: StoredNode, b: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        secret = await a.put(name="Anna")
        await a.put(f"event:{secret.dot}", "event.redacted", reason="asked for")
        await b.pull(a, Selection(types=("order.*",)))
        spans = (await b.replica.gaps(GapQuestion())).spans
        receipt = await b.replica.receive(await a.replica.refill(spans, MANY, ALL))

        assert receipt.taken == 1
        assert [event.data for event in await b.events() if event.dot == secret.dot] == [{}]
        assert b"Anna" not in b.database.path.with_name("b.db-wal").read_bytes()
        assert sound(b)

    async def test_a_redacted_event_is_passed_on_with_its_hashes(
        self, a: StoredNode, b: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        secret = await a.put(name="Anna")
        await a.put(f"event:{secret.dot}", "event.redacted", reason="asked for")
        await a.pull(b)
        await b.pull(a)
        async with stored_node(tmp_path / "c.db", clock) as c:
            await c.pull(b)

            assert (await c.events())[0].redacted
            assert sound(c)
            assert await c.replica.heads() == await a.replica.heads()

    async def test_a_name_that_names_no_event_harms_nothing(self, a: StoredNode, b: StoredNode) -> None:
        for name in ("event:", "event:x#", "event:x#-1", "event:#1", "event:x#99999999999999999999"):
            await a.put(name, "event.redacted")
        assert (await b.pull(a)).taken == 5


class TestLimits:
    async def test_a_filter_that_wants_nearly_nothing_stops_after_a_bounded_look(
        self, a: StoredNode, b: StoredNode
    ) -> None:
        await a.log.append([NewEvent(type="order.placed", aggregate_id="order:1")] * (5 * LOOKS_PER_ITEM))
        batch = await a.replica.lacking({}, Limits(items=2), Selection(types=("user.*",)))
        (skip,) = batch.items

        assert isinstance(skip, Skip)
        assert (skip.first, skip.last, batch.more) == (1, 2 * LOOKS_PER_ITEM, True)

    async def test_runs_of_several_origins_that_are_left_out_stay_runs(
        self, a: StoredNode, b: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        for _ in range(5):
            await a.put("order:1", "order.placed")
            await b.put("order:2", "order.placed")
            await a.pull(b)
            await b.pull(a)
        batch = await a.replica.lacking({}, MANY, Selection(types=("user.*",)))

        marks = [part for part in batch.items if isinstance(part, Skip)]

        assert [(mark.first, mark.last) for mark in marks] == [(1, 5), (1, 5)]
        assert len(batch.items) == 2

    async def test_what_is_left_out_comes_before_what_builds_on_it(
        self, a: StoredNode, b: StoredNode, tmp_path: Path, clock: ManualClock
    ) -> None:
        await a.put(type_name="note.taken")
        await b.pull(a)
        await b.put(type_name="user.changed")
        async with stored_node(tmp_path / "c.db", clock) as c:
            receipt = await c.pull(b, Selection(types=("user.*",)))

            assert (receipt.taken, receipt.refusals) == (1, ())

    async def test_marks_that_go_on_one_after_the_other_are_kept_as_one(self, a: StoredNode, b: StoredNode) -> None:
        for _ in range(10):
            await a.put("order:1", "order.placed")
            await b.pull(a, Selection(types=("user.*",)))

        assert await b.database.rows("SELECT first, last, why FROM event_skip") == [(1, 10, "filtered")]

    async def test_a_compacted_span_is_passed_on_as_left_out_and_is_no_gap(self, a: StoredNode, b: StoredNode) -> None:
        chain = await compacted(a)
        whole = await a.lacked_by(b)
        await b.replica.receive(whole)

        assert whole.items[0] == Skip(whole.items[0].origin, 1, 3, chain)
        assert await b.replica.heads() == await a.replica.heads()
        assert (await a.replica.gaps(GapQuestion())).spans == ()
        assert len((await b.replica.gaps(GapQuestion())).spans) == 1

    async def test_what_was_compacted_may_come_back_in_pieces_and_the_rest_stays_compacted(
        self, a: StoredNode, b: StoredNode
    ) -> None:
        events = [await a.put(f"user:{number}", number=number) for number in range(4)]
        await b.pull(a)
        await compacted(a, written=True)
        archive = await b.replica.refill([Span(events[0].origin, 1, 3)], Limits(items=2), ALL)
        receipt = await a.replica.receive(archive)

        assert receipt.taken == 2
        assert await a.database.rows("SELECT first, last, why FROM event_skip") == [(3, 3, "compacted")]
        assert await a.contested() == {}
        assert await a.log.version("user:0") == (1, {events[0].origin: 1})

    async def test_a_compacted_event_that_is_sent_again_is_not_appended_anew(self, a: StoredNode) -> None:
        given = [NewEvent(type="x", aggregate_id="user:1", id=f"import-{number}") for number in range(4)]
        await a.log.append(given)
        await compacted(a, written=True)
        with pytest.raises(EventRefused, match="was compacted"):
            await a.log.append([given[0]])

        assert [event.id for event in await a.log.append([given[3]])] == ["import-3"]


async def compacted(node: StoredNode, *, written: bool = False) -> bytes:
    """Take the first three of four events of a node away, as compaction does; return the chain of the third."""
    for number in range(0 if written else 4):
        await node.put(number=number)
    chain = (await node.items())[2].chain

    def compact(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM event WHERE seq <= 3")
        connection.execute("INSERT INTO event_skip VALUES (1, 1, 3, ?, 'compacted')", (chain,))
        node.database.tip = None

    await node.database.write(compact)
    return chain


async def test_the_state_file_of_an_older_version_replicates(
    a: StoredNode, b: StoredNode, tmp_path: Path, clock: ManualClock
) -> None:
    for number in range(3):
        await a.put(number=number)
    old = tmp_path / "old.db"
    create_private(old)
    with closing(connect(old, read_only=False)) as connection:
        for statement in statements(migrations()[1]):
            connection.execute(statement)
        connection.execute("ATTACH ? AS newer", (str(a.database.path),))
        connection.execute("INSERT INTO meta SELECT * FROM newer.meta")
        connection.execute("INSERT INTO event_type SELECT * FROM newer.event_type")
        connection.execute("INSERT INTO event_origin SELECT id, name FROM newer.event_origin")
        columns = "position, id, type, aggregate, data, metadata, origin, seq, context, hlc, chain"
        connection.execute(f"INSERT INTO event SELECT {columns} FROM newer.event")
        connection.execute("DETACH newer")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    async with stored_node(old, clock, "a") as migrated:
        own = (await migrated.replica.identity()).origin
        receipt = await b.pull(migrated)
        with pytest.raises(EventRefused, match="this node's own"):
            await migrated.log.append([NewEvent(type="x", aggregate_id="y", dot=Dot(own, 4))])

    assert (receipt.taken, receipt.vector) == (3, {own: 3})
