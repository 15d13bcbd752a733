"""A relay before a TCP server that loses answers and cuts connections, on demand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 4096


@dataclass(slots=True)
class Relay:
    """A running relay. What is set here holds for connections that are open already, too."""

    port: int = 0
    lose_answer_to: bytes = b""
    """The next request with these bytes reaches the server, and its answer reaches nobody: the connection ends."""
    cut_after: int | None = None
    """How many more bytes of answers go through before the connection ends."""
    open_sockets: list[socket.socket] = field(default_factory=list)

    def loses(self, request: bytes) -> bool:
        """Whether the answer to this request is to be lost; that happens once."""
        if not self.lose_answer_to or self.lose_answer_to not in request:
            return False
        self.lose_answer_to = b""
        return True

    def lets_through(self, answer: bytes) -> bytes:
        """Return how much of an answer goes through; none of it ends the connection."""
        if self.cut_after is None:
            return answer
        through = answer[: self.cut_after]
        self.cut_after -= len(through)
        return through


@contextmanager
def start_relay(server_port: int) -> Iterator[Relay]:
    """Relay from a loopback port of its own to the server's until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(port=listener.getsockname()[1])
        accepting = threading.Thread(target=_accept, args=(listener, server_port, relay), daemon=True)
        accepting.start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for open_socket in relay.open_sockets:
                _end(open_socket)


def _accept(listener: socket.socket, server_port: int, relay: Relay) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            relay.open_sockets.append(client)
            server = socket.create_connection(("127.0.0.1", server_port))
            relay.open_sockets.append(server)
            lost = threading.Event()
            for target, args in ((_requests, (client, server)), (_answers, (server, client))):
                threading.Thread(target=target, args=(*args, relay, lost), daemon=True).start()


def _requests(client: socket.socket, server: socket.socket, relay: Relay, lost: threading.Event) -> None:
    with suppress(OSError):
        while request := client.recv(CHUNK):
            if relay.loses(request):
                lost.set()
            server.sendall(request)
    _end(client)
    _end(server)


def _answers(server: socket.socket, client: socket.socket, relay: Relay, lost: threading.Event) -> None:
    with suppress(OSError):
        while answer := server.recv(CHUNK):
            through = b"" if lost.is_set() else relay.lets_through(answer)
            client.sendall(through)
            if len(through) < len(answer):
                break
    _end(client)
    _end(server)


def _end(ended: socket.socket) -> None:
    with suppress(OSError):
        ended.shutdown(socket.SHUT_RDWR)
    ended.close()
