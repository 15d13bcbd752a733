"""Reading a log of 1 M events, or 10 M on request: `python -m tests.benchmarks.log_reading [--count N] [--file F]`.

Pages, one aggregate's history, the first page of a search, and what reads everything: verify, export, digest, views.
Each beside the bare SQLite statement that fetches the same rows on a connection of its own and makes nothing of them;
the ratio is bare to ours. Random places and people; the file is larger than SQLite's cache, and smaller than memory.

goals   page of 100: 3 ms at the 99th percentile, the same at 10 M · history: 5 ms · first page of a search: 20 ms
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

from engine.clock import SystemClock
from engine.events.event import END, Position
from engine.events.log import Filter
from engine.events.merging.strategies import STRATEGIES
from engine.events.merging.view import view_of
from engine.events.replicating.messages import DigestQuestion, Limits, Selection
from engine.storage.database import Database, open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_history import OF_AGGREGATE, StoredHistories
from engine.storage.event_indexing import EventIndexer
from engine.storage.event_log import StoredEventLog
from engine.storage.event_rows import SELECT
from engine.storage.event_verify import verify
from engine.storage.replica import StoredReplica
from tests.benchmarks.many_edits import EDITS_EACH, RARE, TOWNS, build
from tests.benchmarks.million_events import MILLION

PAGE = 100
ROUNDS = 200
AT_ONCE = 5_000
HUNDRED_THOUSAND = 100_000
NODE = "berlin-1"

_LIKE = f"{SELECT} WHERE e.aggregate LIKE ?1 OR e.data LIKE ?1 OR e.metadata LIKE ?1 ORDER BY e.position DESC LIMIT 100"


def timed(work: Callable[[], object]) -> float:
    """Return how long a work takes, in milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1_000


async def waited(work: Callable[[], Awaitable[object]]) -> float:
    """Return how long an awaited work takes, in milliseconds."""
    start = time.perf_counter()
    await work()
    return (time.perf_counter() - start) * 1_000


def report(name: str, ours: Sequence[float], bare: Sequence[float], goal: str = "") -> None:
    """Print one line: median, 99th percentile and worst of ours, median of the bare statement, and the ratio."""
    ordered = sorted(ours)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    middle, limit = statistics.median(ours), statistics.median(bare)
    print(
        f"{name:<40}{middle:>10.2f}{late:>9.2f}{ordered[-1]:>9.2f}{limit:>10.2f}{limit / middle:>8.2f}  {goal}",
        flush=True,
    )


class Bare:
    """SQLite alone, on the same file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: object) -> int:
        """Fetch all rows of a statement; return how many."""
        return len(self._connection.execute(sql, parameters).fetchall())

    def stream(self, sql: str, *parameters: object) -> int:
        """Fetch all rows of a statement, one by one; return how many."""
        return sum(1 for _ in self._connection.execute(sql, parameters))


async def pages(log: StoredEventLog, bare: Bare, count: int, rounds: int) -> None:
    """Pages anywhere, and from the end."""
    chance = random.Random(7)
    places = [chance.randrange(1, count - PAGE) for _ in range(rounds)]
    sql = f"{SELECT} WHERE e.position > ? ORDER BY e.position LIMIT {PAGE}"
    limits = [timed(lambda place=place: bare.rows(sql, place)) for place in places]  # type: ignore[misc]
    ours = [await waited(lambda place=place: log.page(Position(place), PAGE)) for place in places]  # type: ignore[misc]
    report("page of 100, anywhere", ours, limits, "goal: p99 3 ms")
    newest = f"{SELECT} ORDER BY e.position DESC LIMIT {PAGE}"
    limits = [timed(lambda: bare.rows(newest)) for _ in range(rounds)]
    report(
        "page of 100, newest",
        [await waited(lambda: log.page(END, PAGE, backwards=True)) for _ in range(rounds)],
        limits,
    )


async def histories(log: StoredEventLog, bare: Bare, people: int, rounds: int) -> None:
    """One person's events, and the versions."""
    chance = random.Random(8)
    names = [f"user:{chance.randrange(people):07}" for _ in range(2 * rounds)]
    limits = [timed(lambda name=name: bare.rows(OF_AGGREGATE, name, END)) for name in names[:rounds]]  # type: ignore[misc]
    ours = [await waited(lambda name=name: log.history(name)) for name in names[rounds:]]  # type: ignore[misc]
    report(f"history of some {EDITS_EACH} events", ours, limits, "goal: 5 ms")
    counting = "SELECT count(*) FROM event WHERE aggregate = ?"
    limits = [timed(lambda name=name: bare.rows(counting, name)) for name in names]  # type: ignore[misc]
    ours = [await waited(lambda name=name: log.version(name)) for name in names]  # type: ignore[misc]
    report("version of an aggregate", ours, limits)
    limits = [timed(lambda: bare.rows("SELECT count(*) FROM event_type")) for _ in range(rounds)]
    report("counts by type", [await waited(log.counts_by_type) for _ in range(rounds)], limits)


async def searches(database: Database, log: StoredEventLog, bare: Bare, people: int) -> None:
    """First pages, before and after the index was made."""
    texts = {
        "a word that occurs once": RARE,
        "a person": f"USER{people // 3:07}@",
        "a word that occurs nowhere": "no such text",
        "a common word": TOWNS[1].lower(),
        "two letters": "ul",
    }
    size = database.path.stat().st_size
    start = time.perf_counter()
    walks = {name: [await waited(lambda text=text: _first_page(log, text))] for name, text in texts.items()}  # type: ignore[misc]
    start = time.perf_counter()
    indexer = EventIndexer(database, SystemClock())
    while await indexer.index_one():
        pass
    took, grown = time.perf_counter() - start, database.path.stat().st_size - size
    print(f"indexed in {took:.1f} s; the file grew by {grown / 2**20:.1f} MB, {100 * grown / size:.1f} %", flush=True)
    for name, text in texts.items():
        limit = [timed(lambda text=text: bare.rows(_LIKE, f"%{text}%"))]  # type: ignore[misc]
        report(f"walked for {name}", walks[name], limit)
        ours = [await waited(lambda text=text: _first_page(log, text)) for _ in range(30)]  # type: ignore[misc]
        report(f"searched: {name}", ours, limit, "goal: 20 ms")


async def _first_page(log: StoredEventLog, text: str) -> None:
    await log.page(END, PAGE, Filter(search=text), backwards=True)


async def everything(database: Database, log: StoredEventLog, bare: Bare, count: int) -> None:
    """What reads the whole log."""
    limit = [timed(lambda: bare.stream(SELECT))]
    ours = [timed(lambda: verify(database.path))]
    report("verify", ours, limit, f"{count / ours[0] * 1_000:,.0f} events/s")
    replica = StoredReplica(database, log, SystemClock(), NODE, EventDigest(database))
    vector = {origin: max(0, seq - HUNDRED_THOUSAND) for origin, seq in (await log.vector()).items()}

    async def send() -> None:
        more = True
        while more:
            batch = await replica.lacking(vector, Limits(), Selection())
            vector.update({part.origin: part.seq for part in batch.items if hasattr(part, "seq")})
            more = batch.more

    some = f"{SELECT} WHERE e.position > {count - HUNDRED_THOUSAND} ORDER BY e.position"
    ours = [await waited(send)]
    report("read 100,000 events for a peer", ours, [timed(lambda: bare.rows(some))], f"{1e8 / ours[0]:,.0f} events/s")


async def states(folder: Path) -> None:
    """Digest and views of 100,000 aggregates of three events each."""
    path = folder / "states.db"
    await build(path, 3 * HUNDRED_THOUSAND, HUNDRED_THOUSAND)
    async with open_database(path, read_only=True) as database:
        with closing(sqlite3.connect(path)) as connection:
            limit = [timed(lambda: Bare(connection).stream(f"{SELECT} ORDER BY e.aggregate, e.position"))]
        ours = [await waited(lambda: EventDigest(database)(DigestQuestion())) for _ in range(3)]
        report("digest of 100,000 aggregates", ours, limit)
        reader = StoredHistories(database)

        async def views() -> None:
            for first in range(0, HUNDRED_THOUSAND, AT_ONCE):
                names = [f"user:{number:07}" for number in range(first, first + AT_ONCE)]
                for name, events in (await reader.histories(names)).items():
                    view_of(name, events, (), STRATEGIES)

        report("views of 100,000 aggregates", [await waited(views)], limit)


async def measure(path: Path, folder: Path, count: int, rounds: int) -> None:
    """Everything, in turn."""
    people = max(1, count // EDITS_EACH)
    if not path.exists():
        start = time.perf_counter()
        await build(path, count, people)
        print(f"built {count:,} events in {time.perf_counter() - start:.1f} s, {path.stat().st_size / 2**20:,.0f} MB")
    print(f"{'milliseconds':<40}{'median':>10}{'p99':>9}{'worst':>9}{'bare':>10}{'bare:ours':>8}", flush=True)
    async with open_database(path) as database:
        log = StoredEventLog(database, SystemClock(), NODE)
        with closing(sqlite3.connect(path)) as connection:
            bare = Bare(connection)
            await pages(log, bare, count, rounds)
            await histories(log, bare, people, rounds)
            await searches(database, log, bare, people)
            await everything(database, log, bare, count)
    await states(folder)


def main() -> None:
    """Build the log, then read it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--count", type=int, default=MILLION, help="events; 10000000 takes a quarter of an hour and 6 GB"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--file", type=Path, help="a log that was built before, or is built there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "state.db"
        asyncio.run(measure(path, Path(folder), options.count, options.rounds))
    print("load of the machine, 1 and 5 minutes: {:.1f} {:.1f}".format(*os.getloadavg()[:2]))


if __name__ == "__main__":
    main()
