"""The bell: a file beside the coordination file that is written to after every transaction, and heard through
inotify(7) within a fraction of a millisecond.

The write-ahead log itself would not do: it is written before what it says can be read. Where there is no inotify, and
for a writer that died between its transaction and the bell, somebody asks the file itself (`PRAGMA data_version`) now
and then: `pace` says how often.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from engine.storage.coordination.file import bell_path, closed

_MODIFIED = 0x00000002
"""IN_MODIFY (inotify(7))."""

SELDOM = timedelta(seconds=1)
OFTEN = timedelta(milliseconds=50)
"""0.3 % of a core; only while somebody listens who cannot hear the bell (macOS)."""


class Bell:
    """One process's end of the bell. Hears only while somebody listens."""

    def __init__(self, path: Path, *, may_ring: bool) -> None:
        self._file = path
        self._path = bell_path(path)
        self._loop = asyncio.get_running_loop()
        self._listeners: set[asyncio.Event] = set()
        self._ear: int | None = None
        self._closed = False
        self._rope = os.open(self._path, os.O_RDWR | os.O_CLOEXEC) if may_ring else None

    def ring(self) -> None:
        """Tell all processes that something changed; from any thread."""
        if self._rope is not None:
            with suppress(OSError):  # a full disk: nobody is told at once, and everybody looks within a second
                os.pwrite(self._rope, b"*", 0)

    @property
    def pace(self) -> timedelta:
        """How often to ask the file itself."""
        return OFTEN if self._listeners and self._ear is None else SELDOM

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """Give an event that is set by every ring from now on."""
        heard = asyncio.Event()
        self._listeners.add(heard)
        self.open_ear()
        try:
            yield heard
        finally:
            self._listeners.discard(heard)
            if not self._listeners:
                self._close_ear()

    async def hear(self, heard: asyncio.Event) -> None:
        """Wait for the next ring since the last call. Raises `CoordinationUnavailable` once this end is closed."""
        await heard.wait()
        heard.clear()
        if self._closed:
            raise closed(self._file)

    def sound(self) -> None:
        """Wake all listeners of this process."""
        for heard in self._listeners:
            heard.set()

    def open_ear(self) -> None:
        """Begin to hear, if somebody listens and nothing is in the way."""
        if self._ear is None and self._listeners:
            self._ear = _watch(self._path)
            if self._ear is not None:
                self._loop.add_reader(self._ear, self._hear, self._ear)

    def _hear(self, ear: int) -> None:
        with suppress(OSError):
            os.read(ear, 4_096)
        self.sound()

    def _close_ear(self) -> None:
        if self._ear is not None:
            self._loop.remove_reader(self._ear)
            os.close(self._ear)
            self._ear = None

    def close(self) -> None:
        """Stop hearing and ringing; whoever listens is told."""
        self._closed = True
        self.sound()
        self._close_ear()
        if self._rope is not None:
            os.close(self._rope)
            self._rope = None


def _watch(path: Path) -> int | None:
    """Return a descriptor that is readable after the file was written to; None where there is none to be had."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = int(library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if descriptor < 0:
        return None
    if library.inotify_add_watch(descriptor, os.fsencode(path), _MODIFIED) < 0:
        os.close(descriptor)
        return None
    return descriptor
