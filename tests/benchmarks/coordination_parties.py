"""Processes that take part in a measurement of coordination: each does as it is told, a line for a line
(`coordination_client`)."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import selectors
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tests.benchmarks.coordination_client import take_part

FORK = multiprocessing.get_context("fork")
LONG = 10.0
"""Seconds for which holders may be silent in a measurement of speed."""


class Client:
    """A process that does as it is told; a copy of this one, which has imported all that is needed."""

    def __init__(self, kind: str, place: str, ttl: float = LONG) -> None:
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        self._in, self.out = os.fdopen(ours_in, "w"), os.fdopen(ours_out)
        self.process = FORK.Process(target=_take_part, args=(theirs_in, theirs_out, kind, place, ttl), daemon=True)
        self.process.start()
        os.close(theirs_in)
        os.close(theirs_out)

    def tell(self, *words: object) -> None:
        """Give a command."""
        self._in.write(" ".join(map(str, words)) + "\n")
        self._in.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for an answer."""
        line = self.out.readline()
        assert line, "a client died"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def do(self, *words: object) -> dict[str, Any]:
        self.tell(*words)
        return self.hear()

    def kill(self) -> float:
        """End it as a crash would; return when."""
        return self._send(signal.SIGKILL)

    def stop(self) -> float:
        """Let it hang; return since when."""
        return self._send(signal.SIGSTOP)

    def _send(self, which: signal.Signals) -> float:
        assert self.process.pid is not None
        at = time.clock_gettime(time.CLOCK_MONOTONIC)
        os.kill(self.process.pid, which)
        return at

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._in.close()
        self.process.join(timeout=10)
        if self.process.exitcode is None:  # stopped, or busy with a backend that does not answer
            self.process.kill()
            self.process.join()
        self.out.close()


def _take_part(commands: int, answers: int, kind: str, place: str, ttl: float) -> None:
    os.dup2(commands, 0)
    os.dup2(answers, 1)
    os.closerange(3, 1 << 16)  # the ends of others' pipes are theirs alone
    sys.stdin, sys.stdout = open(0), open(1, "w", closefd=False)  # noqa: SIM115 - for the life of the process
    asyncio.run(take_part(kind, place, ttl))


@contextmanager
def clients(kind: str, place: str, number: int, ttl: float = LONG) -> Iterator[Sequence[Client]]:
    """Start so many clients at one place."""
    with ExitStack() as stack:
        started = [Client(kind, place, ttl) for _ in range(number)]
        for client in started:
            stack.callback(client.close)
        for client in started:
            client.hear()
        yield started


def first_of(waiting: Sequence[Client]) -> tuple[Client, float]:
    """Wait until one of these has what all wait for; return who, and when that was."""
    with selectors.DefaultSelector() as selector:
        for client in waiting:
            selector.register(client.out, selectors.EVENT_READ, client)
        found = selector.select(timeout=60)
    assert found, "nobody gets it"
    client = found[0][0].data
    return client, float(client.hear()["at"])


def pause(seconds: float) -> None:
    """Let clients that cannot say so come to wait."""
    threading.Event().wait(seconds)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
