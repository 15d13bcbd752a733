"""Two real nodes on loopback: `python -m tests.benchmarks.replication [--events N] [--largest N]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from engine.events.event import NewEvent
from engine.storage.connection import connect
from engine.storage.database import open_database
from engine.storage.event_log import StoredEventLog
from tests.benchmarks.million_events import PacedClock
from tests.benchmarks.replication_caller import peak_bytes
from tests.journeys.command import ROOT
from tests.journeys.serving import served, workspace

WHAT_IS_COMPARED = """\
A `syncdeck serve` process and a calling process, each with its own durable state file (WAL, synchronous=FULL), over
HTTP on loopback; batches of 2,000. Received events are checked (form, chain, context), linked to their aggregates and
committed with the new vector.
  raw rows   the same rows, `executemany` into the same tables and indexes, 2,000 a commit: no check, no network
  bare HTTP  a body of a batch's size from a bare uvicorn, read with httpx and thrown away: nothing else at all
  follow     from before an event is posted at one node until it is in the other's log; beside the bare post alone
All in turn, each in new files. Memory is the most that a process ever had, Python and libraries included.
"""

BATCH = 2_000
BODY_BYTES = 180_000
"""Of a batch as it travels, packed."""
PULL_GOAL, PUSH_GOAL, NEWS_GOAL_MS = 25_000, 20_000, 10
MB = 1024 * 1024


def events(first: int, count: int) -> list[NewEvent]:
    """Return events of some 180 bytes of JSON about 5,000 orders."""
    return [
        NewEvent(
            type=("order.placed", "order.changed", "order.paid")[number % 3],
            aggregate_id=f"order:{number % 5_000}",
            data={"customer": f"user{number:06}@example.com", "amount": number % 977, "note": "As agreed by phone."},
            metadata={"actor": "anna@berlin-1", "plan": "0123456789ab" * 3, "session": number % 500},
        )
        for number in range(first, first + count)
    ]


async def build(folder: Path, node: str, count: int) -> None:
    """Write a node's own events into its log."""
    clock = PacedClock(datetime(2025, 11, 1, tzinfo=UTC), timedelta(milliseconds=20))
    async with open_database(folder / ".syncdeck" / "state.db") as database:
        log = StoredEventLog(database, clock, node)
        for first in range(0, count, 5_000):
            await log.append(events(first, min(5_000, count - first)))


def call(folder: Path, what: str) -> dict[str, float]:
    """Return what a calling process found."""
    command = [sys.executable, "-m", "tests.benchmarks.replication_caller", str(folder), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def moved(folder: Path, direction: str, count: int) -> tuple[float, float, float]:
    """Return events a second, and the peak of the serving and of the calling process."""
    there, here = workspace(folder / "there", "there"), workspace(folder / "here", "here")
    asyncio.run(build(*((there, "there") if direction == "pull" else (here, "here")), count))
    with served(there) as node:
        workspace(here, "here", f'peers: {{there: {{url: "{node.url}", every: 1h}}}}\n')
        found = call(here, direction)
        serving = peak_bytes(node.process.pid)
        node.stop()
    assert found["moved"] >= count, found
    return found["moved"] / found["seconds"], serving, found["peak"]


def raw_rows(source: Path, target: Path) -> float:
    """Return events a second of bare SQLite, with the rows of a log that is there."""
    asyncio.run(_lay_out(target))
    with closing(connect(source, read_only=True)) as reader, closing(connect(target, read_only=False)) as writer:
        for table in ("event_type", "event_origin"):
            rows = reader.execute(f"SELECT * FROM {table}").fetchall()
            writer.execute("BEGIN")
            writer.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
            writer.execute("COMMIT")
        rows = reader.execute("SELECT * FROM event ORDER BY position").fetchall()
        insert = f"INSERT INTO event VALUES ({', '.join('?' * len(rows[0]))})"
        start = time.perf_counter()
        for first in range(0, len(rows), BATCH):
            writer.execute("BEGIN IMMEDIATE")
            writer.executemany(insert, rows[first : first + BATCH])
            writer.execute("COMMIT")
        return len(rows) / (time.perf_counter() - start)


async def _lay_out(path: Path) -> None:
    async with open_database(path):
        pass


@contextmanager
def bare_server() -> Iterator[str]:
    """Serve a constant body with nothing but uvicorn."""
    body = os.urandom(BODY_BYTES)

    async def give(request: Request) -> Response:
        await request.body()
        return Response(body)

    config = uvicorn.Config(Router([Route("/", give, methods=["POST"])]), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def bare_http(count: int) -> tuple[float, float]:
    """Return events a second of bodies alone, and the median milliseconds of a short post."""
    with bare_server() as url, httpx.Client(base_url=url) as http:
        http.post("/", content=b"x")
        start = time.perf_counter()
        for _ in range(count // BATCH):
            http.post("/", content=b"x")
        rate = count / (time.perf_counter() - start)
        posts = []
        for _ in range(200):
            began = time.perf_counter()
            http.post("/", content=b"x")
            posts.append(time.perf_counter() - began)
    return rate, statistics.median(posts) * 1000


def news(folder: Path) -> dict[str, float]:
    """Return how long an event takes from being written at one node to being seen at the other."""
    with served(workspace(folder / "there", "there")) as node:
        here = workspace(folder / "here", "here", f'peers: {{there: {{url: "{node.url}", every: 1h}}}}\n')
        found = call(here, "follow")
        node.stop()
    return found


def main() -> None:
    """Measure pull, push and follow, and what they cannot beat."""
    parser = argparse.ArgumentParser(description=WHAT_IS_COMPARED, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--largest", type=int, default=1_000_000, help="for the memory that must stay flat")
    arguments = parser.parse_args()
    print(WHAT_IS_COMPARED)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        rate, post = bare_http(arguments.events)
        print(f"{'bare HTTP':<24}{rate:>10,.0f} events/s", flush=True)
        for direction, goal in (("pull", PULL_GOAL), ("push", PUSH_GOAL)):
            for count in dict.fromkeys((10_000, arguments.events, arguments.largest)):
                folder = root / f"{direction}-{count}"
                reached, serving, calling = moved(folder, direction, count)
                print(
                    f"{direction} {count:>12,}       {reached:>10,.0f} events/s   goal {goal:,}   memory: serving "
                    f"{serving / MB:,.0f} MB, calling {calling / MB:,.0f} MB",
                    flush=True,
                )
                if count == arguments.events:
                    source = folder / ("there" if direction == "pull" else "here") / ".syncdeck/state.db"
                    print(f"{'raw rows':<24}{raw_rows(source, folder / 'raw.db'):>10,.0f} events/s", flush=True)
                shutil.rmtree(folder)
        found = news(root / "news")
        print(
            f"{'follow':<24}{found['median_ms']:>10.1f} ms median, {found['p99_ms']:.1f} ms at the 99th percentile   "
            f"goal {NEWS_GOAL_MS} ms median   bare post {post:.1f} ms"
        )
    print("load of the machine, 1 and 5 minutes: {:.1f} {:.1f}".format(*os.getloadavg()))


if __name__ == "__main__":
    main()
