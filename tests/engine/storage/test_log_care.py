"""Redacting, exporting and importing through the one façade."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import EventRefused, NothingFound
from engine.events.event import Dot, NewEvent, Origin, Position
from engine.events.log import Filter
from engine.events.replicating.messages import Limits, Selection
from engine.storage.database import Database
from engine.storage.event_digest import EventDigest
from engine.storage.event_history import StoredHistories
from engine.storage.event_log import StoredEventLog
from engine.storage.log_care import LogCare
from engine.storage.log_compaction import Neighbours
from engine.storage.replica import StoredReplica
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryPeerBook, MemoryReplica
from tests.doubles.replica_memory import Memory
from tests.engine.storage.conftest import NODE

SECRET = "0815-4711-hush"


@pytest.fixture
def care(database: Database, log: StoredEventLog, clock: ManualClock) -> LogCare:
    memory = Memory(node="berlin", own=Origin("berlin~00000001"))
    unused = MemoryReplica(memory=memory, clock=clock, new_id=lambda: "id", new_origin=Origin)
    alone = Neighbours(node="berlin", peers=(), book=MemoryPeerBook(memory))
    return LogCare(database, log, unused, clock=clock, neighbours=alone, actor="ann@desk")


async def write(log: StoredEventLog, count: int = 3) -> list[Dot]:
    written = await log.append(
        [
            NewEvent(type="user.changed", aggregate_id="user:1", data={"phone": SECRET, "n": n}, metadata={"n": n})
            for n in range(count)
        ]
    )
    return [event.dot for event in written]


async def test_a_redacted_event_keeps_its_place_and_loses_its_payload(log: StoredEventLog, care: LogCare) -> None:
    dots = await write(log)
    redacted = await care.redact(dots[1], "the customer asked for it")
    event = await log.at_dot(dots[1])

    assert event is not None
    assert (event.redacted, event.data, event.metadata, event.position) == (True, {}, {}, 2)
    assert redacted.position == 2
    assert (await care.verify()).whole


async def test_a_redaction_is_an_event_that_says_who_and_why(log: StoredEventLog, care: LogCare) -> None:
    dots = await write(log)
    await care.redact(dots[1], "the customer asked for it")
    (record,) = await log.page(Position(0), 9, Filter(type="event.redacted"))

    assert record.aggregate_id == f"event:{dots[1]}"
    assert record.data == {"reason": "the customer asked for it"}
    assert record.metadata == {"actor": "ann@desk"}


async def test_the_payload_is_in_neither_the_file_nor_its_write_ahead_log(
    log: StoredEventLog, care: LogCare, state: Path
) -> None:
    dots = await write(log)
    for dot in dots:
        redacted = await care.redact(dot, "all of them")
    files = [path.read_bytes() for path in state.parent.iterdir()]

    assert not any(SECRET.encode() in content for content in files)
    assert [sentence for sentence in redacted.remains if "write-ahead" in sentence] == []


async def test_what_may_still_hold_it_is_said(log: StoredEventLog, care: LogCare, state: Path) -> None:
    (dot,) = await write(log, 1)
    with closing(sqlite3.connect(state)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchone()
        redacted = await care.redact(dot, "asked")

    assert [sentence.partition(" ")[0] for sentence in redacted.remains] == ["The", "Older", "Peers"]


async def test_a_large_payload_leaves_its_overflow_pages_too(log: StoredEventLog, care: LogCare, state: Path) -> None:
    (event,) = await log.append([NewEvent(type="t", aggregate_id="a", data={"text": f"{SECRET} " * 5_000})])
    await care.redact(event.dot, "asked")

    assert SECRET.encode() not in b"".join(path.read_bytes() for path in state.parent.iterdir())


async def test_redacting_again_finds_nothing_more_to_drop(log: StoredEventLog, care: LogCare) -> None:
    dots = await write(log)
    await care.redact(dots[0], "asked")

    assert (await care.redact(dots[0], "asked twice")).position is None


async def test_a_redaction_without_reason_or_event_is_refused(log: StoredEventLog, care: LogCare) -> None:
    (dot,) = await write(log, 1)

    with pytest.raises(EventRefused, match="needs a reason"):
        await care.redact(dot, "  ")
    with pytest.raises(NothingFound, match=r"no event berlin-1~\w+#9 here: its newest is 1"):
        await care.redact(Dot(dot.origin, 9), "asked")
    with pytest.raises(NothingFound, match=r"no event hamburg#1 here: known are berlin-1"):
        await care.redact(Dot(Origin("hamburg"), 1), "asked")
    assert await log.bounds() == (1, 1)


async def test_a_vacuum_keeps_every_event_where_it_is(log: StoredEventLog, care: LogCare) -> None:
    await write(log)
    before = await log.page(Position(0), 9)

    assert await care.vacuum() > 0
    assert await log.page(Position(0), 9) == before
    assert await write(log)
    assert (await care.verify()).whole


async def test_a_redaction_that_brings_a_conflict_back_lets_it_be_known(
    database: Database, log: StoredEventLog, care: LogCare, clock: ManualClock
) -> None:
    memory = Memory(node="hamburg", own=Origin("hamburg~00000001"))
    other = MemoryReplica(memory=memory, clock=clock, new_id=lambda: "theirs", new_origin=Origin)
    await other.append([NewEvent(type="user.changed", aggregate_id="user:1", data={"name": "Bea"})])
    await log.append([NewEvent(type="user.changed", aggregate_id="user:1", data={"name": "Ann"})])
    replica = StoredReplica(database, log, clock, NODE, EventDigest(database))
    await replica.receive(await other.lacking({}, Limits(), Selection()))
    histories = StoredHistories(database)
    assert await histories.contested() == ["user:1"]

    (settling,) = await log.append([NewEvent(type="user.changed", aggregate_id="user:1", data={"name": "Cleo"})])
    assert await histories.contested() == []

    await care.redact(settling.dot, "asked")
    assert await histories.contested() == ["user:1"]
