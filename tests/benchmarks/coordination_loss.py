"""Holders that die, hang or are cut off: who is told what, and when.

    python -m tests.benchmarks.coordination_loss [BACKEND …] [--samples 5]

  killed     from SIGKILL of the holder to having it in the next process, which was waiting; ours and the rivals', all
             with a time to live of two seconds where there is one
  hung       from SIGSTOP of the holder to having it in the next process, less the time to live; below zero, because
             it counts from the last renewal
  cut off    the way to the backend swallows everything (a proxy that drops it): how late after its deadline the
             body of the holder's block has been cancelled; for SQLite, which has no way, the file's lock is held
             by another connection meanwhile
What a rival's holder would be told is not measured: none of them tells.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.coordination_parties import clients, pause
from tests.benchmarks.coordination_places import BACKENDS, SHORT, Backend, through
from tests.servers.switch_proxy import Line, start_switch

SETTLE = 0.1
TOLD_GOAL = 50


def kills(kind: str, place: str, samples: int) -> list[float]:
    """Return how many ms the next one waited after each SIGKILL of a holder."""
    took: list[float] = []
    with clients(kind, place, samples + 1, SHORT) as line:
        line[0].do("acquire", "killed")
        for holder, waiter in pairwise(line):
            waiter.tell("acquire", "killed")
            pause(SETTLE)
            killed = holder.kill()
            took.append((waiter.hear()["at"] - killed) * 1_000)
        line[-1].do("release", "killed")
    return took


def hangs(kind: str, place: str, samples: int) -> list[float]:
    """Return how many ms beyond the time to live the next one waited for each holder that was stopped."""
    took: list[float] = []
    with clients(kind, place, samples + 1, SHORT) as line:
        line[0].do("acquire", "hung")
        for holder, waiter in pairwise(line):
            waiter.tell("acquire", "hung")
            pause(SETTLE)
            stopped = holder.stop()
            took.append((waiter.hear()["at"] - stopped - SHORT) * 1_000)
        for holder in line[:-1]:
            holder.kill()
        line[-1].do("release", "hung")
    return took


def cuts(name: str, place: str, samples: int) -> list[float]:
    """Return how many ms after its deadline each holder had been told, all cut off at once."""
    with _way(name, place) as (passed, cut), clients(f"{name}-lock", passed, samples, SHORT) as holders:
        for number, holder in enumerate(holders):
            holder.do("hold", f"cut-{number}")
        with cut:
            heard = [holder.hear() for holder in holders]
        for holder in holders:
            holder.kill()
    return [(each["at"] - each["deadline"]) * 1_000 for each in heard]


@contextmanager
def _way(name: str, place: str) -> Iterator[tuple[str, AbstractContextManager[None]]]:
    """Give a place, and how nothing gets there for a block."""
    if name == "sqlite":
        yield place, _busy(Path(place) / "coordination.db")
        return
    port = urlsplit(place).port
    assert port is not None
    with start_switch(port) as proxy:
        yield through(place, proxy.port), proxy.turned(Line.BLACKHOLE)


@contextmanager
def _busy(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def line_of(what: str, took: Sequence[float], goal: float, *, always: bool = False) -> str:
    """Return one line of the table; the goal is one for the median, or for all of them (`always`)."""
    middle, longest = statistics.median(took), max(took)
    reached = "" if (longest if always else middle) <= goal or not goal else ": MISSED"
    wanted = f"goal ≤ {goal:,g}{reached}" if goal else ""
    return f"  {what:<40}{middle:>10,.1f} ms median {longest:>10,.1f} ms at most   {wanted}".rstrip()


def measure(name: str, backend: Backend, samples: int) -> None:
    """Measure a backend and print."""
    before = os.getloadavg()[0]
    lines: list[str] = []
    with backend.place() as place:
        for kind in (f"{name}-lock", *backend.rivals):
            goal = backend.goals.killed if kind == f"{name}-lock" else 0
            lines.append(line_of(f"killed, to the next ({kind})", kills(kind, place, samples), goal))
        lines.append(line_of(f"hung, beyond a ttl of {SHORT:g} s", hangs(f"{name}-lock", place, 3), backend.goals.hung))
        lines.append(line_of("cut off: told after its deadline", cuts(name, place, samples), TOLD_GOAL, always=True))
    print(f"{name}; load of the machine before and after: {before:.1f} {os.getloadavg()[0]:.1f}")
    print("\n".join(lines), flush=True)


def main() -> None:
    """Measure all backends, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", default=list(BACKENDS))
    parser.add_argument("--samples", type=int, default=5)
    arguments = parser.parse_args()
    print(__doc__)
    for name in arguments.backends:
        measure(name, BACKENDS[name], arguments.samples)


if __name__ == "__main__":
    main()
