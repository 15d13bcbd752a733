"""What comes on standard input: all of it, or lines as they come (whoever writes slowly is answered at once, whoever
writes fast in batches)."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.errors import EventRefused

READ_BYTES = 1 << 20
PATIENCE = 0.2
"""Seconds between looks whether the command was stopped while nothing came."""


def whole() -> bytes:
    """Return all of standard input. The event loop stands still meanwhile, so Ctrl-C ends the wait itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.buffer.read()
    finally:
        signal.signal(signal.SIGINT, before)


@asynccontextmanager
async def available_lines(longest: int) -> AsyncIterator[AsyncIterator[list[bytes]]]:
    """Give the lines of standard input, always as many as are there. Stops waiting when the block ends.

    Raises `EventRefused` for a line of more than `longest` bytes.
    """
    stopped = threading.Event()
    try:
        yield _lines(sys.stdin.fileno(), longest, stopped)
    finally:
        stopped.set()


async def _lines(descriptor: int, longest: int, stopped: threading.Event) -> AsyncIterator[list[bytes]]:
    begun = b""
    while content := await asyncio.to_thread(_read, descriptor, stopped):
        *lines, begun = (begun + content).split(b"\n")
        if len(begun) > longest:
            raise EventRefused(f"A line is longer than {longest:,} bytes: it is no event.")
        if lines:
            yield lines
    if begun:
        yield [begun]


def _read(descriptor: int, stopped: threading.Event) -> bytes:
    """Return what is there, at least a byte; nothing at the end, or when the command was stopped."""
    while not stopped.is_set():
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        if ready:
            return os.read(descriptor, READ_BYTES)
    return b""
