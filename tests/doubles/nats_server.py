"""A server that greets as NATS does, of any version, and answers nothing but pings; it keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class NatsGreeter:
    """A greeting, and what came after it."""

    def __init__(self, version: str) -> None:
        self.url = ""
        self.received: list[str] = []
        self._greeting = {"server_id": "DOUBLE", "version": version, "headers": True, "max_payload": 1_048_576}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"INFO " + json.dumps(self._greeting).encode() + b"\r\n")
            while line := await reader.readline():
                self.received.append(line.decode())
                if line == b"PING\r\n":
                    writer.write(b"PONG\r\n")
        finally:
            writer.close()  # also when the test ends before it is known that the client has gone


@asynccontextmanager
async def greeting(version: str) -> AsyncIterator[NatsGreeter]:
    """Serve until the block ends."""
    greeter = NatsGreeter(version)
    server = await asyncio.start_server(greeter.serve, "127.0.0.1", 0)
    greeter.url = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield greeter
