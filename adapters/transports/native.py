"""The calls of Syncdeck's own protocol over HTTP: a message in, a message out (`engine/events/replicating/wire.py`).

POST /v1/hello · /v1/pull · /v1/push · /v1/gaps · /v1/chains · /v1/digest      MessagePack, packed as zstd or gzip
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.transports.bodies import MSGPACK, answer, read_body
from engine.events.replicating import wire
from engine.events.replicating.messages import Batch, ChainQuestion, DigestQuestion, GapQuestion, Hello, Pull
from engine.events.replicating.responder import Responder
from engine.settings.replication import ServerSettings

Q = TypeVar("Q", bound=msgspec.Struct)


class Call(Generic[Q]):
    """One address: reads the question, asks the node, sends what it says."""

    def __init__(
        self, question: type[Q], ask: Callable[[Q], Awaitable[msgspec.Struct]], settings: ServerSettings
    ) -> None:
        self._question = question
        self._ask = ask
        self._settings = settings

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        body = await read_body(request, self._settings, media=(MSGPACK,))
        question = wire.decode(body, self._question, most_bytes=self._settings.max_unpacked_bytes)
        return answer(request, wire.encode(await self._ask(question)), MSGPACK)


def routes(responder: Responder, settings: ServerSettings) -> list[Route]:
    """Return the addresses of the protocol."""
    calls = (
        ("hello", Call(Hello, responder.greet, settings)),
        ("pull", Call(Pull, responder.pull, settings)),
        ("push", Call(Batch, responder.push, settings)),
        ("gaps", Call(GapQuestion, responder.gaps, settings)),
        ("chains", Call(ChainQuestion, responder.chains, settings)),
        ("digest", Call(DigestQuestion, responder.digest, settings)),
    )
    return [Route(f"/v1/{word}", call.answer, methods=["POST"]) for word, call in calls]
