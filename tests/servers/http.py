"""A real HTTP server for tests: any application behind it, and mischief that a test switches on around it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in. `target` is as it was sent: percent-encoded. `headers` in any letter case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def writes(self) -> bool:
        return self.method not in {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Given:
    """An answer. `cut_at` closes the connection after so many bytes of the body; 0: before the answer begins."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None


Application = Callable[[Asked], Given]
Mischief = Callable[[Asked, Application], Given]
"""What stands between the wire and the application; see `honest`."""

LOST = Given(cut_at=0)


def json_answer(data: Any, status: int = 200, **headers: str) -> Given:
    """Return an answer with a JSON body; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Given(status, msgspec.json.encode(data), {"content-type": "application/json", **named})


def honest(asked: Asked, application: Application) -> Given:
    """No mischief."""
    return application(asked)


def always(given: Given) -> Mischief:
    """Give every request the same answer, whatever it asks."""
    return lambda asked, application: given


def in_turn(*givens: Given) -> Mischief:
    """Give the first requests these answers, one each, and let all others through."""
    left = iter(givens)
    return lambda asked, application: next(left, None) or application(asked)


def answer_lost(times: int = 1) -> Mischief:
    """Carry out the next writes, then close the connection without a word."""
    left = iter(range(times))

    def lose(asked: Asked, application: Application) -> Given:
        given = application(asked)
        return LOST if asked.writes and next(left, None) is not None else given

    return lose


class LocalServer:
    """A server on a port of its own; `asked` holds every request, in order."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.mischief: Mischief = honest
        self.asked: list[Asked] = []
        self.released = threading.Event()
        """Set when the server stops: mischief that keeps a client waiting waits for this."""
        self._server = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def give(self, asked: Asked) -> Given:
        """Return the answer to a request."""
        self.asked.append(asked)
        return self.mischief(asked, self.application)

    def silence(self, asked: Asked, application: Application) -> Given:
        """Mischief: carry the request out, and answer when the server stops."""
        application(asked)
        self.released.wait()
        return LOST

    @contextmanager
    def running(self) -> Iterator[LocalServer]:
        """Serve until the block ends; then every connection is closed and every thread has ended."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, local: LocalServer) -> None:
        self.local = local
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that left in the middle; everything else is a fault of the test."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        headers = httpx.Headers(self.headers.items())
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        given = self.server.local.give(asked)
        if given.cut_at == 0:
            self.close_connection = True
            return
        self.send_response_only(given.status)
        for name, value in given.headers.items():
            for line in value.split("\n"):
                self.send_header(name, line)
        if given.status not in {204, 304}:
            self.send_header("content-length", str(len(given.body)))
        self.end_headers()
        self.wfile.write(given.body if given.cut_at is None else given.body[: given.cut_at])
        self.close_connection = self.close_connection or given.cut_at is not None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
