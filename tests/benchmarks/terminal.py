"""A program on a pseudo-terminal, with every piece of its output stamped: what a person at the screen would time.

Frames are told apart by synchronised output (DEC private mode 2026): the terminal says that it knows the mode, and
each frame then ends in `CSI ? 2026 l`.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import pyte

ASKED = b"\x1b[?2026$p"
KNOWN = b"\x1b[?2026;2$y"
FRAME_END = b"\x1b[?2026l"
GLANCE = 0.002
_UNKNOWN = re.compile(rb"\x1b\[[<>=?][0-9;$]*[a-zA-Z]")
"""Private modes that the terminal emulator does not know."""


class Terminal:
    """Use as `with Terminal([...]) as terminal:`; leaving kills the program."""

    def __init__(
        self, command: Sequence[str], *, size: tuple[int, int] = (120, 40), environment: Mapping[str, str] | None = None
    ) -> None:
        self.chunks: list[tuple[float, bytes]] = []
        own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._file = own
        self._size = size
        surroundings = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings, start_new_session=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(5)
        os.close(self._file)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._file, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.chunks.append((time.perf_counter(), data))
            if ASKED in data:
                os.write(self._file, KNOWN)

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self._file, keys)

    def seen(self, pattern: bytes, *, since: int = 0, within: float = 60.0) -> float | None:
        """Wait until the output from chunk `since` on shows the pattern; return when, in seconds from the start."""
        wanted = re.compile(pattern)
        end = time.perf_counter() + within
        while time.perf_counter() < end:
            chunks = self.chunks[since:]
            match = wanted.search(b"".join(data for _, data in chunks))
            if match is not None:
                length = 0
                for when, data in chunks:
                    length += len(data)
                    if length >= match.end():
                        return when - self.started
            if self.process.poll() is not None:
                return None
            time.sleep(GLANCE)  # noqa: TID251 – a benchmark waits for another process
        return None

    def shown(self) -> str:
        """Return what the screen says now, for a message about what was not seen."""
        width, height = self._size
        screen = pyte.Screen(width, height)
        pyte.ByteStream(screen).feed(_UNKNOWN.sub(b"", b"".join(data for _, data in self.chunks)))
        return "\n".join(line.rstrip() for line in screen.display if line.strip())

    def quiet(self, seconds: float = 0.3, *, within: float = 5.0) -> None:
        """Wait until nothing has been written for so long, counted from now (clocks tick once a second)."""
        begun = time.perf_counter()
        while time.perf_counter() < begun + within:
            last = max(begun, self.chunks[-1][0]) if self.chunks else begun
            if time.perf_counter() - last > seconds:
                return
            time.sleep(GLANCE)  # noqa: TID251 – see above

    def frames(self, since: int) -> list[float]:
        """Return when each frame from chunk `since` on was complete."""
        return [when for when, data in self.chunks[since:] for _ in range(data.count(FRAME_END))]

    def hold(self, key: bytes, *, seconds: float = 3.0, rate: int = 30) -> Held:
        """Hold a key as a keyboard repeats it, and count what is painted meanwhile."""
        first = len(self.chunks)
        begun = time.perf_counter()
        for number in range(int(seconds * rate)):
            pause = begun + number / rate - time.perf_counter()
            if pause > 0:
                time.sleep(pause)  # noqa: TID251 – the keyboard's own rhythm
            self.send(key)
        released = time.perf_counter()
        self.quiet()
        frames = self.frames(first)
        last = max((when for when, _ in self.chunks[first:]), default=released)
        gaps = [after - before for before, after in pairwise(frames) if after <= released]
        return Held(
            keys=int(seconds * rate), frames=len(frames), backlog=last - released, longest_gap=max(gaps, default=0.0)
        )

    @property
    def resident(self) -> float:
        """Resident megabytes of the program."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    @property
    def processor_seconds(self) -> float:
        """Processor time the program has used."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


class Held:
    """What happened while a key was held: times in seconds."""

    def __init__(self, *, keys: int, frames: int, backlog: float, longest_gap: float) -> None:
        self.keys = keys
        self.frames = frames
        self.backlog = backlog
        self.longest_gap = longest_gap
