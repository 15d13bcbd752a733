"""A search finds the same with the index as without, and the index stays behind whatever is written."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.event import Event, NewEvent, Position
from engine.events.log import Filter
from engine.storage.database import Database, open_database
from engine.storage.event_grams import (
    BLOCK,
    BLOCKS,
    SEGMENT,
    grams_of,
    index_segment,
    narrowed,
    packed,
    spans,
    unpacked,
)
from engine.storage.event_indexing import QUIET, EventIndexer
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import open_event_pages
from engine.storage.event_redaction import redact_in
from tests.doubles.clock import ManualClock
from tests.engine.storage.conftest import NODE

WORDS = [
    "Ann",
    "ann@acme.example",
    "Straße",
    "STRASSE",
    'say "hi"',
    "back\\slash",
    "ÄÖÜ",
    "100%",
    "under_score",
    "tab\t",
]
COUNT = 2 * SEGMENT + 500


def events(count: int = COUNT) -> list[NewEvent]:
    chance = random.Random(4711)
    return [
        NewEvent(
            type=("user.changed", "Größe.geändert", "order.placed")[n % 3],
            aggregate_id=f"user:{chance.choice(WORDS)}{n % 50}",
            data={"number": n, "word": chance.choice(WORDS)},
            metadata={"actor": chance.choice(("ann", "Bob Ray"))},
        )
        for n in range(count)
    ]


EVERY = [f"{e.type} {e.aggregate_id} {e.data['number']} {e.data['word']} {e.metadata['actor']}" for e in events()]
"""What each event says, roughly."""


async def fill(state: Path, *, index: bool) -> None:
    async with open_database(state) as database:
        await StoredEventLog(database, ManualClock(), NODE).append(events())
        indexer = EventIndexer(database, ManualClock())
        while index and await indexer.index_one():
            pass


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("indexed") / "state.db"
    asyncio.run(fill(state, index=True))
    return state


@pytest.fixture(scope="module")
def walked(indexed: Path) -> Path:
    """The same log without its index."""
    state = indexed.with_name("walked.db")
    with closing(sqlite3.connect(indexed)) as source, closing(sqlite3.connect(state)) as copy:
        source.backup(copy)
        copy.execute("DELETE FROM event_indexed")
        copy.execute("DELETE FROM event_gram")
        copy.commit()
    return state


pieces = (
    st.integers(0, COUNT - 1)
    .map(lambda n: EVERY[n])
    .flatmap(
        lambda text: st.tuples(st.integers(0, max(0, len(text) - 1)), st.integers(1, 12)).map(
            lambda cut: text[cut[0] : cut[0] + cut[1]]
        )
    )
)
searches = pieces | pieces.map(str.upper) | pieces.map(str.casefold) | st.text(min_size=1, max_size=4)
filters = st.builds(
    Filter, search=searches, type=st.sampled_from(["", "user.*", "order.placed"]), actor=st.sampled_from(["", "Bob*"])
)


@settings(max_examples=60, deadline=None)
@given(filters, st.booleans(), st.integers(0, COUNT + 10), st.integers(1, 40))
def test_the_index_changes_nothing_about_what_is_found(
    indexed: Path, walked: Path, where: Filter, backwards: bool, after: int, limit: int
) -> None:
    async def page(state: Path) -> list[int]:
        async with open_database(state, read_only=True) as database:
            log = StoredEventLog(database, ManualClock(), NODE)
            found = await log.page(Position(after), limit, where, backwards=backwards)
            return [event.position for event in found]

    found = asyncio.run(page(indexed))
    assert found == asyncio.run(page(walked))
    with open_event_pages(indexed) as with_index, open_event_pages(walked) as without:
        span = (max(1, after - 9_000), after + 9_000)
        assert with_index.matching(where, *span) == without.matching(where, *span)


async def found(log: StoredEventLog, search: str) -> list[int]:
    return [event.position for event in await log.page(Position(0), COUNT, Filter(search=search))]


async def segments(database: Database) -> list[int]:
    return [segment for (segment,) in await database.rows("SELECT segment FROM event_indexed ORDER BY segment")]


async def test_full_segments_are_indexed_and_the_newest_first(database: Database, log: StoredEventLog) -> None:
    indexer = EventIndexer(database, ManualClock())
    await log.append(events(2 * SEGMENT - 2))
    assert await indexer.index_one()
    assert await segments(database) == [0]

    await log.append(events(2 * SEGMENT))
    assert await indexer.index_one()
    assert await segments(database) == [0, 2]
    assert await indexer.index_one()
    assert not await indexer.index_one()
    assert await segments(database) == [0, 1, 2]


async def test_an_empty_log_has_nothing_to_index(database: Database) -> None:
    assert not await EventIndexer(database, ManualClock()).index_one()


async def test_what_was_redacted_is_gone_from_the_index_as_well(database: Database, log: StoredEventLog) -> None:
    indexer = EventIndexer(database, ManualClock())
    secret = NewEvent(type="t", aggregate_id="a", data={"word": "zqxwvj"})
    (event, *_) = await log.append([secret, *events(SEGMENT)])
    await indexer.index_one()
    (gram,) = grams_of("zqx")
    assert await database.rows("SELECT segment FROM event_gram WHERE gram = ?", (gram,)) == [(0,)]

    await database.write(lambda connection: redact_in(connection, event.dot))
    assert await found(log, "zqxwvj") == []
    assert await database.rows("SELECT segment FROM event_gram WHERE gram = ?", (gram,)) == []

    assert await indexer.index_one()
    assert await database.rows("SELECT segment FROM event_gram WHERE gram = ?", (gram,)) == []


class MeetsARedaction(Database):
    """Somebody redacts after the texts were read for the index, and before it is kept."""

    def __init__(self, database: Database, event: Event) -> None:
        self.database = database
        self.event = event
        self.rows = database.rows  # type: ignore[method-assign]
        self.write = database.write  # type: ignore[method-assign]

    async def read(self, work):  # type: ignore[no-untyped-def]
        result = await self.database.read(work)
        await self.database.write(lambda connection: redact_in(connection, self.event.dot))
        return result


async def test_a_redaction_while_the_index_is_made_wins(database: Database, log: StoredEventLog) -> None:
    (event, *_) = await log.append([NewEvent(type="t", aggregate_id="a", data="zqxwvj"), *events(SEGMENT)])
    await EventIndexer(MeetsARedaction(database, event), ManualClock()).index_one()

    assert await segments(database) == []
    assert await database.rows("SELECT count(*) FROM event_gram") == [(0,)]


async def test_it_waits_until_nobody_has_written_for_a_while(database: Database, log: StoredEventLog) -> None:
    clock = ManualClock()
    await log.append(events(SEGMENT))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(EventIndexer(database, clock).run())
        await clock.settle()
        await log.append(events(1))
        await clock.advance(QUIET - timedelta(milliseconds=1))
        assert await segments(database) == []
        await clock.advance(timedelta(milliseconds=1))
        assert await segments(database) == [], "somebody wrote meanwhile"
        async with asyncio.timeout(20):
            while await segments(database) != [0]:
                await clock.advance(QUIET)
        running.cancel()


@settings(max_examples=200)
@given(st.sets(st.integers(0, BLOCKS - 1)))
def test_a_set_of_blocks_reads_back_and_covers_their_positions(blocks: set[int]) -> None:
    bitmap = sum(1 << block for block in blocks)
    covered = {place for first, last in spans(3, bitmap) for place in range(first, last + 1)}

    assert unpacked(packed(sorted(blocks))) == bitmap
    assert len(packed(sorted(blocks))) <= BLOCKS // 8
    assert {(place - 3 * SEGMENT) // BLOCK for place in covered} == blocks
    assert len(covered) == len(blocks) * BLOCK


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, SEGMENT - 1), st.text(max_size=30)), max_size=20), st.data())
def test_no_block_that_has_a_text_is_passed_over(texts: list[tuple[int, str]], data: st.DataObject) -> None:
    rows = dict(index_segment(texts))
    for position, text in texts:
        start = data.draw(st.integers(0, len(text)))
        grams = grams_of(text[start:])
        blocks = [(0, *(rows[gram] for gram in grams))] if grams else []
        parts = list(narrowed((0, SEGMENT - 1), {0} if grams else (), blocks))

        assert any(first <= position <= last for first, last in parts)


def test_what_is_not_indexed_is_walked_within_the_span() -> None:
    parts = list(narrowed((100, 3 * SEGMENT), {1}, []))

    assert parts == [(100, SEGMENT - 1), (2 * SEGMENT, 3 * SEGMENT - 1), (3 * SEGMENT, 3 * SEGMENT)]


@pytest.mark.parametrize("search", ["", "ab", "ÄÖÜ", 'a"b', "ü12ü"])
def test_texts_without_three_plain_letters_are_walked_for(search: str) -> None:
    assert grams_of(search) == ()
