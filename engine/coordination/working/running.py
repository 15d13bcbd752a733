"""Running a program to its end, or stopping it with everything it started.

It leads a process group of its own. Stopping asks the group to end (SIGTERM), and kills it (SIGKILL) when a grace is
over. A program that left the group on its own (`setsid`) is out of reach. When this process is killed the kernel kills
the program (Linux): it must not go on unprotected. What it started itself goes on then.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from engine.clock import Clock
from engine.errors import CoordinationError

GRACE: Final = timedelta(seconds=5)
DRAIN: Final = timedelta(milliseconds=500)
"""How long output is still read after the program ended: what it left running may hold the pipe for ever."""

PIECE: Final = 16 * 1024

LINUX: Final = sys.platform == "linux"
PR_SET_PDEATHSIG: Final = 1
"""prctl(2)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. Without `captured` it has this process's own input and output."""

    argv: Sequence[str]
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside this process's own; its values are never shown."""
    given: bytes = b""
    """On its standard input."""
    captured: bool = True
    alone: bool = True
    """In a process group of its own, which is stopped as a whole. One that shares a terminal has to stay in the
    foreground's group, and is stopped alone."""
    most_bytes: int = 16 * 1024
    """Of the end of its output that are kept."""
    grace: timedelta = GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended."""

    code: int
    """Its exit code; minus the signal's number if one ended it, as Python tells it."""
    output: str = ""
    """The end of what it wrote, standard output and error together."""

    @property
    def exit_code(self) -> int:
        """Return the code as a shell tells it: 128 and the signal's number if one ended it."""
        return self.code if self.code >= 0 else 128 - self.code


class Running:
    """A program under way."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> None:
        self._program = program
        self._process = process
        self._output = output
        self._end: deque[bytes] = deque()
        self._kept = 0

    def send(self, number: int) -> None:
        """Send a signal to everything that belongs to it; harmless when it has ended."""
        with suppress(ProcessLookupError, PermissionError):
            if self._program.alone:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    async def wait(self) -> Ended:
        """Wait for its end. Cancelling this leaves it running."""
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read())
            code = await self._process.wait()
            await asyncio.wait({reading}, timeout=DRAIN.total_seconds())
            reading.cancel()
        return Ended(code=code, output=b"".join(self._end)[-self._program.most_bytes :].decode(errors="replace"))

    async def stop(self, clock: Clock) -> None:
        """End it: politely, and after the grace by force. Cancelled meanwhile, by force at once."""
        try:
            self.send(signal.SIGTERM)
            async with asyncio.TaskGroup() as group:
                ended = group.create_task(self._process.wait())
                patience = group.create_task(clock.sleep(self._program.grace))
                await asyncio.wait({ended, patience}, return_when=asyncio.FIRST_COMPLETED)
                self.send(signal.SIGKILL)
                patience.cancel()
        finally:
            self.send(signal.SIGKILL)

    async def _read(self) -> None:
        while piece := await self._output.read(PIECE):
            self._end.append(piece)
            self._kept += len(piece)
            while self._kept - len(self._end[0]) >= self._program.most_bytes:
                self._kept -= len(self._end.popleft())


@asynccontextmanager
async def started(program: Program, clock: Clock) -> AsyncIterator[Running]:
    """Start a program; whatever ends the block before it has ended stops it, and all that it started.

    Raises `CoordinationError` if it cannot be started.
    """
    async with _plumbing(program) as (stdin, stdout, output):
        try:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stdout,
                cwd=program.folder,
                env={**os.environ, **program.environment},
                process_group=0 if program.alone else None,
                preexec_fn=_die_with(os.getpid()) if LINUX else None,
            )
        except (OSError, ValueError) as error:
            raise CoordinationError(f"{program.argv[0]} cannot be started here: {_reason(error, program)}.") from error
        finally:
            for ours in (stdin, stdout):
                if ours is not None:
                    os.close(ours)
        running = Running(program, process, output)
        try:
            yield running
        finally:
            if process.returncode is None:
                await running.stop(clock)


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a new process does first: ask the kernel to be killed with the thread that started it, which is the
    main one, and end at once if that is gone already."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGKILL)

    return ask


@asynccontextmanager
async def _plumbing(program: Program) -> AsyncIterator[tuple[int | None, int | None, asyncio.StreamReader]]:
    """Give the ends of the program's streams, to be closed once it has them, and what its output is read from.

    What it is given is a file without a name, so that nobody has to wait until it is read.
    """
    output = asyncio.StreamReader()
    if not program.captured:
        output.feed_eof()
        yield None, None, output
        return
    with TemporaryFile() as given:
        given.write(program.given)
        given.seek(0)
        stdin = os.dup(given.fileno())
    ours, theirs = os.pipe()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), os.fdopen(ours, "rb", 0)
    )
    try:
        yield stdin, theirs, output
    finally:
        transport.close()


async def run(program: Program, clock: Clock) -> Ended:
    """Run a program to its end. Cancelling this stops it, and all that it started."""
    async with started(program, clock) as running:
        return await running.wait()


class Forwarding:
    """What this process is signalled, on its way to a program; until there is one it waits."""

    def __init__(self) -> None:
        self._running: Running | None = None
        self._early: list[int] = []

    def to(self, running: Running) -> None:
        """Send on to a program what came already, and what will come."""
        self._running = running
        for number in self._early:
            running.send(number)
        self._early.clear()

    def take(self, number: int) -> None:
        """Send a signal on."""
        if self._running is None:
            self._early.append(number)
        else:
            self._running.send(number)


@contextmanager
def forwarding(numbers: Iterable[int] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) -> Iterator[Forwarding]:
    """Take what this process is signalled for a program that is about to be started, until the block ends. Main thread
    only."""
    loop, forwarded = asyncio.get_running_loop(), Forwarding()
    taken = list(numbers)
    for number in taken:
        loop.add_signal_handler(number, forwarded.take, number)
    try:
        yield forwarded
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def _reason(error: OSError | ValueError, program: Program) -> str:
    if isinstance(error, FileNotFoundError):
        folder = program.folder
        return f"there is no folder {folder}" if folder and not folder.is_dir() else "there is no such program"
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
