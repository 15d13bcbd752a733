"""Followers: lines kept open on which a node says that its vector advanced (Server-sent events, WHATWG HTML §9.2).

One watcher looks for all of them. A follower is told the newest vector, never the ones between: whoever reads slowly
skips some and misses nothing, for a vector includes all before it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse

from adapters.transports.counts import Counts
from adapters.transports.refusals import Refusal
from engine.clock import Clock
from engine.events.vector import Vector
from engine.redaction import redact

MEDIA = "text/event-stream"
HEARTBEAT = b": still here\n\n"
AFTER_FAULT = timedelta(seconds=1)

logger = logging.getLogger("syncdeck.server")


class Followers:
    """The newest vector, and those who wait for the next."""

    def __init__(self, advances: Callable[[], AsyncIterator[Vector]], clock: Clock, counts: Counts, most: int) -> None:
        self._advances = advances
        self._clock = clock
        self._counts = counts
        self._most = most
        self._open = 0
        self._vector: Vector | None = None
        self._moved = asyncio.Event()
        self._closing = False

    async def watch(self) -> None:
        """Look for advances until cancelled; a fault of the log is told, and a second later looked past."""
        while True:
            try:
                async for vector in self._advances():
                    self._vector = vector
                    self._wake()
            except Exception as error:  # noqa: BLE001 - a fault of the log must not end following for good
                logger.warning("following is interrupted: %s", redact(str(error)))
            await self._clock.sleep(AFTER_FAULT)

    def close(self) -> None:
        """End all lines: the server stops."""
        self._closing = True
        self._wake()

    async def advanced(self, seen: Vector | None, patience: float) -> Vector | None:
        """Return the newest vector as soon as it is another than the one seen; None after so many seconds or at the
        end."""
        try:
            async with asyncio.timeout(patience):
                while not self._closing and (self._vector is None or self._vector is seen):
                    await self._moved.wait()
        except TimeoutError:
            return None
        return None if self._closing else self._vector

    def line(self, pieces: AsyncIterator[bytes]) -> StreamingResponse:
        """Return an answer that goes on until the caller leaves or the server stops. Raises a refusal when too many
        lines are open."""
        if self._closing or self._open >= self._most:
            raise Refusal(
                503, "busy", f"At most {self._most} lines may be open here. Poll instead.", {"retry-after": "30"}
            )
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._counted(pieces), media_type=MEDIA, headers=headers)

    @property
    def closing(self) -> bool:
        return self._closing

    async def _counted(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self._open += 1
        self._counts.followers.set(self._open)
        try:
            async for piece in pieces:
                yield piece
        finally:
            self._open -= 1
            self._counts.followers.set(self._open)

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def event(data: object, identity: str = "") -> bytes:
    """Return a value as one server-sent event."""
    head = f"id: {identity}\n".encode() if identity else b""
    return head + b"data: " + msgspec.json.encode(data) + b"\n\n"


class FollowVector:
    """`GET /follow`: the vector at once, and whenever it has advanced."""

    def __init__(self, followers: Followers, heartbeat: float) -> None:
        self._followers = followers
        self._heartbeat = heartbeat

    async def answer(self, _request: Request) -> StreamingResponse:
        """Open a line."""
        return self._followers.line(self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        seen: Vector | None = None
        while not self._followers.closing:
            vector = await self._followers.advanced(seen, self._heartbeat)
            if vector is not None:
                seen = vector
                yield event({"vector": vector})
            elif not self._followers.closing:
                yield HEARTBEAT
