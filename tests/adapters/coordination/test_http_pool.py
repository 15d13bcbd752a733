"""Connections that are kept, lost, silent, cut, bounded and encrypted; seen from a server that does as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
import trustme

from adapters.coordination.http_line import Address, Request
from adapters.coordination.http_pool import MOST_IDLE_SECONDS, MOST_LINES, HttpPool
from engine.errors import CoordinationError, CoordinationUnavailable
from tests.contracts.store_case import until
from tests.doubles.clock import ManualClock

READ = Request("GET", "/read", writes=False)
WRITE = Request("PUT", "/write", b"{}")
PATIENCE = 0.2
OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-what: it is\r\n\r\n%b"

Behaviour = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""What the server does about a request, given its first line."""


class Server:
    """One that answers every request with its first line, unless it is told to do something else."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = self.honest
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.address = Address("http", "127.0.0.1", 0)

    async def honest(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK % (len(line), line))

    async def silent(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        return

    async def cut(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write((OK % (len(line), line))[:-3])
        writer.close()

    async def alone(self) -> bool:
        """Tell whether nobody is connected any more."""
        return not self.open

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                await self.behaviour(head.partition(b"\r\n")[0], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.address = Address("https" if tls else "http", "localhost" if tls else "127.0.0.1", port)
    try:
        yield server
    finally:
        listening.close()
        for writer in list(server.open):
            writer.transport.abort()
        await until(server.alone)


def pool(*addresses: Address, clock: ManualClock | None = None, trust: ssl.SSLContext | None = None) -> HttpPool:
    return HttpPool("Something", addresses, trust, PATIENCE, clock or ManualClock())


async def test_one_connection_serves_one_request_after_another() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:
        for _ in range(3):
            answer = await lines.ask(READ)
            assert (answer.status, answer.body, answer.headers["x-what"]) == (200, b"GET /read HTTP/1.1", "it is")
        assert server.connections == 1


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:
        await lines.ask(READ)
        (writer,) = server.open
        writer.transport.abort()
        await until(server.alone)
        assert (await lines.ask(WRITE)).status == 200
        assert server.connections == 2


async def test_a_connection_that_was_idle_for_long_is_not_trusted() -> None:
    clock = ManualClock()
    async with serving() as server, aclosing(pool(server.address, clock=clock)) as lines:
        await lines.ask(READ)
        await clock.advance(timedelta(seconds=MOST_IDLE_SECONDS + 1))
        await lines.ask(READ)
        assert server.connections == 2


@pytest.mark.parametrize(("request_", "maybe_done"), [(READ, False), (WRITE, True)])
async def test_silence_ends_in_time_and_tells_whether_something_may_be_done(
    request_: Request, maybe_done: bool
) -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:
        server.behaviour = server.silent
        with pytest.raises(CoordinationUnavailable, match=r"within 0\.2 s.*coordination\.timeout") as told:
            await lines.ask(request_)
        assert told.value.maybe_done is maybe_done


async def test_the_answer_to_a_request_that_was_given_up_is_not_taken_for_the_next_ones() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:
        late = asyncio.Event()

        async def slow(line: bytes, writer: asyncio.StreamWriter) -> None:
            if b"write" in line:
                await late.wait()
            await server.honest(line, writer)

        server.behaviour = slow
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await lines.ask(WRITE)
        late.set()
        assert (await lines.ask(READ)).body == b"GET /read HTTP/1.1"


async def test_an_answer_that_is_cut_is_no_answer() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:
        server.behaviour = server.cut
        with pytest.raises(CoordinationUnavailable, match="connection broke") as told:
            await lines.ask(WRITE)
        assert told.value.maybe_done


async def test_what_speaks_no_http_is_refused_in_words() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:

        async def greet(line: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n\r\n")

        server.behaviour = greet
        with pytest.raises(CoordinationUnavailable, match="connection broke"):
            await lines.ask(READ)


async def test_only_so_many_requests_are_under_way_at_once() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:
        async with asyncio.TaskGroup() as group:
            for _ in range(MOST_LINES * 5):
                group.create_task(lines.ask(READ))
        assert server.connections <= MOST_LINES


async def test_a_line_that_only_listens_keeps_nobody_waiting() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:
        held = asyncio.Event()

        async def holding_back(line: bytes, writer: asyncio.StreamWriter) -> None:
            if b"write" in line:
                await held.wait()
            await server.honest(line, writer)

        server.behaviour = holding_back
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(lines.wait(WRITE, 30)) for _ in range(MOST_LINES * 2)]
            assert (await lines.ask(READ)).status == 200
            held.set()
        assert all(task.result().status == 200 for task in waiting)


async def test_an_answer_without_an_end_comes_piece_by_piece_and_says_when_it_breaks() -> None:
    async with serving() as server, aclosing(pool(server.address)) as lines:

        async def telling(line: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n")

        server.behaviour = telling
        async with lines.listen(READ) as (head, pieces):
            assert head.status == 200
            said = b""
            while len(said) < 6:
                said += await anext(pieces)
            assert said == b"onetwo"
            (writer,) = server.open
            writer.transport.abort()
            with pytest.raises(CoordinationUnavailable, match="connection broke"):
                await anext(pieces)


async def test_the_next_address_is_asked_when_nobody_listens_at_the_first() -> None:
    async with serving() as server, aclosing(pool(Address("http", "127.0.0.1", 9), server.address)) as lines:
        assert (await lines.ask(WRITE)).status == 200


async def test_where_nobody_listens_nothing_was_done() -> None:
    async with aclosing(pool(Address("http", "127.0.0.1", 9))) as lines:
        with pytest.raises(CoordinationUnavailable, match=r"cannot be reached.*coordination\.url") as told:
            await lines.ask(WRITE)
        assert not told.value.maybe_done


async def test_certificates_decide_whom_to_speak_to() -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    trusting, distrusting = (ssl.create_default_context() for _ in range(2))
    authority.configure_trust(trusting)
    stranger.configure_trust(distrusting)
    async with serving(tls) as server:
        async with aclosing(pool(server.address, trust=trusting)) as lines:
            assert (await lines.ask(WRITE)).status == 200
            assert (await lines.ask(WRITE)).status == 200
        assert server.connections == 1
        async with aclosing(pool(server.address, trust=distrusting)) as lines:
            with pytest.raises(CoordinationError, match=r"not trusted.*coordination\.ca") as told:
                await lines.ask(WRITE)
            assert not isinstance(told.value, CoordinationUnavailable)


async def test_a_closed_pool_holds_no_connection() -> None:
    async with serving() as server:
        async with aclosing(pool(server.address)) as lines:
            await lines.ask(READ)
        await until(server.alone)
