"""What every request passes first: who asks, how many at once, for how long; and how its end is told and counted."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from hashlib import sha256
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.connection import is_loopback
from adapters.transports.counts import Counts
from adapters.transports.refusals import Refusal, busy, refusal_of
from engine.clock import Clock
from engine.redaction import redact

OPEN_PATHS = frozenset({"/health"})
"""What everybody may ask: whether this node is well."""
STREAMS = frozenset({"/follow", "/sse", "/sync/sse"})
"""Answers without an end: neither timed nor counted among those at work; `following` bounds them."""

logger = logging.getLogger("syncdeck.server")


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long the server waits, in seconds, and for how many."""

    head: float = 10.0
    """For the whole head of a request, from its first byte or the connection's beginning."""
    request: float = 60.0
    """For a whole request: its body, the work, its answer."""
    turn: float = 5.0
    """In the queue behind the others, before a request is told that the node is busy."""
    heartbeat: float = 12.0
    """Between two signs of life to a follower. Clients give up after more than two that fail."""
    drain: float = 3.0
    """At the end, for requests that are under way."""
    at_once: int = 8
    """Requests worked on at the same time; each may hold a body of the largest size in memory."""
    connections: int = 512
    followers: int = 64


class Door:
    """Decides who may come in. Keeps digests of the tokens only."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._digests = tuple(sha256(token.encode()).digest() for token in tokens)

    def __repr__(self) -> str:
        return f"Door({len(self._digests)} tokens)"

    def check(self, headers: Headers, client: str) -> None:
        """Raise a refusal for whoever may not come in.

        Without tokens only this machine may, and no page in a browser: neither one whose name was made to point here
        (the Host header tells) nor one that sends requests across (the Origin header does).
        """
        if self._digests:
            self._check_token(headers.get("authorization", ""))
            return
        if not is_loopback(client):
            raise Refusal(403, "unauthorised", "This node has no tokens and serves its own machine only.")
        if not is_loopback(_host_of(headers.get("host", ""))):
            raise Refusal(403, "unauthorised", "This node has no tokens and answers to the name localhost only.")
        if (origin := headers.get("origin")) is not None and not is_loopback(urlsplit(origin).hostname or ""):
            raise Refusal(403, "unauthorised", "This node has no tokens and answers no web pages.")

    def _check_token(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        given = sha256(token.strip().encode()).digest()
        # All are compared, each in constant time: how long it takes says nothing about any of them.
        known = [hmac.compare_digest(given, digest) for digest in self._digests]
        if scheme.lower() != "bearer" or not any(known):
            why = "The token is not known here." if authorization else "A token is needed."
            raise Refusal(
                401,
                "unauthorised",
                f"{why} Send Authorization: Bearer with one that server.tokens of this node names.",
                {"www-authenticate": 'Bearer realm="syncdeck"'},
            )


class Gate:
    """The outermost part of the application."""

    def __init__(self, inner: ASGIApp, door: Door, patience: Patience, counts: Counts, clock: Clock) -> None:
        self._inner = inner
        self._door = door
        self._patience = patience
        self._counts = counts
        self._clock = clock
        self._turns = asyncio.Semaphore(patience.at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        passage = _Passage(send)
        began = self._clock.monotonic()
        try:
            await self._pass(scope, receive, passage)
        except Exception as error:  # noqa: BLE001 - whatever happens is told in words, and the server goes on
            await self._refuse(error, scope, receive, passage)
        took = self._clock.monotonic() - began
        self._counts.request(scope["path"], passage.status, took)
        logger.debug(
            "%s %s %s",
            scope["method"],
            scope["path"],
            passage.status,
            extra={"client": _client(scope), "status": passage.status, "seconds": round(took, 4)},
        )

    async def _pass(self, scope: Scope, receive: Receive, passage: _Passage) -> None:
        path = scope["path"]
        if path not in OPEN_PATHS:
            self._door.check(Headers(scope=scope), _client(scope))
        if path in STREAMS:
            await self._inner(scope, receive, passage)
            return
        async with _deadline(self._patience.turn, busy("This node is busy. Try again in a moment.")):
            await self._turns.acquire()
        try:
            late = Refusal(408, "timeout", f"The request was not done within {self._patience.request:.0f} s.")
            async with _deadline(self._patience.request, late):
                await self._inner(scope, receive, passage)
        finally:
            self._turns.release()

    async def _refuse(self, error: Exception, scope: Scope, receive: Receive, passage: _Passage) -> None:
        refusal = refusal_of(error)
        level = logging.ERROR if refusal.status == 500 else logging.WARNING
        logger.log(
            level,
            "refused %s %s: %s",
            scope["method"],
            scope["path"],
            redact(f"{type(error).__name__}: {error}") if refusal.status == 500 else refusal.sentence,
            extra={"client": _client(scope), "status": refusal.status, "kind": refusal.kind},
        )
        if passage.status:
            return  # the head is out; the connection is closed without the end that it promised
        headers = {"cache-control": "no-store", **refusal.headers}
        response = Response(refusal.body, refusal.status, headers, "application/json")
        await response(scope, receive, passage)


class _Passage:
    """Passes an answer on and notes its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


@asynccontextmanager
async def _deadline(seconds: float, refusal: Refusal) -> AsyncIterator[None]:
    """Raise the refusal when the block takes longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise refusal from error


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _host_of(header: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
