"""The way to a peer over HTTP: its server's calls (`native`) and its line for following (`following`), from outside."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from httpx_sse import SSEError, aconnect_sse

from adapters.connection import address_fault, is_loopback
from adapters.transports.bodies import MSGPACK
from adapters.transports.http_faults import judge, told, too_much
from adapters.transports.packing import PACKABLE, Damaged, TooLarge, Unpacker, accepted, pack
from engine.clock import Clock
from engine.errors import RemoteRefused, RemoteUnavailable, ReplicationRefused, SettingsError
from engine.events.event import Origin
from engine.events.replicating import wire
from engine.events.replicating.messages import (
    Batch,
    ChainQuestion,
    Chains,
    Digest,
    DigestQuestion,
    GapQuestion,
    Gaps,
    Greeting,
    Hello,
    Pull,
    Receipt,
)
from engine.events.replicating.ports import Remote, Transport
from engine.settings.catalogue import EndpointContext
from engine.settings.replication import PeerSettings

A = TypeVar("A", bound=msgspec.Struct)

CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 60.0
"""Less than the server's, or a call meets a connection that is just being closed."""
SILENCE_SECONDS = 30.0
"""Of a line that is followed: more than two of the server's signs of life."""
LARGEST_PACKED, LARGEST_UNPACKED = wire.MOST_BYTES, wire.MOST_BYTES
LARGEST_NEWS_BYTES = 1024 * 1024
"""Of one vector on the line: 4,096 origins with their names."""

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For addresses without TLS. It trusts nobody; httpx would make one of its own for every client, 2 ms each."""


@cache
def _system_trust() -> ssl.SSLContext:
    """Return trust in the system's authorities, read once: that takes some 50 ms."""
    return ssl.create_default_context()


class HttpTransport(Transport):
    """A peer with an http or https address."""

    def __init__(self, settings: PeerSettings, context: EndpointContext, clock: Clock) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock

    def __repr__(self) -> str:
        return f"HttpTransport({self._settings.name}, {self._settings.url})"

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Remote]:
        """Raises `SecretUnavailable`, and `SettingsError` for an address or certificates that cannot be used."""
        settings = self._settings
        fault = address_fault(settings.url, credentials=bool(settings.token), allow_plain=settings.allow_plain)
        if fault:
            raise SettingsError(f"peers.{settings.name}: {fault}")
        token = self._context.secret(settings.token) if settings.token else ""
        async with self.client() as client:
            yield HttpRemote(settings, client, {"authorization": f"Bearer {token}"} if token else {}, self._clock)

    def client(self) -> httpx.AsyncClient:
        """Return what calls the peer, without credentials. Raises `SettingsError` for certificates that cannot be
        used."""
        url = urlsplit(self._settings.url)
        return httpx.AsyncClient(
            verify=self._trusted() if url.scheme == "https" else NO_TLS,
            timeout=httpx.Timeout(self._settings.timeout.total_seconds(), connect=CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE_SECONDS),
            trust_env=not is_loopback(url.hostname or ""),
        )

    def _trusted(self) -> ssl.SSLContext:
        file = self._settings.ca
        if not file:
            return _system_trust()
        try:
            return ssl.create_default_context(cafile=self._context.path(file))
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror
            raise SettingsError(
                f"peers.{self._settings.name}.ca: the certificates in {file} cannot be read ({reason})."
            ) from error


class HttpRemote(Remote):
    """One client, kept alive: every call a POST of one message that is answered by another."""

    def __init__(
        self, settings: PeerSettings, client: httpx.AsyncClient, credentials: Mapping[str, str], clock: Clock
    ) -> None:
        self._settings = settings
        self._client = client
        self._credentials = credentials
        self._clock = clock
        self._url = settings.url.rstrip("/")
        self._packings = frozenset(PACKABLE)

    def __repr__(self) -> str:
        return f"HttpRemote({self._settings.name}, {self._url})"

    async def greet(self, hello: Hello) -> Greeting:
        return await self._call("hello", hello, Greeting)

    async def pull(self, request: Pull) -> Batch:
        return await self._call("pull", request, Batch)

    async def push(self, batch: Batch) -> Receipt:
        return await self._call("push", batch, Receipt, writes=True)

    async def gaps(self, question: GapQuestion) -> Gaps:
        return await self._call("gaps", question, Gaps)

    async def chains(self, question: ChainQuestion) -> Chains:
        return await self._call("chains", question, Chains)

    async def digest(self, question: DigestQuestion) -> Digest:
        return await self._call("digest", question, Digest)

    async def follow(self) -> AsyncIterator[Mapping[Origin, int]]:
        """Silence for longer than two signs of life counts as a lost connection."""
        place = self._place("follow")
        patience = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS, pool=None)
        headers = {**self._credentials, "accept-encoding": "identity"}
        with told(place, self._settings, writes=False):
            async with aconnect_sse(
                self._client, "GET", f"{self._url}/follow", headers=headers, timeout=patience
            ) as source:
                response = source.response
                if response.status_code != httpx.codes.OK:
                    judge(place, self._settings, response, await self._whole(response), self._clock.now(), writes=False)
                if isinstance(response.stream, httpx.AsyncByteStream):
                    response.stream = _Bounded(response.stream, LARGEST_NEWS_BYTES)
                try:
                    async for news in source.aiter_sse():
                        yield msgspec.json.decode(news.data, type=_News).vector
                except (SSEError, msgspec.DecodeError, UnicodeError, TooLarge) as error:
                    raise ReplicationRefused(f"{place} says what is no vector ({error}).", kind="malformed") from error

    async def _call(self, word: str, message: msgspec.Struct, answer: type[A], *, writes: bool = False) -> A:
        place = self._place(f"v1/{word}")
        seconds = self._settings.timeout.total_seconds()
        body = wire.encode(message)
        try:
            async with asyncio.timeout(seconds) as limit:
                with told(place, self._settings, writes=writes):
                    whole = await self._exchange(place, f"{self._url}/v1/{word}", body, writes=writes)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise RemoteUnavailable(
                f"{place} did not answer within {seconds:g} s. See whether it is a node that answers there, or raise "
                f"peers.{self._settings.name}.timeout.",
                maybe_done=writes,
            ) from error
        try:
            return wire.decode(whole, answer)
        except ReplicationRefused as error:
            raise ReplicationRefused(f"{place}: {error}", kind=error.kind) from error

    async def _exchange(self, place: str, url: str, body: bytes, *, writes: bool) -> bytes:
        """Send a body packed as the peer takes it (RFC 9110 §15.5.16: 415 names what it takes); return the answer."""
        while True:
            packed, encoding = pack(body, self._packings)
            headers = {**self._credentials, "content-type": MSGPACK, "accept-encoding": ", ".join(PACKABLE)}
            if encoding:
                headers["content-encoding"] = encoding
            async with self._client.stream("POST", url, headers=headers, content=packed) as response:
                whole = await self._whole(response)
            if response.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE and encoding:
                taken = accepted(response.headers.get("accept-encoding", ""))
                self._packings &= taken - {encoding}
                continue
            if response.status_code != httpx.codes.OK:
                judge(place, self._settings, response, whole, self._clock.now(), writes=writes)
            if (media := response.headers.get("content-type", "nothing")) != MSGPACK:
                raise RemoteRefused(
                    f"{place} answered with {media[:60]}, as a login page does; no Syncdeck node says that. Check "
                    f"peers.{self._settings.name}.url.",
                    about="address",
                )
            return whole

    async def _whole(self, response: httpx.Response) -> bytes:
        """Return a whole answer, unpacked. Raises for one that is too large or cut: never the part of it."""
        encoding = response.headers.get("content-encoding", "")
        try:
            unpacker = Unpacker(encoding, packed_limit=LARGEST_PACKED, unpacked_limit=LARGEST_UNPACKED)
            async for piece in response.aiter_raw():
                unpacker.feed(piece)
            return unpacker.finish()
        except TooLarge as error:
            raise too_much(self._place("answer"), error) from error
        except Damaged as error:
            raise RemoteUnavailable(f"{self._place('answer')}: it {error}.") from error

    def _place(self, path: str) -> str:
        return f"peer {self._settings.name}: {self._url}/{path}"


class _News(msgspec.Struct, frozen=True):
    vector: dict[Origin, int]


class _Bounded(httpx.AsyncByteStream):
    """Holds each event of a line to a size: its end is a blank line, and without one it would grow for ever."""

    def __init__(self, inner: httpx.AsyncByteStream, limit_bytes: int) -> None:
        self._inner = inner
        self._limit = limit_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._inner:
            end = piece.rfind(b"\n\n")
            size = size + len(piece) if end < 0 else len(piece) - end
            if size > self._limit:
                raise TooLarge(self._limit, packed=True)
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()
