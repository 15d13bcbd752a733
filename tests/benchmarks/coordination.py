"""Holding a name, beside the rivals and the limit in the same run: `python -m tests.benchmarks.coordination [KIND …]`.

Every client is a process of its own. A pair is acquire and release.
  1 client        pairs a second, nobody else there
  8, own names    the same of eight processes in all, each on a name of its own
  8, one name     grants a second in all; turns is the least by the most that one of them got; the longest wait
  hand-over       from just before release in one process to having it in the next one, which was waiting
  of eight        the same with eight in line (ours alone: the rivals keep no line)
  killed          from SIGKILL of the holder to having it in the next process
  told            from just before a change to hearing of it in another process that follows
A rival that polls lets whoever just gave it back take it again: its grants on one name are no hand-overs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

CLIENTS = 8
OURS = ("sqlite", "sqlite-lock")
TELLING = ("sqlite",)
RIVALS = ("two-transactions", "tooz-file", "filelock", "fasteners")
LIMIT = "two-transactions"


class Client:
    """A process that does as it is told."""

    def __init__(self, kind: str, place: str) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.coordination_client", kind, place]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words: object) -> None:
        """Give a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for an answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "a client died"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def do(self, *words: object) -> dict[str, Any]:
        self.tell(*words)
        return self.hear()

    def kill(self) -> float:
        """End it as a crash would; return when."""
        at = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.process.send_signal(signal.SIGKILL)
        return at

    def close(self) -> None:
        if self.process.poll() is None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=30)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def clients(kind: str, place: str, number: int) -> Iterator[Sequence[Client]]:
    """Start so many clients at one place."""
    with ExitStack() as stack:
        started = [Client(kind, place) for _ in range(number)]
        for client in started:
            stack.callback(client.close)
        for client in started:
            client.hear()
        yield started


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured for how long."""

    seconds: float
    samples: int
    settle: float = 0.03
    """Seconds in which a waiter comes to its place."""


def pairs(kind: str, place: str, measure: Measure) -> tuple[float, float, float, float, float]:
    """Return pairs a second of one, of eight apart and of eight together; least by most; longest wait in ms."""
    with clients(kind, place, CLIENTS) as started:
        alone = started[0].do("pairs", "alone", measure.seconds)["pairs"]
        for number, client in enumerate(started):
            client.tell("pairs", f"own-{number}", measure.seconds)
        apart = sum(client.hear()["pairs"] for client in started)
        for client in started:
            client.tell("pairs", "shared", measure.seconds)
        together = [client.hear() for client in started]
    turns = [each["pairs"] for each in together]
    longest = max(each["longest"] for each in together) * 1_000
    rates = [number / measure.seconds for number in (alone, apart, sum(turns))]
    return rates[0], rates[1], rates[2], min(turns) / max(turns), longest


def hand_overs(kind: str, place: str, measure: Measure, number: int) -> list[float]:
    """Return how many ms each hand-over took, with so many in line."""
    took: list[float] = []
    with clients(kind, place, number) as line:
        queue = list(line)
        queue[0].do("acquire", "handed")
        for client in queue[1:]:
            client.tell("acquire", "handed")
            pause(measure.settle)
        for _ in range(measure.samples):
            holder = queue.pop(0)
            released = holder.do("release", "handed")["at"]
            took.append((queue[0].hear()["at"] - released) * 1_000)
            holder.tell("acquire", "handed")
            queue.append(holder)
            pause(measure.settle)
        while queue:
            queue.pop(0).do("release", "handed")
            if queue:
                queue[0].hear()
    return took


def kills(kind: str, place: str, measure: Measure) -> list[float]:
    """Return how many ms the next one waited after each SIGKILL of a holder."""
    took: list[float] = []
    for _ in range(max(3, measure.samples // 10)):
        with clients(kind, place, 2) as (holder, waiter):
            holder.do("acquire", "killed")
            waiter.tell("acquire", "killed")
            pause(measure.settle)
            killed = holder.kill()
            took.append((waiter.hear()["at"] - killed) * 1_000)
            waiter.do("release", "killed")
    return took


def tellings(kind: str, place: str, measure: Measure) -> list[float]:
    """Return how many ms each change took to another process that follows."""
    number = 2 * max(10, measure.samples * 2)
    with clients(kind, place, 2) as (follower, changer):
        assert follower.do("follow", number)["following"]
        begun = changer.do("change", number, 0.005)["at"]
        arrived = follower.hear()["at"]
    return [(there - here) * 1_000 for here, there in zip(begun, arrived, strict=True)]


def pause(seconds: float) -> None:
    """Let clients that cannot say so come to wait."""
    threading.Event().wait(seconds)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(kind: str, measure: Measure, limit: float | None) -> float:
    """Print the figures of one contender; return its pairs a second alone."""
    with tempfile.TemporaryDirectory() as place:
        alone, apart, together, turns, longest = pairs(kind, place, measure)
        beside = "" if limit is None else f"{alone / limit:>7.2f}"
        print(f"{kind:<17}{alone:>9,.0f}{beside or '      –'}{apart:>9,.0f}{together:>9,.0f}{turns:>7.2f}", end="")
        print(f"{longest:>8.0f}", end="", flush=True)
        if kind != LIMIT:
            for number in (2, CLIENTS) if kind in OURS else (2,):
                took = hand_overs(kind, place, measure, number)
                print(f"{statistics.median(took):>9.2f}{percentile(took, 0.95):>7.1f}", end="", flush=True)
            print(f"{'':>16}" * (kind not in OURS), end="")
            took = kills(kind, place, measure)
            print(f"{statistics.median(took):>8.1f}{max(took):>6.0f}", end="", flush=True)
        if kind in TELLING:
            took = tellings(kind, place, measure)
            print(f"{statistics.median(took):>8.2f}{percentile(took, 0.99):>6.1f}", end="", flush=True)
        print(flush=True)
    return alone


def main() -> None:
    """Measure all contenders, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=[LIMIT, *OURS, *RIVALS[1:]])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--samples", type=int, default=60)
    arguments = parser.parse_args()
    measure = Measure(arguments.seconds, arguments.samples)
    print(__doc__)
    print(f"{'':<17}{'1 client':>9}{':limit':>7}{'8, own':>9}{'8, one':>9}{'turns':>7}{'longest':>8}", end="")
    print(f"{'hand-over':>9}{'p95':>7}{'of eight':>9}{'p95':>7}{'killed':>8}{'max':>6}{'told':>8}{'p99':>6}")
    limit: float | None = None
    for kind in arguments.kinds:
        alone = report(kind, measure, limit)
        limit = alone if kind == LIMIT else limit
    print("load of the machine, 1 and 5 minutes: {:.1f} {:.1f}".format(*os.getloadavg()))


if __name__ == "__main__":
    main()
