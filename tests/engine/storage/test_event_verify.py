"""Whatever was changed in the stored log is found, with its place and its part."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.events.event import Dot, NewEvent, Origin
from engine.events.verifying import Break, Part
from engine.storage.database import Database, open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.event_redaction import redact_in
from engine.storage.event_verify import Verified, verify
from tests.doubles.clock import ManualClock
from tests.engine.storage.conftest import NODE

EVENTS = 12


async def fill(state: Path) -> str:
    async with open_database(state) as database:
        log = StoredEventLog(database, ManualClock(), NODE)
        for number in range(EVENTS):
            data = {"name": f"Jörg {number}", "number": number}
            event = NewEvent(type="user.added", aggregate_id=f"user:{number % 4}", data=data, metadata={"actor": "ann"})
            await log.append([event])
        return next(iter(await log.vector()))


def tamper(state: Path, *statements: str) -> None:
    with closing(sqlite3.connect(state)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def breaks(found: Verified) -> list[Break]:
    return [each for origin in found.origins for each in origin.breaks]


async def test_a_whole_log_is_whole_and_counted(state: Path) -> None:
    origin = await fill(state)
    found = verify(state)

    assert found.whole
    assert [(each.origin, each.events, each.left_out) for each in found.origins] == [(origin, EVENTS, 0)]


async def test_an_empty_log_is_whole(database: Database, state: Path) -> None:
    assert verify(state) == Verified()


@pytest.mark.parametrize(
    ("statement", "part", "words"),
    {
        "a byte of data": ("data = replace(data, 'number', 'numbar')", Part.PAYLOAD, "byte 23 of its data"),
        "a byte of metadata": ("metadata = replace(metadata, 'ann', 'anm')", Part.PAYLOAD, "of its metadata"),
        "the aggregate": ("aggregate = replace(aggregate, ':', ';')", Part.HEADER, "byte 4 of its aggregate"),
        "the id": ("id = '1' || substr(id, 2)", Part.HEADER, "byte 0 of its id"),
        "the context": ("context = replace(context, 'berlin', 'bremen')", Part.CONTENT, "is not what was written"),
        "the time": ("hlc = hlc ^ 1024", Part.HEADER, "its time was changed"),
        "its own chain": ("chain = zeroblob(32)", Part.CHAIN, "is whole, but its chain was changed"),
        "all of its data": ("data = '{\"number\":700}'", Part.CONTENT, "is not what was written"),
    }.values(),
)
async def test_a_change_is_found_with_its_place_and_part(state: Path, statement: str, part: Part, words: str) -> None:
    origin = await fill(state)
    written = statement.replace("hlc ^ 1024", "(hlc | 1024) - (hlc & 1024)")
    tamper(state, f"UPDATE event SET {written} WHERE position = 7")
    (found,) = breaks(verify(state))

    assert (found.origin, found.seq, found.position, found.part) == (origin, 7, 7, part)
    assert words in found.sentence


@pytest.mark.parametrize(
    ("statement", "words"),
    {
        "one in the middle": ("DELETE FROM event WHERE position = 7", "#8, event 7 is missing"),
        "the first two": ("DELETE FROM event WHERE position < 3", "#3, events 1 to 2 are missing"),
    }.values(),
)
async def test_a_gap_is_found_at_the_event_after_it(state: Path, statement: str, words: str) -> None:
    await fill(state)
    tamper(state, statement)
    found = verify(state)

    assert [(each.part, words in each.sentence) for each in breaks(found)] == [(Part.PREDECESSOR, True)]
    assert found.faults  # the counters miss it as well


async def test_events_cut_off_at_the_end_are_missed_by_the_counters(state: Path) -> None:
    await fill(state)
    tamper(state, "DELETE FROM event WHERE position > 10")

    assert verify(state).faults == (f"{EVENTS} events of type user.added were counted, but 10 are here.",)


async def test_events_left_out_are_no_gap_but_their_mark_has_to_fit(state: Path) -> None:
    await fill(state)
    mark = "INSERT INTO event_skip SELECT origin, 4, 6, chain, 'compacted' FROM event WHERE seq = 6"
    tamper(
        state,
        mark,
        "DELETE FROM event WHERE seq BETWEEN 4 AND 6",
        "UPDATE event_type SET count = count - 3",
    )
    assert verify(state).whole
    assert verify(state).origins[0].left_out == 3

    tamper(state, "UPDATE event_skip SET last = 7")
    assert [each.part for each in breaks(verify(state))] == [Part.MARK]


async def test_a_mark_whose_chain_was_changed_is_found_at_the_event_after_it(state: Path) -> None:
    await fill(state)
    mark = "INSERT INTO event_skip SELECT origin, 4, 6, chain, 'compacted' FROM event WHERE seq = 6"
    tamper(state, mark, "DELETE FROM event WHERE seq BETWEEN 4 AND 6")
    with closing(sqlite3.connect(state)) as connection:
        (chain,) = connection.execute("SELECT chain FROM event_skip").fetchone()
        connection.execute("UPDATE event_skip SET chain = ?", (bytes([chain[0] ^ 1]) + chain[1:],))
        connection.commit()

    assert [(each.seq, each.part) for each in breaks(verify(state))] == [(7, Part.PREDECESSOR)]


async def test_a_redacted_event_holds_and_its_hashes_are_guarded(state: Path) -> None:
    origin = await fill(state)
    async with open_database(state) as database:
        await database.write(lambda connection: redact_in(connection, Dot(Origin(origin), 5)))

    assert verify(state).whole
    assert verify(state).origins[0].redacted == 1

    tamper(state, "UPDATE event SET hashes = randomblob(64) WHERE seq = 5")
    assert [each.seq for each in breaks(verify(state))] == [5]


async def test_a_name_that_was_changed_breaks_all_that_bear_it(state: Path) -> None:
    await fill(state)
    tamper(state, "UPDATE event_type SET name = 'user.addee'")

    assert {each.seq for each in breaks(verify(state))} == set(range(1, EVENTS + 1))


async def test_only_the_origins_asked_for_are_examined(state: Path) -> None:
    await fill(state)
    tamper(state, "UPDATE event SET data = '{}' WHERE position = 7")

    assert not verify(state, origin=NODE).whole
    assert verify(state, origin="hamburg").origins == ()


COLUMNS = ("id", "aggregate", "data", "metadata", "context", "chain")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("rot") / "state.db"
    asyncio.run(fill(state))
    tamper(state, "PRAGMA wal_checkpoint(TRUNCATE)")
    return state


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, EVENTS), st.sampled_from(COLUMNS), st.integers(0, 400), st.integers(1, 255))
def test_any_flipped_byte_of_any_event_is_found_at_its_place(
    written: Path, position: int, column: str, place: int, mask: int
) -> None:
    with closing(sqlite3.connect(written)) as connection:
        connection.text_factory = bytes
        (before,) = connection.execute(f"SELECT {column} FROM event WHERE position = ?", (position,)).fetchone()
        rotten = bytearray(before)
        rotten[place % len(rotten)] ^= mask
        as_stored = "?" if column == "chain" else "CAST(? AS TEXT)"
        change = f"UPDATE event SET {column} = {as_stored} WHERE position = ?"
        connection.execute(change, (bytes(rotten), position))
        connection.commit()
        try:
            found = breaks(verify(written))
        finally:
            connection.execute(change, (before, position))
            connection.commit()

    assert [each.position for each in found][:1] == [position]
    assert verify(written).whole


async def test_bytes_that_rot_in_the_file_itself_are_found(state: Path) -> None:
    await fill(state)
    tamper(state, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(state.read_bytes())
    content[content.index(b'"number":7')] ^= 2
    state.write_bytes(content)

    assert [(each.seq, each.part) for each in breaks(verify(state))] == [(8, Part.PAYLOAD)]
