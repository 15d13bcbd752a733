"""A peer that answers everything over TLS with one body, from a thread: each connection is closed before the next."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trustme

LONGEST_SILENCE = 10.0


@contextmanager
def tls_peer(certificate: trustme.LeafCert, body: bytes) -> Iterator[str]:
    """Answer on a loopback port of its own until the block ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context, body), name="tls-peer", daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, body: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the block has ended
            return
        with connection, suppress(OSError):  # whoever does not trust the certificate hangs up
            connection.settimeout(LONGEST_SILENCE)
            with context.wrap_socket(connection, server_side=True) as line:
                _answer(line, body)


def _answer(line: ssl.SSLSocket, body: bytes) -> None:
    asked = b""
    while b"\r\n\r\n" not in asked:
        part = line.recv(4096)
        if not part:
            return
        asked += part
    head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/msgpack\r\n"
    line.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    while line.recv(4096):  # until the caller has all: an end before he has said all would be a reset
        pass
