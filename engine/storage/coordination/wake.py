"""Word from one process to another that a claim was granted, taken away, or its session ended: a datagram to the
socket that its session names. It takes some 70 µs, and wakes nobody else.

A datagram is a hint: it may be lost (the receiver's queue was full, its folder is not seen from there), and whoever
gets one looks at the file.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.storage.coordination.turn import Wake

_LONGEST_ADDRESS = 100
"""Bytes: sun_path has 104 on macOS and 108 on Linux (unix(7)); a workspace's own folder may lie deeper."""
_LONGEST_DATAGRAM = 4_096
_PREFIX = "syncdeck-wake-"
_SOCKET = "wake"
MANY = 8
"""So many at once, and more may have found the queue full (unix(7): it may be as short as 10)."""
MOST_AT_ONCE = 64
"""Then the loop has other things to do."""


class Mailbox:
    """One process's socket, in a folder of its own that nobody else may enter."""

    def __init__(self, told: Callable[[Wake], None], lost_count: Callable[[], None]) -> None:
        """`told` gets every wake; `lost_count` is called when some may have been lost."""
        self._told = told
        self._lost_count = lost_count
        self._loop = asyncio.get_running_loop()
        self._decode = msgspec.json.Decoder(Wake).decode
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.address = self._bind()
        """Empty where no socket can be had: then waiters look for themselves, once a second."""
        if self.address:
            self._loop.add_reader(self._socket, self._read)

    def _bind(self) -> str:
        for place in (os.environ.get("XDG_RUNTIME_DIR"), "/tmp", tempfile.gettempdir()):  # noqa: S108  made 0700 below
            if not place or len(os.fsencode(place)) + 30 > _LONGEST_ADDRESS:
                continue
            with suppress(OSError):
                folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
                address = str(folder / _SOCKET)
                self._socket.bind(address)
                return address
        return ""

    def send(self, address: str, wake: Wake) -> None:
        """Send, from any thread, without waiting."""
        if address:
            with suppress(OSError):
                self._socket.sendto(msgspec.json.encode(wake), address)

    def _read(self) -> None:
        if self._read_one():
            self._loop.call_soon(self._read_more)  # whoever was just told goes first

    def _read_more(self) -> None:
        for number in range(1, MOST_AT_ONCE):
            if not self._read_one():
                return
            if number == MANY:
                self._lost_count()

    def _read_one(self) -> bool:
        """Tell of the next datagram; False: there is none."""
        try:
            datagram = self._socket.recv(_LONGEST_DATAGRAM)
        except OSError:  # BlockingIOError, or it was closed meanwhile
            return False
        with suppress(msgspec.MsgspecError):
            self._told(self._decode(datagram))
        return True

    def close(self) -> None:
        """Let go of the socket and its folder."""
        if self.address:
            self._loop.remove_reader(self._socket)
        self._socket.close()
        remove(self.address)


def remove(address: str) -> None:
    """Remove a socket that nobody listens at any more, with its folder."""
    path = Path(address)
    if path.name != _SOCKET or not path.parent.name.startswith(_PREFIX):
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def sweep(address: str) -> None:
    """Remove the sockets beside ours that nobody listens at: of processes that were killed, and whose file is gone."""
    for path in Path(address).parent.parent.glob(f"{_PREFIX}*/{_SOCKET}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, suppress(OSError):
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                remove(str(path))
