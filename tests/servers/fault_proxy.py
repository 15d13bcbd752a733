"""A TCP proxy before a server that delays, throttles, cuts, freezes and repeats, as long as its weather says so.

It knows nothing of HTTP but how a request begins, in order to count requests and to send one again.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

CHUNK = 16 * 1024
FIRST_LINE = re.compile(rb"(GET|POST) (/[^ ?]*)\S* HTTP/1\.1\r\n")
LONGEST_FIRST_LINE = 512
MOST_REMEMBERED = 256 * 1024
"""Bytes of a request that are kept to be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What connections have to expect. Each draws its fate when it is opened, every few thousand bytes, and when the
    weather changes."""

    refused: float = 0.0
    cut: float = 0.0
    """Ends after any number of bytes, in any direction."""
    frozen: float = 0.0
    """Stays open, and nothing more comes through (a peer that went away without a word)."""
    repeated: float = 0.0
    """What was asked is asked once more, on a connection of its own; nobody reads the answer."""
    longest_delay: float = 0.0
    throttled: float = 0.0
    """A few hundred bytes at a time."""
    cut_within: int = 20_000
    """Bytes after which a cut comes at the latest."""


CALM = Weather()


@dataclass(slots=True)
class _Fate:
    delay: float
    slow: bool
    repeated: bool
    left: int | None
    """Bytes until it ends or freezes."""
    freezes: bool


@dataclass(slots=True)
class FaultProxy:
    """A running proxy; `weather` may be changed at any time. What is frozen stays frozen."""

    port: int
    server_port: int
    chance: Random
    weather: Weather = CALM
    requests: Counter[str] = field(default_factory=Counter)
    """How many requests passed by, by their path; repeated ones are the proxy's own and not counted."""
    connections: int = 0
    carried: int = 0
    """Bytes, both ways."""
    faults: Counter[str] = field(default_factory=Counter)
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def moved(self) -> int:
        """A number that changes whenever anything happens."""
        return self.carried + self.connections + self.faults.total()

    def fate(self) -> _Fate:
        """Draw what becomes of a new connection."""
        weather, chance = self.weather, self.chance
        freezes = chance.random() < weather.frozen
        ends = freezes or chance.random() < weather.cut
        return _Fate(
            delay=chance.random() * weather.longest_delay,
            slow=chance.random() < weather.throttled,
            repeated=chance.random() < weather.repeated,
            left=chance.randrange(weather.cut_within) if ends else None,
            freezes=freezes,
        )


@contextmanager
def start_proxy(server_port: int, seed: int) -> Iterator[FaultProxy]:
    """Run a proxy on a loopback port of its own, in a thread of its own, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault-proxy", daemon=True)
    thread.start()
    proxy = FaultProxy(0, server_port, Random(seed))
    serving = asyncio.run_coroutine_threadsafe(_serve(proxy), loop)
    server = serving.result(timeout=10)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_stop(proxy, server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(proxy: FaultProxy) -> asyncio.Server:
    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Coroutine[Any, Any, None]:
        proxy._lines.add(writer)  # at once: work that is cancelled before it begins closes nothing
        return carried(reader, writer)

    async def carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # cancelled: the proxy ends
            await _Line(proxy).carry(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    return server


async def _stop(proxy: FaultProxy, server: asyncio.Server) -> None:
    server.close()
    current = asyncio.current_task()
    while others := asyncio.all_tasks() - {current}:  # again and again: somebody may be just connecting
        for task in others:
            task.cancel()
        await asyncio.wait(others)
    for writer in list(proxy._lines):
        writer.transport.abort()


class _Line:
    """One connection and its other half."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._weather = proxy.weather
        self._fate = proxy.fate()
        self._since_drawn = 0
        self._tail = b""
        self._asked = b""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy = self._proxy
        proxy.connections += 1
        try:
            if proxy.chance.random() < proxy.weather.refused:
                proxy.faults["refused"] += 1
                return
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", proxy.server_port)
            proxy._lines.add(there_writer)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, there_writer, requests=True))
                    group.create_task(self._pump(there_reader, writer, requests=False))
            except* (OSError, _Cut):
                pass
            finally:
                proxy._lines.discard(there_writer)
                there_writer.transport.abort()
            if self._fate.repeated and self._asked:
                await self._ask_again()
        finally:
            proxy._lines.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, requests: bool) -> None:
        proxy = self._proxy
        while content := await reader.read(200 if self._fate.slow else CHUNK):
            if requests:
                self._note(content)
            self._since_drawn += len(content)
            if self._weather is not proxy.weather or self._since_drawn > proxy.weather.cut_within:
                self._weather, self._fate, self._since_drawn = proxy.weather, proxy.fate(), 0
            fate = self._fate
            if fate.delay:
                await asyncio.sleep(fate.delay / (20 if fate.slow else 1))
            if fate.left is not None:
                through, fate.left = content[: fate.left], max(0, fate.left - len(content))
                writer.write(through)
                proxy.carried += len(through)
                if len(through) < len(content):
                    await self._end(writer)
                continue
            writer.write(content)
            proxy.carried += len(content)
            await writer.drain()
        raise _Cut

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        self._proxy.faults["frozen" if self._fate.freezes else "cut"] += 1
        with suppress(OSError):
            await writer.drain()
        if self._fate.freezes:
            await asyncio.Event().wait()
        raise _Cut

    def _note(self, content: bytes) -> None:
        """Count the requests that begin in what comes by, and keep the newest to send it again."""
        seen = self._tail + content
        for found in FIRST_LINE.finditer(seen):
            self._proxy.requests[found[2].decode()] += 1
            self._asked = seen[found.start() :]
            break
        else:
            self._asked += content
        self._asked = self._asked[:MOST_REMEMBERED]
        self._tail = b"" if FIRST_LINE.search(seen) else seen[-LONGEST_FIRST_LINE:]

    async def _ask_again(self) -> None:
        self._proxy.faults["repeated"] += 1
        reader, writer = await asyncio.open_connection("127.0.0.1", self._proxy.server_port)
        self._proxy._lines.add(writer)
        try:
            writer.write(self._asked)
            await writer.drain()
            async with asyncio.timeout(2):
                await reader.read(CHUNK)
        except (OSError, TimeoutError):
            pass
        finally:
            self._proxy._lines.discard(writer)
            writer.transport.abort()


class _Cut(Exception):
    """One half has ended, and takes the other along."""
