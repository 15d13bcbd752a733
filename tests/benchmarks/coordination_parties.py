"""Processes that take part in a measurement of coordination: each does as it is told, a line for a line
(`coordination_client`)."""

from __future__ import annotations

import json
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

LONG = 10.0
"""Seconds for which holders may be silent in a measurement of speed."""


class Client:
    """A process that does as it is told."""

    def __init__(self, kind: str, place: str, ttl: float = LONG) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.coordination_client", kind, place, str(ttl)]
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
        return self._send(signal.SIGKILL)

    def stop(self) -> float:
        """Let it hang; return since when."""
        return self._send(signal.SIGSTOP)

    def _send(self, which: signal.Signals) -> float:
        at = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.process.send_signal(which)
        return at

    def close(self) -> None:
        if self.process.poll() is None and self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # stopped, or busy with a backend that does not answer
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


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
            assert client.process.stdout is not None
            selector.register(client.process.stdout, selectors.EVENT_READ, client)
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
