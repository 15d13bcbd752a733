"""An NTP server in the test's own event loop that answers as a test says: late, wrong, forged, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from adapters.clocks.ntp_packet import PACKET, SERVER, VERSION, ntp_time
from engine.clock import Clock, SystemClock

Behaviour = Callable[[bytes], Iterable[bytes]]
"""What is sent back for a question: no datagram, one, or several."""


def answer(
    question: bytes,
    *,
    clock: Clock | None = None,
    offset: timedelta = timedelta(0),
    stratum: int = 2,
    leap: int = 0,
    reference: bytes = b"TEST",
    origin: bytes | None = None,
    root_delay: timedelta = timedelta(0),
    root_dispersion: timedelta = timedelta(0),
) -> bytes:
    """Return an honest server's answer, but for what the arguments say."""
    now = ntp_time((clock or SystemClock()).now() + offset)
    first = leap << 6 | VERSION << 3 | SERVER
    distance = [round(each.total_seconds() * (1 << 16)) for each in (root_delay, root_dispersion)]
    return PACKET.pack(first, stratum, 6, -20, *distance, reference, now, origin or question[-8:], now, now)


def off_by(offset: timedelta) -> Behaviour:
    """A server whose clock is that far ahead, and which knows nothing of it."""
    return lambda question: [answer(question, offset=offset)]


def kissing(code: bytes) -> Behaviour:
    """A server that wants to be left alone."""
    return lambda question: [answer(question, stratum=0, leap=3, reference=code)]


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour for each question, the last one for all further ones."""
    left = list(behaviours)

    def behave(question: bytes) -> Iterable[bytes]:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now(question)

    return behave


def silent(question: bytes) -> Iterable[bytes]:
    """Answer nothing."""
    return ()


honest = off_by(timedelta(0))


class Responder(asyncio.DatagramProtocol):
    """A running server; `questions` holds every datagram it got."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.questions: list[bytes] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.questions.append(data)
        if self._transport is not None:
            for datagram in self.behaviour(data):
                self._transport.sendto(datagram, addr)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Responder]:
        """Serve on a loopback port until the block ends."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        try:
            yield self
        finally:
            transport.close()


def responder(behaviour: Behaviour) -> AbstractAsyncContextManager[Responder]:
    """Run a server that behaves so."""
    return Responder(behaviour).running()
