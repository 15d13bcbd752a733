"""Opening and paging a log of a million events: `python -m tests.benchmarks.log_pages [--count N] [--rounds N]`.

Reads through the engine (`EventLog`, asyncio) and through the screen's reader (`EventPages`, synchronous), beside the
bare SELECT of the same rows on a connection of its own. Medians, the 99th percentile and the worst, in milliseconds;
random places, so that most pages come from outside SQLite's own cache.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from engine.clock import SystemClock
from engine.events.event import END, Position
from engine.events.log import Filter
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.event_pages import open_event_pages
from engine.storage.event_rows import SELECT
from tests.benchmarks.million_events import MILLION, build

PAGE = 100


def report(name: str, seconds: list[float]) -> None:
    """Print one line of the table."""
    milliseconds = sorted(each * 1000 for each in seconds)
    ninety_nine = milliseconds[min(len(milliseconds) - 1, int(len(milliseconds) * 0.99))]
    print(f"{name:<58}{statistics.median(milliseconds):>9.2f}{ninety_nine:>9.2f}{milliseconds[-1]:>9.2f}", flush=True)


def timed(work: Callable[[], object]) -> float:
    """Return how long a work takes, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


async def timed_wait(work: Callable[[], Awaitable[object]]) -> float:
    """Return how long an awaited work takes, in seconds."""
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


def bare(path: Path, places: list[int]) -> None:
    """The limit: the same rows, nothing made of them."""
    with closing(sqlite3.connect(path)) as connection:

        def read(sql: str, place: int) -> None:
            connection.execute(sql, (place,)).fetchall()

        sql = f"{SELECT} WHERE e.position > ? ORDER BY e.position LIMIT {PAGE}"
        report("bare SELECT of a page", [timed(partial(read, sql, place)) for place in places])
        offset = f"{SELECT} ORDER BY e.position LIMIT {PAGE} OFFSET ?"
        report("bare SELECT with OFFSET (why we do not)", [timed(partial(read, offset, place)) for place in places[:5]])


def screen(path: Path, places: list[int], count: int) -> None:
    """The synchronous reader of a scrolling list."""

    def open_and_show() -> None:
        with open_event_pages(path) as pages:
            pages.page_from(pages.bounds()[1] - PAGE, PAGE)

    report("screen: open, bounds, last page", [timed(open_and_show) for _ in range(20)])
    with open_event_pages(path) as pages:
        report("screen: a page anywhere", [timed(partial(pages.page_from, place, PAGE)) for place in places])
        steps = range(1, count, 20_000)
        for name, where in (("type run.ended", Filter(type="run.ended")), ("search", Filter(search="USER000123@"))):
            seconds = [timed(partial(pages.matching, where, first, first + 19_999)) for first in steps]
            report(f"screen: 20,000 positions filtered by {name}", seconds)
            print(f"    the whole log: {sum(seconds):.2f} s")


async def engine(path: Path, places: list[int], rounds: int) -> None:
    """The event log as commands use it."""
    start = time.perf_counter()
    async with open_database(path, read_only=True) as database:
        log = StoredEventLog(database, SystemClock(), "berlin-1")
        await log.page(END, PAGE, backwards=True)
        report("engine: open the file, read the newest page", [time.perf_counter() - start])
        seconds = [await timed_wait(partial(log.page, Position(place), PAGE)) for place in places]
        report("engine: a page anywhere", seconds)
        middle = (await log.page(Position(places[0]), 1))[0].milliseconds
        late = (await log.page(END, 1, backwards=True))[0].milliseconds - 86_400_000
        filters = {
            "type run.ended, newest": (Filter(type="run.ended"), True),
            "aggregate run:12345": (Filter(aggregate="run:12345"), False),
            "actor anna*": (Filter(actor="anna*"), False),
            "since yesterday, from the start": (Filter(since_ms=late), False),
            "since the middle, from the start": (Filter(since_ms=middle), False),
            "rare text, newest": (Filter(search="user000123@"), True),
            "text that nowhere occurs": (Filter(search="no such text"), False),
        }
        for name, (where, backwards) in filters.items():
            page = partial(log.page, END if backwards else Position(0), PAGE, where, backwards=backwards)
            seconds = [await timed_wait(page) for _ in range(max(1, rounds // 20))]
            report(f"engine: page filtered by {name}", seconds)
        report("engine: counts by type", [await timed_wait(log.counts_by_type) for _ in range(rounds)])
        common = Filter(type="run.intended")
        report("engine: count, at most 10,001", [await timed_wait(lambda: log.count(common)) for _ in range(5)])


def main() -> None:
    """Build the log, then read it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=MILLION)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--file", type=Path, help="a log that was built before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "state.db"
        if not path.exists():
            print(f"building {options.count:,} events: {timed(lambda: asyncio.run(build(path, options.count))):.1f} s")
        chance = random.Random(7)
        places = [chance.randrange(1, options.count - PAGE) for _ in range(options.rounds)]
        print(f"{'milliseconds':<58}{'median':>9}{'p99':>9}{'worst':>9}")
        bare(path, places)
        screen(path, places, options.count)
        asyncio.run(engine(path, places, options.rounds))
        print(f"peak resident: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
