"""The server's application (ASGI): this node, as other nodes and clients of go-sync-kit reach it over HTTP.

    POST /v1/…        Syncdeck's own protocol            native.py
    GET  /follow      "my vector advanced", as it does   following.py
    /push /pull …     go-sync-kit v0.16, also at /sync   kit.py
    GET  /health      is this node well? For everybody; all else asks for a token (gate.py)
    GET  /metrics     counts for Prometheus              counts.py

Every error is `{"error": sentence, "kind": word}`; no request is stored in part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from adapters.transports import native
from adapters.transports.bodies import JSON, answer
from adapters.transports.counts import MEDIA, Counts
from adapters.transports.following import Followers, FollowVector
from adapters.transports.gate import Door, Gate, Patience
from adapters.transports.kit import Kit
from adapters.transports.kit_pages import KitPages
from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.events.log import EventLog
from engine.events.replicating.messages import PROTOCOL
from engine.events.replicating.responder import Responder
from engine.events.vector import Vector
from engine.redaction import redact
from engine.settings.replication import ServerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The node that a server stands before."""

    name: str
    responder: Responder
    log: EventLog
    advances: Callable[[], AsyncIterator[Vector]]
    """The log's vector at once, and whenever any process advanced it."""
    clock: Clock
    counted: Sequence[Collector] = ()
    """What else `/metrics` tells."""


class Server:
    """The application, and the handle to end its open lines."""

    def __init__(
        self, node: Served, settings: ServerSettings, tokens: Iterable[str] = (), patience: Patience | None = None
    ) -> None:
        patience = patience or Patience()
        self._node = node
        routes = [Route("/health", self._health), Route("/metrics", self._metrics)]
        routes += native.routes(node.responder, settings)
        counts = Counts(node.counted)
        self._followers = Followers(node.advances, node.clock, counts, patience.followers)
        routes.append(Route("/follow", FollowVector(self._followers, patience.heartbeat).answer, methods=["GET"]))
        pages = KitPages(node.log, node.responder)
        routes += Kit(node.log, pages, self._followers, settings, heartbeat=patience.heartbeat).routes()
        counts.expect(route.path for route in routes)
        self._counts = counts
        inner = Router(routes, redirect_slashes=False, lifespan=self._lifespan)
        self._gate = Gate(inner, Door(tokens), patience, counts, node.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # tells the router that somebody outside makes answers of what it raises
        await self._gate(scope, receive, send)

    def close_lines(self) -> None:
        """End what is followed, so that the server need not wait for those who follow."""
        self._followers.close()

    @asynccontextmanager
    async def _lifespan(self, _app: object) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._followers.watch())
            yield
            watching.cancel()

    async def _health(self, request: Request) -> Response:
        """Say whether this node can read its log, and who it is."""
        why = ""
        try:
            await self._node.log.bounds()
        except SyncdeckError as error:
            why = redact(str(error))
        told = {"ok": not why, "node": self._node.name, "protocol": PROTOCOL, **({"why": why} if why else {})}
        told["at"] = self._node.clock.now()
        return answer(request, msgspec.json.encode(told), JSON, status=503 if why else 200)

    async def _metrics(self, request: Request) -> Response:
        return answer(request, self._counts.text(), MEDIA)


def build_app(
    node: Served, settings: ServerSettings, tokens: Iterable[str] = (), patience: Patience | None = None
) -> Server:
    """Return the application for a node. `tokens` are the secrets themselves; without any, only this machine is
    served."""
    return Server(node, settings, tokens, patience)
