"""A TCP proxy before one server, with a switch: through, delayed, lost in either direction, frozen, refused, reset.

`fault_proxy` leaves faults to chance; here a test says what happens, and when. Bytes mean nothing to it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, TypeVar

CHUNK = 64 * 1024
T = TypeVar("T")


class Line(Enum):
    """What becomes of bytes and of new connections. TCP never skips: a connection that lost bytes is reset when the
    switch turns to something else."""

    THROUGH = "through"
    BLACKHOLE = "blackhole"
    """Connections stay open and are accepted, and nothing comes through, ever."""
    REQUESTS_LOST = "requests lost"
    """The server hears nothing; what it says comes through."""
    ANSWERS_LOST = "answers lost"
    """The server hears and acts; nobody learns of it."""
    FROZEN = "frozen"
    """As BLACKHOLE, but what was sent comes through afterwards: late, and all at once."""
    REFUSED = "refused"
    """Connections are ended, and nothing listens."""
    RESET = "reset"
    """Connections are torn down (RST), and so is every new one."""


DROPS = {
    Line.BLACKHOLE: {"requests", "answers"},
    Line.REQUESTS_LOST: {"requests"},
    Line.ANSWERS_LOST: {"answers"},
}


class SwitchProxy:
    """A running proxy. `turn` returns when the switch has taken effect for every connection."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self.delay = 0.0
        """Seconds that whatever comes through is held back, each way."""
        self.accepted = 0
        """How many connections there were so far."""
        self.dropped = 0
        """How many bytes were lost."""
        self._server_port = server_port
        self._line = Line.THROUGH
        self._thawed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._listening: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._with_a_hole: set[asyncio.StreamWriter] = set()

    @property
    def line(self) -> Line:
        return self._line

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def turn(self, line: Line) -> None:
        """Let this hold from now on, for connections that are open as well."""
        self._do(self._turn(line))

    def cut(self) -> None:
        """Reset every open connection once; new ones fare as the switch says."""
        self._do(self._cut())

    def lead_to(self, server_port: int) -> None:
        """Lead new connections to another server, and reset those that are open."""
        self._server_port = server_port
        self.cut()

    @contextmanager
    def turned(self, line: Line) -> Iterator[None]:
        """Let this hold for a block, and everything through afterwards."""
        self.turn(line)
        try:
            yield
        finally:
            self.turn(Line.THROUGH)

    @contextmanager
    def running(self) -> Iterator[SwitchProxy]:
        """Carry until the block ends, in a thread of its own."""
        thread = threading.Thread(target=self._loop.run_forever, name="switch-proxy", daemon=True)
        thread.start()
        try:
            self._do(self._turn(Line.THROUGH))
            yield self
        finally:
            self._do(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _do(self, act: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(timeout=10)

    async def _turn(self, line: Line) -> None:
        self._line = line
        if line is Line.FROZEN:
            self._thawed.clear()
        else:
            self._thawed.set()
        if line in {Line.REFUSED, Line.RESET}:
            self._reset(self._writers)
        self._reset(self._with_a_hole)
        if line is Line.REFUSED:
            await self._stop_listening()
            self._reset(self._writers)
        elif self._listening is None:
            # The port stays the same over a refusal: clients know no other.
            self._listening = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._listening.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._reset(self._writers)

    def _reset(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in list(writers):
            _reset(writer)
        writers.clear()

    async def _end(self) -> None:
        await self._stop_listening()
        self._reset(self._writers)
        current = asyncio.current_task()
        while others := asyncio.all_tasks() - {current}:  # again and again: somebody may be just connecting
            await asyncio.sleep(0)  # a task that is cancelled before it began closes nothing
            for task in others:
                task.cancel()
            await asyncio.wait(others)
        self._reset(self._writers)

    async def _stop_listening(self) -> None:
        """asyncio leaks whom it has accepted when the server closes before it has begun with them: let it begin."""
        listening, self._listening = self._listening, None
        if listening is not None:
            for each in listening.sockets:
                self._loop.remove_reader(each.fileno())
            for _ in range(3):
                await asyncio.sleep(0)
            listening.close()

    def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Coroutine[Any, Any, None] | None:
        self.accepted += 1
        if self._line is Line.RESET:
            _reset(writer)
            return None
        self._writers.add(writer)  # at once: work that is cancelled before it begins closes nothing
        return self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # cancelled: the proxy ends
            try:
                there_reader, there = await asyncio.open_connection("127.0.0.1", self._server_port)
                self._writers.add(there)
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._pump("requests", reader, writer, there))
                        group.create_task(self._pump("answers", there_reader, there, writer))
                except* (OSError, _OneSideEnded):
                    pass
                finally:
                    self._drop(there)
            finally:
                self._drop(writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._with_a_hole.discard(writer)
        writer.close()
        if not writer.transport.get_write_buffer_size():  # else it stays open until somebody takes what is left
            self._writers.discard(writer)

    async def _pump(
        self, direction: str, reader: asyncio.StreamReader, sender: asyncio.StreamWriter, taker: asyncio.StreamWriter
    ) -> None:
        while content := await reader.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._thawed.wait()
            if direction in DROPS.get(self._line, ()):
                self.dropped += len(content)
                self._with_a_hole |= {sender, taker}
            else:
                taker.write(content)
                await taker.drain()
        await self._thawed.wait()
        if direction in DROPS.get(self._line, ()):
            self._with_a_hole |= {sender, taker}
            await asyncio.Event().wait()  # that it ended is lost as well
        raise _OneSideEnded


@contextmanager
def start_switch(server_port: int) -> Iterator[SwitchProxy]:
    """Run a proxy before a server's port until the block ends, everything through."""
    with SwitchProxy(server_port).running() as proxy:
        yield proxy


def _reset(writer: asyncio.StreamWriter) -> None:
    """Tear a connection down: the other side sees a reset, not an end."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class _OneSideEnded(Exception):
    """One half has ended, and takes the other along."""
