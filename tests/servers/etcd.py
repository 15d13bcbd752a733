"""A real etcd: one member, or a cluster of them, which keep their data over `kill` and `restart`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.servers.server_process import (
    Recipe,
    ServerProcess,
    ended_at_last,
    free_ports,
    private_folder,
    program,
    running,
    says,
)

Answers = Callable[[int], bool]


@contextmanager
def start_etcd(*more: str | Path, scheme: str = "http", answers: Answers | None = None) -> Iterator[ServerProcess]:
    """Run etcd until the block ends, with more arguments; `answers` tells that it does where `/health` is not for
    everybody."""
    recipe = _recipe("one", more, scheme=scheme, answers=answers or _is_healthy)
    with running(recipe) as server:
        yield server


@contextmanager
def start_etcd_cluster(size: int = 3) -> Iterator[Sequence[ServerProcess]]:
    """Run so many members of one cluster, which find a new leader soon."""
    ports = free_ports(2 * size)
    cluster = ",".join(f"{_name(number)}=http://127.0.0.1:{ports[2 * number + 1]}" for number in range(size))
    impatient = ["--heartbeat-interval", "20", "--election-timeout", "200", "--initial-cluster", cluster]
    members: list[ServerProcess] = []

    def answers(port: int) -> bool:
        """Nobody is healthy before most of them run; the last one waits for all."""
        return len(members) < size or _is_healthy(port)

    with ExitStack() as stack:
        for number in range(size):
            folder = stack.enter_context(private_folder("etcd"))
            member = ServerProcess(_recipe(_name(number), impatient, answers=answers), folder)
            member.ports = ports[2 * number : 2 * number + 2]
            members.append(stack.enter_context(ended_at_last(member)))
            member.restart()
        try:
            yield members
        finally:
            for member in members:
                member.kill()  # one that lost the others takes long to end politely


def leader_of(members: Sequence[ServerProcess]) -> ServerProcess:
    """Return the member that leads, as one of those that run says."""
    said = {member: _status(member) for member in members if member.alive}
    leader = next(iter(said.values()))["leader"]
    return next(member for member, status in said.items() if status["header"]["member_id"] == leader)


def _status(member: ServerProcess) -> dict[str, Any]:
    with urllib.request.urlopen(f"{member.url}/v3/maintenance/status", b"{}", timeout=5) as answer:
        status: dict[str, Any] = json.load(answer)
        return status


def _name(number: int) -> str:
    return f"member-{number}"


def _recipe(name: str, more: Sequence[str | Path], *, scheme: str = "http", answers: Answers) -> Recipe:
    path = program("etcd", package="etcd-server")

    def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
        client, peer = f"{scheme}://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        clients = ["--listen-client-urls", client, "--advertise-client-urls", client]
        peers = ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        alone = [] if "--initial-cluster" in more else ["--initial-cluster", f"{name}={peer}"]
        return [path, "--name", name, "--data-dir", folder / "data", *clients, *peers, *alone, "--logger", "zap", *more]

    return Recipe(name="etcd", scheme=scheme, command=command, answers=answers, ports=2)


def _is_healthy(port: int) -> bool:
    return says(port, b"GET /health HTTP/1.0\r\n\r\n", b'"health":"true"')
