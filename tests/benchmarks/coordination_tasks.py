"""Tasks from end to end: asked for in one process, done in others, by how many workers.

    python -m tests.benchmarks.coordination_tasks [BACKEND …] [--count 200]

The work itself is nothing. A task is three writes that are compared with what was there before (asked for, taken,
done) and three changes told to every process; the limit is three bare writes of as many bytes by one client of the
same backend, with nobody following. *Then begun*: from just before `submit` to the handler, one task at a time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from tests.benchmarks.coordination_parties import Client, clients, pause, percentile
from tests.benchmarks.coordination_places import BACKENDS, Backend

SETTINGS = ((1, 1), (1, 8), (4, 2))
"""Processes, and workers in each."""
ALONE = 30
"""Tasks that are asked for one at a time."""
PAUSE = 0.02


class Workers:
    """Processes at work; what they did is heard as it is told."""

    def __init__(self, processes: Sequence[Client], workers: int) -> None:
        self._done: list[list[tuple[str, float]]] = [[] for _ in processes]
        self._more = threading.Condition()
        for client, done in zip(processes, self._done, strict=True):
            client.tell("work", workers)
            threading.Thread(target=self._listen, args=(client, done), daemon=True).start()

    def _listen(self, client: Client, done: list[tuple[str, float]]) -> None:
        while True:
            try:
                heard = client.hear()
            except (AssertionError, ValueError):  # it was killed
                return
            with self._more:
                done.append((heard["task"], heard["at"]))
                self._more.notify_all()

    def wait(self, number: int) -> dict[str, float]:
        """Return when each task was done, once so many were."""
        with self._more:
            assert self._more.wait_for(lambda: sum(map(len, self._done)) >= number, 120), "tasks stay undone"
            return dict(chain.from_iterable(self._done))

    @property
    def everybody_had_one(self) -> bool:
        with self._more:
            return all(self._done)


@contextmanager
def at_work(name: str, place: str, processes: int, workers: int) -> Iterator[tuple[Client, Workers, int]]:
    """Give somebody who asks, workers of whom each process has done something, and how many tasks were done."""
    with clients(f"{name}-lock", place, processes + 1) as (asking, *working):
        crew = Workers(working, workers)
        given = 0
        while not crew.everybody_had_one:
            asking.do("submit", 8, 0)
            given += 8
            crew.wait(given)
        yield asking, crew, given
        for client in working:
            client.kill()


def one(name: str, backend: Backend, setting: tuple[int, int], count: int) -> tuple[float, list[float]]:
    """Return tasks a second, and how many ms each of some was waited for, when asked for one at a time."""
    with backend.place() as place, at_work(name, place, *setting) as (asking, crew, given):
        begun = asking.do("submit", ALONE, PAUSE)["at"]
        done = crew.wait(given + ALONE)
        alone = sorted(done.values())[-ALONE:]
        asking.do("settled", given + ALONE)
        first = asking.do("submit", count, 0)["at"][0]
        last = max(crew.wait(given + ALONE + count).values())
        asking.do("settled", given + ALONE + count)
    return count / (last - first), [(there - here) * 1_000 for here, there in zip(begun, alone, strict=True)]


def limit(name: str, backend: Backend, count: int) -> float:
    """Return three writes a second."""
    with backend.place() as place, clients(f"{name}-lock", place, 1) as (client,):
        pause(PAUSE)
        return count / float(client.do("writes", count)["seconds"])


def measure(name: str, backend: Backend, count: int) -> None:
    """Measure a backend and print."""
    before = os.getloadavg()[0]
    bare = limit(name, backend, count)
    print(f"{name:<10}{'three bare writes':<32}{bare:>8,.0f} a second")
    for processes, workers in SETTINGS:
        rate, began = one(name, backend, (processes, workers), count)
        what = f"{processes} process{'es' * (processes > 1)}, {processes * workers} worker{'s' * (workers > 1)}"
        print(
            f"{name:<10}{what:<32}{rate:>8,.0f} a second, {rate / bare:.2f} of the limit; then begun after "
            f"{statistics.median(began):.1f} ms, p95 {percentile(began, 0.95):.1f}",
            flush=True,
        )
    print(f"load of the machine before and after: {before:.1f} {os.getloadavg()[0]:.1f}\n", flush=True)


def main() -> None:
    """Measure all backends, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", default=list(BACKENDS))
    parser.add_argument("--count", type=int, default=200)
    arguments = parser.parse_args()
    print(__doc__)
    for name in arguments.backends:
        measure(name, BACKENDS[name], arguments.count)


if __name__ == "__main__":
    main()
