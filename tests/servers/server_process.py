"""A real server as a child process: private folder, loopback ports, and every misfortune a process can meet.

It ends with the test process whatever happens to that (`setpriv --pdeathsig`, where there is one: Linux ends it
with the *thread* that started it, so start servers in the main thread).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from tests.architecture.sources import ROOT

UNPACKED = ROOT / ".cache" / "servers"
"""Where `make servers` unpacks what it does not install."""
NOBODY = 65534
START_SECONDS = 60.0
"""A busy machine takes its time; a server that ended is noticed at once."""
STOP_SECONDS = 30.0
PROBE_SECONDS = 0.02
START_ATTEMPTS = 3

Server = TypeVar("Server", bound="ServerProcess")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a kind of server is started, and how to tell that it serves."""

    name: str
    scheme: str
    command: Callable[[Path, Sequence[int]], Sequence[str | Path]]
    """Given its folder and its ports, the first of which clients use."""
    answers: Callable[[int], bool]
    """Whether it serves on this port by now; it may also raise `OSError` as long as it does not."""
    ports: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    runs_as_nobody: bool = False
    """Because it refuses to run as root."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside that of the tests."""


class ServerProcess:
    """A server of its own. Ports and data outlive `stop` and `kill`, so that `restart` brings the same one back."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.folder = folder
        self.ports: Sequence[int] = ()
        self._recipe = recipe
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self._recipe.scheme}://{self.address}"

    @property
    def pid(self) -> int:
        """Raises `RuntimeError` while no process runs."""
        if self._process is None:
            raise RuntimeError(f"{self._recipe.name} is stopped; call restart() first.")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs, or is paused."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start for the first time, on free ports; it answers when this returns."""
        self._launch_somehow(fresh_ports=True)

    def stop(self) -> None:
        """End it as an operator would, and wait for the end."""
        self._signal(signal.SIGCONT)
        self._signal(self._recipe.stop_signal, whole_group=False)
        self._forget()

    def kill(self) -> None:
        """End it in the middle of whatever it does (SIGKILL), and wait for the end."""
        self._signal(signal.SIGKILL)
        self._forget()

    def restart(self) -> None:
        """Start it again on the same ports and data, stopped before if need be; it answers when this returns."""
        self.stop()
        self._launch_somehow(fresh_ports=False)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def well(self) -> Self:
        """Return it running, whatever was done to it before."""
        if self.alive:
            self.resume()
        else:
            self.restart()
        return self

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze it for a block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def log(self) -> str:
        """Return the end of what it printed."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def _launch_somehow(self, *, fresh_ports: bool) -> None:
        """Try more than once: a free port may be taken meanwhile, and what was killed may not have let go of all."""
        for attempts_left in reversed(range(START_ATTEMPTS)):
            if fresh_ports:
                self.ports = free_ports(self._recipe.ports)
            try:
                self._launch()
                return
            except _Ended:
                if not attempts_left:
                    raise

    def _launch(self) -> None:
        recipe = self._recipe
        command = [str(part) for part in recipe.command(self.folder, self.ports)]
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*tied, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_environment(recipe.environment),
                user=NOBODY if recipe.runs_as_nobody and os.geteuid() == 0 else None,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.kill()
            raise

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with suppress(OSError):
                if self._recipe.answers(self.port):
                    return
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(PROBE_SECONDS)
                raise _Ended(f"{self._recipe.name} ended at once ({code}): {self.log()}")
        raise RuntimeError(f"{self._recipe.name} does not answer on port {self.port}: {self.log()}")

    def _signal(self, what: signal.Signals, *, whole_group: bool = True) -> None:
        """Tell it and, unless it tells them itself, its children. Nothing happens where nothing runs."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                (os.killpg if whole_group else os.kill)(self._process.pid, what)

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
            self._process = None


class _Ended(RuntimeError):
    """The server ended before it answered."""


@contextmanager
def running(recipe: Recipe) -> Iterator[ServerProcess]:
    """Run a server until the block ends; it answers when the block begins."""
    with (
        private_folder(recipe.name, for_nobody=recipe.runs_as_nobody) as folder,
        ended_at_last(ServerProcess(recipe, folder)) as server,
    ):
        server.start()
        yield server


@contextmanager
def private_folder(name: str, *, for_nobody: bool = False) -> Iterator[Path]:
    """Give a folder that the server's user owns; it is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix=f"syncdeck-{name}-"))
    try:
        if for_nobody and os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def ended_at_last(server: Server) -> Iterator[Server]:
    """Stop the server after the block, in whatever state it is then."""
    with ExitStack() as stack:
        stack.callback(server.kill)
        stack.callback(server.stop)
        yield server


def program(name: str, *, package: str) -> str:
    """Return where a server's program is. Raises `RuntimeError`, which fails the tests, with what to install."""
    places = [UNPACKED / "usr/sbin", UNPACKED / "usr/bin"]
    search = os.pathsep.join([*map(str, places), os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=search)
    if found is None:
        raise RuntimeError(
            f"{name} is not here, and these tests need the real server. Run `make servers`, which fetches it where the "
            f"system is Debian, or install it so that {name} is on PATH (package {package})."
        )
    return found


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return what a server starts with: no language, no time zone, and the libraries that were unpacked with it."""
    unpacked = [str(folder) for folder in (*UNPACKED.glob("lib/*-linux-*"), *UNPACKED.glob("usr/lib/*-linux-*"))]
    libraries = os.pathsep.join([*unpacked, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
    found = {"LD_LIBRARY_PATH": libraries} if libraries else {}
    return {**os.environ, "LC_ALL": "C", "TZ": "UTC", **found, **more}


def free_ports(count: int) -> Sequence[int]:
    """Return loopback ports that nothing listens on at the moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def says(port: int, question: bytes, answer: bytes) -> bool:
    """Return whether what listens on the port, asked the question, begins with the answer or says it soon after."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(question)
        said = b""
        while answer not in said:
            part = connection.recv(4096)
            if not part:
                return False
            said += part
        return True
