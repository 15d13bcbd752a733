"""One connection of HTTP/1.1 (RFC 9112), spoken through h11: one request at a time, its answer in pieces or whole."""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

CHUNK_BYTES = 64 * 1024
LONGEST_ANSWER_BYTES = 256 * 1024 * 1024

KEEP_ALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
"""Seconds, seconds, probes: a machine that vanished is noticed within some ten seconds, also by who only listens."""


class Address(NamedTuple):
    """Where a server listens."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str, default_port: int) -> Address:
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or default_port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Request(NamedTuple):
    """What is asked of a server."""

    method: str
    target: str
    """Path and query, escaped."""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    writes: bool = True
    """Whether it may change something."""


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes = b""


class HttpLine:
    """A connection. Whoever is interrupted in the middle of a request must close it: the rest of the answer would be
    taken for the next one's. Raises `OSError` and `h11.RemoteProtocolError`."""

    def __init__(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.address = address
        self.idle_since = 0.0
        self.sent = False
        """Whether a part of the current request left."""
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        _keep_alive(writer.get_extra_info("socket"))

    @classmethod
    async def connect(cls, address: Address, trust: ssl.SSLContext | None) -> HttpLine:
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=trust)
        return cls(address, reader, writer)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and the server has not hung up as far as is known."""
        idle = self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE
        return idle and not (self._reader.at_eof() or self._reader.exception() or self._writer.is_closing())

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent. Nothing is expected on an idle line: what could be read there is the
        news that it is down, which asyncio has yet to hear."""
        if not self.idle:
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(self._writer.get_extra_info("socket"), selectors.EVENT_READ)
            return not selector.select(0)

    async def ask(self, request: Request) -> Answer:
        """Send a request and return the head of its answer; the body comes by `pieces` or `whole`."""
        address = self.address
        headers = [
            ("host", f"{address.host}:{address.port}"),
            ("content-type", "application/json"),
            ("content-length", str(len(request.body))),
            *request.headers,
        ]
        head = self._http.send(h11.Request(method=request.method, target=request.target, headers=headers))
        body = self._http.send(h11.Data(data=request.body)) if request.body else b""
        self._http.send(h11.EndOfMessage())
        self.sent = True
        self._writer.write((head or b"") + (body or b""))
        await self._writer.drain()
        while isinstance(event := await self._event(), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("the connection was closed instead of an answer")
        return Answer(event.status_code, {name.decode(): value.decode("latin-1") for name, value in event.headers})

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes; afterwards the line may be used again."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise h11.RemoteProtocolError("the connection was closed in the middle of an answer")
        self._over()

    async def whole(self) -> bytes:
        """Return the body, all of it."""
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > LONGEST_ANSWER_BYTES:
                raise h11.RemoteProtocolError(f"the answer has more than {LONGEST_ANSWER_BYTES:,} bytes")
        if not isinstance(event, h11.EndOfMessage):
            raise h11.RemoteProtocolError("the connection was closed in the middle of an answer")
        self._over()
        return bytes(body)

    def close(self) -> None:
        """Hang up at once; what was not sent yet is dropped."""
        self._writer.transport.abort()

    async def closed(self) -> None:
        """Wait until the connection is gone."""
        with suppress(OSError):
            await self._writer.wait_closed()

    def _over(self) -> None:
        self.sent = False
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(CHUNK_BYTES))
        return event


def _keep_alive(connection: socket.socket) -> None:
    """Let the kernel probe a silent line, as far as this system can be told how."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in KEEP_ALIVE.items():
        if (number := getattr(socket, option, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, number, value)
