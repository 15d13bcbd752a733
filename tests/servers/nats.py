"""A real NATS server with JetStream, new enough to let one message expire by itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers.server_process import Recipe, ServerProcess, free_ports, program, running, says

OLDEST = (2, 11)
"""Before it a key with a time to live stays for ever, and nobody says so."""


@contextmanager
def start_nats(*options: str, durable: bool = False) -> Iterator[ServerProcess]:
    """Run NATS until the block ends, `durable`: every message is on the disk before it is acknowledged."""
    path = nats_program()

    def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
        sync = ", sync_interval: always" if durable else ""
        (folder / "nats.conf").write_text(f'jetstream {{ store_dir: "{folder}/data"{sync} }}\n')
        return [path, "-a", "127.0.0.1", "-p", str(ports[0]), "-c", folder / "nats.conf", *options]

    with running(Recipe(name="nats", scheme="nats", command=command, answers=_streams)) as server:
        yield server


@contextmanager
def start_nats_cluster(count: int = 3) -> Iterator[Sequence[ServerProcess]]:
    """Run so many servers as one cluster until the block ends: `n0`, `n1`, …. They answer, and may still be looking for
    each other."""
    path, meeting = nats_program(), free_ports(count)
    routes = ", ".join(f"nats://127.0.0.1:{port}" for port in meeting)

    def recipe(number: int) -> Recipe:
        def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
            (folder / "nats.conf").write_text(
                f'server_name: n{number}\njetstream {{ store_dir: "{folder}/data" }}\n'
                f'cluster {{ name: tried, listen: "127.0.0.1:{meeting[number]}", routes: [{routes}] }}\n'
            )
            return [path, "-a", "127.0.0.1", "-p", str(ports[0]), "-c", folder / "nats.conf"]

        return Recipe(name=f"nats-n{number}", scheme="nats", command=command, answers=_streams)

    with ExitStack() as stack:
        yield [stack.enter_context(running(recipe(number))) for number in range(count)]


def nats_program() -> str:
    """Return where the server is. Raises `RuntimeError`, which fails the tests, where it is missing or too old."""
    path = program("nats-server", package="nats-server")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(number) for number in re.findall(r"\d+", said)[:2])
    if version < OLDEST:
        raise RuntimeError(
            f"{path} is {said.strip()}, and these tests need {'.'.join(map(str, OLDEST))}. "
            "Run `make servers`, which fetches a newer one where the system is Debian, or put one on PATH."
        )
    return path


def _streams(port: int) -> bool:
    """It listens for clients once JetStream is up; whom it lets in is another matter."""
    return says(port, b"", b"INFO ")
