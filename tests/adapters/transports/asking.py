"""Asking a server in tests: what to send, and what every refusal looks like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from engine.events.event import Origin
from engine.events.replicating import wire
from engine.events.replicating.messages import Hello, Identity
from tests.adapters.transports.nodes import Node

SMALL: dict[str, Any] = {"max_packed_bytes": 64 * 1024, "max_unpacked_bytes": 256 * 1024}
MSGPACK = {"content-type": "application/msgpack"}
JSON = {"content-type": "application/json"}
HELLO = wire.encode(Hello(identity=Identity(node="munich", origin=Origin("munich~00000001"))))

ADDRESSES = [
    *(("POST", f"/v1/{word}") for word in ("hello", "pull", "push", "gaps", "chains", "digest")),
    *(
        (method, f"{prefix}{path}")
        for prefix in ("", "/sync")
        for method, path in (
            ("POST", "/push"),
            ("GET", "/pull"),
            ("GET", "/latest-version"),
            ("POST", "/pull-cursor"),
            ("GET", "/sse"),
        )
    ),
    ("GET", "/follow"),
    ("GET", "/metrics"),
]
"""Every address there is, but /health."""


def refusal(answer: httpx.Response) -> str:
    """Return the kind of a refusal, which is always of this form."""
    told = answer.json()
    assert set(told) == {"error", "kind"}
    assert told["error"].endswith((".", ")"))
    assert "Traceback" not in answer.text
    return str(told["kind"])


@asynccontextmanager
async def talk(node: Node, *said: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection and say something, in clear text; at the end let go of it, whatever it still holds."""
    host, _, port = node.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for each in said:
            writer.write(each)
        await writer.drain()
        yield reader, writer
    finally:
        writer.transport.abort()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return what still comes until the server ends the connection, in whatever way."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
