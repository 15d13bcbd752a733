"""The proxy with a switch does to connections what it says, and undoes it when it is turned back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers.switch_proxy import Line, SwitchProxy, start_switch

A_MOMENT = 0.2
"""Long enough for anything on this machine to come through."""


class Shouter:
    """A server that remembers what it hears, and says it again in capitals."""

    def __init__(self) -> None:
        self.heard = b""
        self.something_heard = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while content := connection.recv(4096):
                    self.heard += content
                    self.something_heard.set()
                    connection.sendall(content.upper())
            except ConnectionError:
                return


@pytest.fixture
def shouter() -> Iterator[Shouter]:
    server = Shouter()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()


@pytest.fixture
def proxy(shouter: Shouter) -> Iterator[SwitchProxy]:
    with start_switch(shouter.port) as running:
        yield running


@contextmanager
def connected(proxy: SwitchProxy) -> Iterator[socket.socket]:
    """Give a connection that works: it was used once."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        assert ask(connection, b"hello") == b"HELLO"
        yield connection


def ask(connection: socket.socket, words: bytes) -> bytes:
    connection.sendall(words)
    return connection.recv(4096)


def silent(connection: socket.socket) -> bool:
    """Whether nothing comes in a moment, the connection being open."""
    connection.settimeout(A_MOMENT)
    try:
        connection.recv(4096)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(5)
    return False


def test_what_is_held_back_comes_later(proxy: SwitchProxy) -> None:
    with connected(proxy) as connection:
        proxy.delay = 2 * A_MOMENT
        connection.sendall(b"late")
        assert silent(connection)
        assert connection.recv(4096) == b"LATE"


def test_a_lost_answer_was_heard_by_the_server(proxy: SwitchProxy, shouter: Shouter) -> None:
    with connected(proxy) as connection:
        shouter.something_heard.clear()
        proxy.turn(Line.ANSWERS_LOST)
        connection.sendall(b"secret")
        assert shouter.something_heard.wait(5)
        assert silent(connection)
    assert shouter.heard == b"hellosecret"


@pytest.mark.parametrize("line", [Line.REQUESTS_LOST, Line.BLACKHOLE])
def test_a_lost_request_reaches_nobody(proxy: SwitchProxy, shouter: Shouter, line: Line) -> None:
    with connected(proxy) as connection:
        proxy.turn(line)
        connection.sendall(b"anybody?")
        assert silent(connection)
    assert shouter.heard == b"hello"


def test_in_a_black_hole_one_can_connect_and_nothing_answers(proxy: SwitchProxy) -> None:
    proxy.turn(Line.BLACKHOLE)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(b"anybody?")
        assert silent(connection)


def test_a_connection_that_lost_bytes_is_reset_when_the_switch_turns_back(proxy: SwitchProxy) -> None:
    with connected(proxy) as connection:
        with proxy.turned(Line.BLACKHOLE):
            connection.sendall(b"anybody?")
            assert silent(connection)
        with pytest.raises(ConnectionResetError):
            connection.recv(4096)
    with connected(proxy):
        assert proxy.accepted == 2


def test_a_connection_that_lost_nothing_lives_on(proxy: SwitchProxy) -> None:
    with connected(proxy) as connection:
        with proxy.turned(Line.BLACKHOLE):
            pass
        assert ask(connection, b"still") == b"STILL"


def test_what_was_frozen_comes_through_afterwards(proxy: SwitchProxy) -> None:
    with connected(proxy) as connection:
        with proxy.turned(Line.FROZEN):
            connection.sendall(b"brr")
            assert silent(connection)
        assert connection.recv(4096) == b"BRR"


def test_refused_means_that_nothing_listens_until_the_switch_turns_back(proxy: SwitchProxy) -> None:
    with connected(proxy) as connection, proxy.turned(Line.REFUSED):
        with pytest.raises(ConnectionResetError):
            connection.recv(4096)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    with connected(proxy):
        pass


def test_reset_tears_down_what_is_open_and_what_comes(proxy: SwitchProxy) -> None:
    with connected(proxy) as connection:
        proxy.turn(Line.RESET)
        with pytest.raises(ConnectionResetError):
            connection.recv(4096)
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as another:
        another.recv(4096)


def test_a_cut_happens_once(proxy: SwitchProxy) -> None:
    with connected(proxy) as connection:
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(4096)
    with connected(proxy):
        assert proxy.line is Line.THROUGH
