"""The synchronous reader of scrolling lists."""

from __future__ import annotations

import asyncio
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.events.event import NewEvent
from engine.events.log import Filter
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import StoredEventPages, open_event_pages


async def fill(log: StoredEventLog, count: int) -> None:
    await log.append(
        [NewEvent(type=f"kind.{number % 3}", aggregate_id=f"thing:{number}") for number in range(1, count + 1)]
    )


async def test_a_page_is_what_the_log_has_from_there_on(log: StoredEventLog, state: Path) -> None:
    await fill(log, 20)
    with open_event_pages(state) as pages:
        assert pages.bounds() == (1, 20)
        assert [event.aggregate_id for event in pages.page_from(18, 10)] == ["thing:18", "thing:19", "thing:20"]
        assert pages.page_from(21, 10) == []


async def test_events_come_by_position_and_missing_ones_are_left_out(log: StoredEventLog, state: Path) -> None:
    await fill(log, 1_200)
    with open_event_pages(state) as pages:
        assert [event.position for event in pages.at([2, 3, 1_100, 5_000])] == [2, 3, 1_100]
        assert [event.position for event in pages.at(range(1, 1_201))] == list(range(1, 1_201))


async def test_matches_are_looked_for_within_the_range_only(log: StoredEventLog, state: Path) -> None:
    await fill(log, 12)
    with open_event_pages(state) as pages:
        assert pages.matching(Filter(type="kind.0"), 4, 9) == array("q", [6, 9])
        assert pages.matching(Filter(type="no.such"), 1, 12) == array("q")


async def test_what_was_acknowledged_is_seen_at_once(log: StoredEventLog, state: Path) -> None:
    with open_event_pages(state) as pages:
        for count in (1, 2, 3):
            await fill(log, 1)
            assert pages.bounds() == (1, count)


async def test_any_thread_may_read(log: StoredEventLog, state: Path) -> None:
    await fill(log, 500)
    with open_event_pages(state) as pages, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda place: _place(pages, place), range(1, 401)))

    assert found == list(range(1, 401))


def _place(pages: StoredEventPages, place: int) -> int:
    if place % 2:
        return pages.page_from(place, 1)[0].position
    return pages.matching(Filter(), place, place)[0]


async def test_a_missing_file_is_refused_in_words(state: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened"):
        await asyncio.to_thread(StoredEventPages, state)
