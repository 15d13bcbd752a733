"""Appending events durably, beside the least that SQLite could do: `python -m tests.benchmarks.append [--rounds N]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.clock import SystemClock
from engine.events.chain import BEFORE_FIRST, canonical, hashed, header, link
from engine.events.event import NewEvent
from engine.storage.connection import connect
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog

WHAT_IS_COMPARED = """\
Both rivals insert with `executemany` into the same tables and indexes, under the same pragmas (WAL, synchronous=FULL),
so many events for each commit as ours has at once. JSON encoding is included.
  bare rows  the right shape and no more: id, chain, context and time are constants or counters.
  true rows  what the log must hold: canonical JSON, context, and a chain over it.
Neither looks for secrets, keeps counters, reads a clock, moves the write-ahead log into the file, or answers anybody.
  ours       one event a call from 1, 8 and 64 tasks, or 1,000 a call from one; each call waits until it is durable.
             Nobody looks at the events it returns; they are built for whoever does, in 1 to 3 µs each.
All in turn, each in a new file; figures are medians of the rounds, a ratio is the median of the rounds' ratios.
"""

INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
ENCODE = msgspec.json.Encoder().encode
NODE = "berlin-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`appenders` tasks append `batch` events a call, `events` in all."""

    appenders: int
    batch: int
    events: int
    goal: float | None = None

    @property
    def name(self) -> str:
        if self.batch > 1:
            return f"batches of {self.batch:,}"
        return f"{self.appenders} appender{'s' * (self.appenders > 1)}"


CASES = (
    Case(appenders=1, batch=1, events=1_000),
    Case(appenders=8, batch=1, events=8_000),
    Case(appenders=64, batch=1, events=32_000, goal=0.5),
    Case(appenders=1, batch=1_000, events=50_000, goal=0.75),
)


def make_events(count: int) -> list[NewEvent]:
    """Return events of some 180 bytes of JSON about 500 aggregates."""
    return [
        NewEvent(
            type=("run.intended", "run.concluded", "run.item.refused")[number % 3],
            aggregate_id=f"job:{number % 500}",
            data={"item": f"list/add/user{number:06}@example.com", "attempt": 1, "reason": "The service said 404."},
            metadata={"actor": "anna@berlin-1", "plan": "0123456789ab" * 3, "run": number % 500},
        )
        for number in range(count)
    ]


Row = tuple[object, ...]
RowMaker = Callable[[int, NewEvent, dict[str, int]], Row]


def bare_rows() -> RowMaker:
    """Rows of the right shape: JSON encoded, everything else a constant or a counter."""
    chain = bytes(range(32))

    def row(number: int, event: NewEvent, types: dict[str, int]) -> Row:
        data, metadata = ENCODE(event.data).decode(), ENCODE(event.metadata).decode()
        identity = f"01a1fdd4-c50d-7db9-a2d3-{number:012x}"
        stamp = 117_654_155_569_201_152 + number
        context = '{"berlin-1~0badcafe":12345}'
        return number, identity, types[event.type], event.aggregate_id, data, metadata, 1, number, context, stamp, chain

    return row


def true_rows() -> RowMaker:
    """Rows as the log must hold them: canonical JSON, context, and a chain that can be checked."""
    chain = BEFORE_FIRST
    newest: dict[str, dict[str, int]] = {}

    def row(number: int, event: NewEvent, types: dict[str, int]) -> Row:
        nonlocal chain
        data, metadata = canonical(event.data), canonical(event.metadata)
        identity = f"01a1fdd4-c50d-7db9-a2d3-{number:012x}"
        stamp = 117_654_155_569_201_152 + number
        about = event.aggregate_id
        context = newest.get(about, {})
        head = header(identity, event.type, about, (NODE, number), context, stamp)
        chain = link(chain, hashed(data) + hashed(metadata), head)
        newest[about] = {NODE: number}
        known = canonical(context).decode()
        return (
            number,
            identity,
            types[event.type],
            about,
            data.decode(),
            metadata.decode(),
            1,
            number,
            known,
            stamp,
            chain,
        )

    return row


def raw(path: Path, events: list[NewEvent], commit: int, maker: RowMaker) -> float:
    """Return the events a second of bare SQLite."""
    asyncio.run(_lay_out(path))
    with closing(connect(path, read_only=False)) as connection:
        connection.execute("BEGIN")
        types = {event.type for event in events}
        connection.executemany("INSERT INTO event_type (name) VALUES (?)", [(name,) for name in sorted(types)])
        connection.execute("INSERT INTO event_origin (name) VALUES (?)", (NODE,))
        connection.execute("COMMIT")
        numbers = dict(connection.execute("SELECT name, id FROM event_type"))
        start = time.perf_counter()
        for first in range(0, len(events), commit):
            some = enumerate(events[first : first + commit], start=first + 1)
            rows = [maker(number, event, numbers) for number, event in some]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, rows)
            connection.execute("COMMIT")
        return len(events) / (time.perf_counter() - start)


async def _lay_out(path: Path) -> None:
    async with open_database(path):
        pass


async def ours(path: Path, events: list[NewEvent], case: Case, pauses: list[float]) -> float:
    """Return the events a second of the event log; note how long each call took."""
    async with open_database(path) as database:
        log = StoredEventLog(database, SystemClock(), NODE)

        async def appender(mine: list[NewEvent]) -> None:
            for first in range(0, len(mine), case.batch):
                called = time.perf_counter()
                await log.append(mine[first : first + case.batch])
                pauses.append(time.perf_counter() - called)

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(case.appenders):
                group.create_task(appender(events[number :: case.appenders]))
        return len(events) / (time.perf_counter() - start)


def measure(case: Case, rounds: int, fresh: Callable[[], Path]) -> None:
    """Print one line: both rivals, ours, the ratios, and how long a call takes."""
    events = make_events(case.events)
    commit = case.appenders * case.batch
    figures: list[tuple[float, float, float]] = []
    pauses: list[float] = []
    for _ in range(rounds):
        bare = raw(fresh(), events, commit, bare_rows())
        true = raw(fresh(), events, commit, true_rows())
        figures.append((bare, true, asyncio.run(ours(fresh(), events, case, pauses))))
    bare, true, reached = (statistics.median(column) for column in zip(*figures, strict=True))
    to_bare = statistics.median(mine / limit for limit, _, mine in figures)
    to_true = statistics.median(mine / limit for _, limit, mine in figures)
    goal = "" if case.goal is None else f"  goal {case.goal}"
    print(
        f"{case.name:<20}{bare:>12,.0f}{true:>12,.0f}{reached:>12,.0f}{to_bare:>9.2f}{to_true:>9.2f}"
        f"{statistics.median(pauses) * 1000:>9.2f} ms{goal}",
        flush=True,
    )


def main() -> None:
    """Run every case."""
    parser = argparse.ArgumentParser(description=WHAT_IS_COMPARED, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(WHAT_IS_COMPARED)
    print(
        f"{'events a second':<20}{'bare rows':>12}{'true rows':>12}{'ours':>12}{':bare':>9}{':true':>9}{'a call':>12}"
    )
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / f"{number}.db" for number in range(10_000))
        for case in CASES:
            measure(case, rounds, lambda: next(files))
    print("load of the machine, 1 and 5 minutes: {:.1f} {:.1f}".format(*os.getloadavg()))


if __name__ == "__main__":
    main()
