"""One connection of HTTP/1.1 (RFC 9112), spoken through h11: one request at a time, its answer in pieces or whole."""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import h11

LONGEST_ANSWER_BYTES = 256 * 1024 * 1024
MOST_UNREAD_BYTES = 1024 * 1024
"""Of an answer that is taken in pieces: then the server is left waiting."""

KEEP_ALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
"""Seconds, seconds, probes: a machine that vanished is noticed within some ten seconds, also by who only listens."""

Poll = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Needs no file of its own, as the default one does."""


class Address(NamedTuple):
    """Where a server listens."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str, default_port: int) -> Address:
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or default_port)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Request(NamedTuple):
    """What is asked of a server."""

    method: str
    target: str
    """Path and query, escaped."""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    """Without line breaks."""
    writes: bool = True
    """Whether it may change something."""


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes = b""


class HttpLine(asyncio.Protocol):
    """A connection. Whoever is interrupted in the middle of a request must close it: the rest of the answer would be
    taken for the next one's. Raises `OSError` and `h11.RemoteProtocolError`.

    It takes in what comes as it comes, without a stream in between: a hand-over waits for nothing else."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.idle_since = 0.0
        self.sent = False
        """Whether a part of the current request left."""
        self.fresh = True
        """Whether nothing was ever heard on it."""
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT)
        self._head: Answer | None = None
        self._pieces: list[bytes] = []
        self._unread = 0
        """Bytes in them."""
        self._complete = False
        self._fault: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._over: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def connect(cls, address: Address, trust: ssl.SSLContext | None) -> HttpLine:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: cls(address), address.host, address.port, ssl=trust)
        return line

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and the server has not hung up as far as is known."""
        idle = self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE
        return idle and self._fault is None and not self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent. Nothing is expected on an idle line: what could be read there is the
        news that it is down, which asyncio has yet to hear."""
        if not self.idle:
            return False
        with Poll() as selector:
            selector.register(self._transport.get_extra_info("socket"), selectors.EVENT_READ)
            return not selector.select(0)

    async def ask(self, request: Request) -> Answer:
        """Send a request and return the head of its answer; the body comes by `pieces` or `whole`."""
        headers = [
            ("host", self.address.authority),
            ("content-type", "application/json"),
            ("content-length", str(len(request.body))),
            *request.headers,
        ]
        head = self._http.send(h11.Request(method=request.method, target=request.target, headers=headers))
        body = self._http.send(h11.Data(data=request.body)) if request.body else b""
        self._http.send(h11.EndOfMessage())
        self.sent = True
        self._transport.write((head or b"") + (body or b""))
        if self._writable is not None:
            await self._writable
        while self._head is None:
            await self._more()
        return self._head

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes; afterwards the line may be used again."""
        while True:
            complete = self._complete
            if piece := self._taken():
                yield piece
            elif complete:
                break
            else:
                await self._more()
        self._answered()

    async def whole(self) -> bytes:
        """Return the body, all of it."""
        body = bytearray()
        while not self._complete:
            body += self._taken()
            if len(body) > LONGEST_ANSWER_BYTES:
                raise h11.RemoteProtocolError(f"the answer has more than {LONGEST_ANSWER_BYTES:,} bytes")
            await self._more()
        body += self._taken()
        self._answered()
        return bytes(body)

    def close(self) -> None:
        """Hang up at once; what was not sent yet is dropped."""
        self._transport.abort()

    async def closed(self) -> None:
        """Wait until the connection is gone."""
        await asyncio.shield(self._over)

    async def _more(self) -> None:
        """Wait until more of the answer has come."""
        if self._fault is not None:
            raise self._fault
        self._news = self._loop.create_future()
        try:
            await self._news
        finally:
            self._news = None

    def _taken(self) -> bytes:
        """Return what has come of the body since this was asked last."""
        pieces, self._pieces = self._pieces, []
        if self._unread > MOST_UNREAD_BYTES:
            self._transport.resume_reading()
        self._unread = 0
        return b"".join(pieces)

    def _answered(self) -> None:
        self.sent = self._complete = False
        self._head = None
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE and not self._http.trailing_data[0]:
            self._http.start_next_cycle()

    # -- what asyncio tells ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        _keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            self._take_in()
        except h11.RemoteProtocolError as error:
            self._end(error)
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        try:
            self._http.receive_data(b"")
            self._take_in()
        except h11.RemoteProtocolError:
            where = "instead of" if self._head is None else "in the middle of"
            error = error or h11.RemoteProtocolError(f"the connection was closed {where} an answer")
        self._end(error or ConnectionResetError("the connection was closed"))
        if not self._over.done():
            self._over.set_result(None)

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def _take_in(self) -> None:
        while (event := self._http.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            if isinstance(event, h11.Response):
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                self._head = Answer(event.status_code, headers)
                self.fresh = False
            elif isinstance(event, h11.Data):
                self._pieces.append(bytes(event.data))
                before, self._unread = self._unread, self._unread + len(event.data)
                if before <= MOST_UNREAD_BYTES < self._unread:
                    self._transport.pause_reading()
            elif isinstance(event, h11.EndOfMessage):
                self._complete = True
            elif isinstance(event, h11.ConnectionClosed):
                break
        self._tell()

    def _end(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self.resume_writing()
        self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def _keep_alive(connection: socket.socket) -> None:
    """Let the kernel probe a silent line, as far as this system can be told how."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in KEEP_ALIVE.items():
        if (number := getattr(socket, option, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, number, value)
