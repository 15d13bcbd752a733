"""Seeing other processes die: through a descriptor of the process (pidfd_open(2)), readable some two milliseconds after
a SIGKILL.

Only processes that can be seen from here count: those of another host, container or process namespace are as alive as
their sessions' deadlines say. Where there are no such descriptors (macOS) the process numbers are asked.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Callable, Iterable

from engine.storage.processes import is_gone, mark_of, seen_from_here, this_process

MOST_WATCHED = 512
"""Descriptors; whoever comes later is seen by his deadline."""
MOST_REMEMBERED = 4_096


class Watch:
    """The processes that hold, or wait before us. `gone` is for any thread, the rest for the event loop's."""

    def __init__(self, died: Callable[[str], None]) -> None:
        """`died` is told the mark of a process that was watched, once."""
        self._died = died
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._handles: dict[str, int] = {}
        self._dead: set[str] = set()
        self._heard: set[str] = set()
        self._asked: set[str] = set()
        self._closed = False

    def gone(self, mark: str) -> bool:
        """Tell whether the process with this mark has certainly ended."""
        if mark == this_process():
            return False
        with self._lock:
            if mark in self._dead:
                return True
            handle = self._handles.get(mark)
            if handle is None:
                handle = self._open(mark)
            return (
                mark in self._dead or (handle is not None and _readable(handle)) or (handle is None and is_gone(mark))
            )

    def watch(self, marks: Iterable[str]) -> None:
        """Have `died` called when one of these ends, or has ended already."""
        for mark in marks:
            if mark in self._heard or mark == this_process() or not seen_from_here(mark):
                continue
            if self.gone(mark):
                self._loop.call_soon(self._died, mark)
            elif (handle := self._handles.get(mark)) is not None:
                self._heard.add(mark)
                self._loop.add_reader(handle, self._ended, mark)
            else:
                self._asked.add(mark)

    def ask(self) -> None:
        """Look for those that no descriptor tells of."""
        for mark in [mark for mark in self._asked if is_gone(mark)]:
            self._asked.discard(mark)
            self._died(mark)

    def _open(self, mark: str) -> int | None:
        """Return a descriptor of a process, None if there is none to be had; notes one that is gone."""
        if (
            self._closed
            or len(self._handles) >= MOST_WATCHED
            or not seen_from_here(mark)
            or not hasattr(os, "pidfd_open")
        ):
            return None
        pid = int(mark.split(":")[-2])
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._remember(mark)
            return None
        except OSError:  # not allowed here, or too many descriptors
            return None
        if mark_of(pid) != mark:  # the number belongs to another process by now
            os.close(handle)
            self._remember(mark)
            return None
        self._handles[mark] = handle
        return handle

    def _remember(self, mark: str) -> None:
        if len(self._dead) >= MOST_REMEMBERED:
            self._dead.clear()
        self._dead.add(mark)

    def _ended(self, mark: str) -> None:
        self._heard.discard(mark)
        with self._lock:
            handle = self._handles.pop(mark)
            self._remember(mark)
        self._loop.remove_reader(handle)
        os.close(handle)
        self._died(mark)

    def close(self) -> None:
        """Let go of all descriptors, and tell nobody any more."""
        with self._lock:
            self._closed = True
            for mark, handle in self._handles.items():
                if mark in self._heard:
                    self._loop.remove_reader(handle)
                os.close(handle)
            self._handles.clear()


def _readable(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))
