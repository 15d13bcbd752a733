"""Stands between a client and a directory and makes trouble there: busy servers, lost answers, searches cut short.

It reads just enough BER (X.690) to tell LDAP messages apart (RFC 4511 §4.1.1) and to answer one itself.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BIND, UNBIND, SEARCH, MODIFY, COMPARE = 0x60, 0x42, 0x63, 0x66, 0x6E
ANSWERS = {BIND: 0x61, SEARCH: 0x65, MODIFY: 0x67, COMPARE: 0x6F}
SEARCH_ENTRY, SEARCH_DONE, MODIFY_DONE = 0x64, 0x65, 0x67


@dataclass(slots=True)
class Trouble:
    """What the proxy does; all of it may be changed while it runs."""

    code: int | None = None
    """Answer every request with this result code instead of passing it on."""
    words: str = ""
    only: int | None = None
    """Answer only requests of this tag so."""
    lose_modifications: int = 0
    """Let so many modifications through and close the connection in place of the answer."""
    search_code: int | None = None
    """Let searches that found several entries end with this result code."""


class LdapProxy:
    """A proxy on a port of its own; every connection has two threads, which end with it."""

    def __init__(self, target_port: int) -> None:
        self.trouble = Trouble()
        self.requests: list[int] = []
        """The tags of all requests, in order."""
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    @contextmanager
    def running(self) -> Iterator[LdapProxy]:
        """Serve until the block ends."""
        acceptor = threading.Thread(target=self._accept)
        acceptor.start()
        try:
            yield self
        finally:
            _close(self._listener)
            acceptor.join()
            for each in self._sockets:
                _close(each)
            for thread in self._threads:
                thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            server = socket.create_connection(("127.0.0.1", self._target_port))
            self._sockets.append(server)
            for work in (self._upstream, self._downstream):
                thread = threading.Thread(target=work, args=(client, server))
                self._threads.append(thread)
                thread.start()

    def _upstream(self, client: socket.socket, server: socket.socket) -> None:
        for message in _messages(client):
            number, tag = _head(message)
            self.requests.append(tag)
            trouble = self.trouble
            if trouble.code is not None and tag in ANSWERS and trouble.only in {None, tag}:
                with contextlib.suppress(OSError):
                    client.sendall(_result(number, ANSWERS[tag], trouble.code, trouble.words))
            else:
                with contextlib.suppress(OSError):  # closed meanwhile: the other direction lost an answer on purpose
                    server.sendall(message)
        _close(server)

    def _downstream(self, client: socket.socket, server: socket.socket) -> None:
        delivered: Counter[bytes] = Counter()
        for message in _messages(server):
            number, tag = _head(message)
            delivered[number] += tag == SEARCH_ENTRY
            if tag == MODIFY_DONE and self.trouble.lose_modifications:
                self.trouble.lose_modifications -= 1
                break
            if tag == SEARCH_DONE and self.trouble.search_code is not None and delivered[number] > 1:
                message = _result(number, SEARCH_DONE, self.trouble.search_code, "")  # noqa: PLW2901
            with contextlib.suppress(OSError):
                client.sendall(message)
        _close(client)
        _close(server)


def _messages(stream: socket.socket) -> Iterator[bytes]:
    """Yield whole LDAP messages until the connection ends."""
    buffer = b""
    while True:
        try:
            chunk = stream.recv(65536)
        except OSError:
            return
        if not chunk:
            return
        buffer += chunk
        while (size := _size(buffer)) is not None and len(buffer) >= size:
            yield buffer[:size]
            buffer = buffer[size:]


def _size(buffer: bytes) -> int | None:
    """Return how long the first element is, header included; None while its header is incomplete."""
    if len(buffer) < 2:
        return None
    if buffer[1] < 0x80:
        return 2 + buffer[1]
    count = buffer[1] & 0x7F
    if len(buffer) < 2 + count:
        return None
    return 2 + count + int.from_bytes(buffer[2 : 2 + count], "big")


def _head(message: bytes) -> tuple[bytes, int]:
    """Return a message's number, as it is encoded, and the tag of its operation."""
    start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    end = start + 2 + message[start + 1]
    return message[start:end], message[end]


def _result(number: bytes, tag: int, code: int, words: str) -> bytes:
    said = words.encode()
    content = bytes([0x0A, 1, code, 0x04, 0, 0x04, len(said)]) + said
    return _element(0x30, number + _element(tag, content))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
