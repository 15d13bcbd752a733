"""A real Consul: one server, as impatient as it can be told to be. CONSUL_HTTP_ADDR names another one in its place."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.servers.server_process import Recipe, ServerProcess, private_folder, program, running

GIVEN = "CONSUL_HTTP_ADDR"
IMPATIENT = (
    "performance { raft_multiplier = 1 }",
    'session_ttl_min = "1s"',
    "limits { http_max_conns_per_client = 2000 }",
)


@contextmanager
def start_consul(*more: str) -> Iterator[ServerProcess]:
    """Run Consul until the block ends, with more settings (HCL); or give the one that CONSUL_HTTP_ADDR names, which
    nobody can stop or set from here."""
    if address := os.environ.get(GIVEN):
        with private_folder("consul") as folder:
            yield GivenConsul(address, folder)
        return
    path = consul_program()

    def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
        names = ("-http-port", "-server-port", "-serf-lan-port", "-serf-wan-port")
        listening = [f"{name}={port}" for name, port in zip(names, ports, strict=True)]
        place = [f"-data-dir={folder / 'data'}", "-bind=127.0.0.1", "-client=127.0.0.1", "-dns-port=-1"]
        settings = [f"-hcl={setting}" for setting in (*IMPATIENT, *more)]
        return [path, "agent", "-server", "-bootstrap-expect=1", "-log-level=warn", *place, *listening, *settings]

    with running(Recipe(name="consul", scheme="http", command=command, answers=_makes_sessions, ports=4)) as server:
        yield server


def consul_program() -> str:
    """Return where the server is. Raises `RuntimeError`, which fails the tests, with what to do."""
    try:
        return program("consul", package="consul")
    except RuntimeError as error:
        raise RuntimeError(f"{error} Or give a running one: {GIVEN}=http://127.0.0.1:8500 make test") from error


class GivenConsul(ServerProcess):
    """A server that somebody else runs. What would stop it is refused."""

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(Recipe(name="consul", scheme="http", command=_refuse, answers=_makes_sessions), folder)
        self._address = address

    @property
    def url(self) -> str:
        return self._address if "://" in self._address else f"http://{self._address}"

    def well(self) -> Self:
        return self


def _refuse(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
    raise RuntimeError(
        f"This Consul was given by {GIVEN}: it cannot be restarted from here. Unset {GIVEN} for this test."
    )


def _makes_sessions(port: int) -> bool:
    """Return whether a session can be made: it needs a leader, and the node's own health check."""
    made = _put(port, "session/create", b'{"TTL": "10s"}')
    _put(port, f"session/destroy/{json.loads(made)['ID']}", b"")
    return True


def _put(port: int, path: str, body: bytes) -> bytes:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/{path}", body, method="PUT")
    with urllib.request.urlopen(asked, timeout=2) as answer:  # its HTTPError is an OSError
        return bytes(answer.read())
