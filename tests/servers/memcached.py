"""A real memcached; it forgets everything whenever it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.server_process import Recipe, ServerProcess, program, running, says


@contextmanager
def start_memcached(*options: str) -> Iterator[ServerProcess]:
    """Run memcached until the block ends, with options of its own."""
    path = program("memcached", package="memcached")
    as_root = ["-u", "root"] if os.geteuid() == 0 else []  # it asks for a name before it runs as root

    def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
        return [path, "-l", "127.0.0.1", "-p", str(ports[0]), "-U", "0", "-m", "64", *as_root, *options]

    def answers(port: int) -> bool:
        return says(port, b"version\r\n", b"VERSION")

    recipe = Recipe(
        name="memcached",
        scheme="memcached",
        command=command,
        answers=answers,
        stop_signal=signal.SIGKILL,  # it has nothing to put in order, and takes a second for it when asked politely
    )
    with running(recipe) as server:
        yield server
