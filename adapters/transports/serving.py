"""The server running: a socket, TLS, uvicorn, and an end within seconds also when lines are open."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn

from adapters.transports.connections import patient
from adapters.transports.gate import Patience
from adapters.transports.http_server import Server
from engine.errors import SettingsError
from engine.settings.replication import ServerSettings

KEEP_ALIVE_SECONDS = 75
"""Longer than the usual pause between two syncs, so that a peer's connection and its TLS session are used again."""
LARGEST_HEAD_BYTES = 128 * 1024
"""A cursor of 64 KiB in the query, percent-encoded, and the usual headers."""
UNACKNOWLEDGED_MS = 30_000
"""A line whose other end is gone without a word is given up then (Linux: tcp(7), TCP_USER_TIMEOUT)."""


@asynccontextmanager
async def serving(
    app: Server, settings: ServerSettings, folder: Path, patience: Patience | None = None
) -> AsyncIterator[str]:
    """Serve until the block ends; yield the URL. Raises `SettingsError` for an address or certificate that cannot be.

    At the end nothing new is accepted, lines are closed, and requests under way get a few seconds.
    """
    patience = patience or Patience()
    trusted = _certificate(settings, folder)
    with _listen(settings.host, settings.port) as listener:
        server = _Server(_configuration(app, patience, trusted))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(server.serve([listener]))
            try:
                await server.begun.wait()
                yield _url(settings, listener)
            finally:
                app.close_lines()
                server.should_exit = True
                await asyncio.shield(running)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: whoever runs the server decides when it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configuration(app: Server, patience: Patience, trusted: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=patient(patience),
        ws="none",
        lifespan="on",
        loop="asyncio",
        interface="asgi3",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(patience.drain)),
        h11_max_incomplete_event_size=LARGEST_HEAD_BYTES,
    )
    config.load()
    config.ssl = trusted
    return config


def _certificate(settings: ServerSettings, folder: Path) -> ssl.SSLContext | None:
    """Return the certificate to show; None to serve in clear."""
    if not settings.tls_certificate:
        return None
    certificate, key = (folder / Path(name).expanduser() for name in (settings.tls_certificate, settings.tls_key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except FileNotFoundError as error:
        missing = certificate if not certificate.exists() else key
        raise SettingsError(
            f"{missing} does not exist. Check server.tls_certificate and server.tls_key in syncdeck.yaml."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"The certificate {certificate} with the key {key} cannot be used ({reason}). Check server.tls_certificate "
            "and server.tls_key in syncdeck.yaml: both in PEM, the key without a password, and made for one another."
        ) from error
    return context


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Give a listening socket."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address, family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        raise SettingsError(_refused(host, port, error)) from error
    with listener:
        # Connections inherit both. Without the first, each answer waits for the acknowledgement of its own head: 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        yield listener


def _refused(host: str, port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return (
                f"Port {port} of {host} is taken: another program serves there, perhaps another syncdeck serve of this "
                "workspace. Stop it, or set server.port or --port to another one (0 finds a free one)."
            )
        case errno.EACCES:
            return f"Port {port} of {host} is for the system's own services. Set server.port or --port to 1024 or more."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Set server.host or --host to one that is, or to 127.0.0.1."
        case _:
            reason = getattr(error, "strerror", None) or str(error)
            return f"{host} port {port} cannot be listened on ({reason}). Check server.host and server.port."


def _url(settings: ServerSettings, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
