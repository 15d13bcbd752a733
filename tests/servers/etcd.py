"""A real etcd: one member, which keeps its data over `kill` and `restart`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.server_process import Recipe, ServerProcess, program, running, says


@contextmanager
def start_etcd() -> Iterator[ServerProcess]:
    """Run etcd until the block ends."""
    path = program("etcd", package="etcd-server")

    def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
        client, peer = (f"http://127.0.0.1:{port}" for port in ports)
        clients = ["--listen-client-urls", client, "--advertise-client-urls", client]
        peers = ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}"]
        return [path, "--name", "one", "--data-dir", folder / "data", *clients, *peers, "--logger", "zap"]

    with running(Recipe(name="etcd", scheme="http", command=command, answers=_is_healthy, ports=2)) as server:
        yield server


def _is_healthy(port: int) -> bool:
    return says(port, b"GET /health HTTP/1.0\r\n\r\n", b'"health":"true"')
