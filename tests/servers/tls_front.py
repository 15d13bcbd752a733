"""TLS before a PostgreSQL whose own build speaks none: it is asked for as PostgreSQL's clients do, and what is said
within goes to the server as it is."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trustme

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""PostgreSQL's protocol, "SSLRequest"."""

CHUNK = 64 * 1024


@asynccontextmanager
async def tls_front(server_port: int, certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """Show this certificate on a loopback port of its own, which is given, until the block ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    lines: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):  # whoever does not trust the certificate hangs up
            assert await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST
            writer.write(b"S")
            await writer.start_tls(context)
            there_reader, there = await asyncio.open_connection("127.0.0.1", server_port)
            lines.add(there)
            async with asyncio.TaskGroup() as group:
                group.create_task(_carry(reader, there))
                group.create_task(_carry(there_reader, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for line in lines:
            line.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while content := await reader.read(CHUNK):
            writer.write(content)
            await writer.drain()
    writer.close()
