"""A server that speaks NTP, asked as a client that keeps no association (SNTP, RFC 5905 §14)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from adapters.clocks.ntp_packet import (
    SECOND,
    Answer,
    Kiss,
    Sample,
    Unusable,
    learn,
    ntp_time,
    question,
    read_answer,
)
from engine.clock import Clock
from engine.coordination.clocks.agreement import DRIFT, ROUNDING
from engine.coordination.clocks.timekeeping import TimeSource
from engine.coordination.clocks.timing import Reading

PORT = 123
SAMPLES = 4
GAP = timedelta(seconds=2)
"""Between two questions: servers that count them take less for rudeness (RFC 5905, BTIME)."""

WAIT = timedelta(seconds=1)
"""An answer that is longer under way could tell the time to half a second at best."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=15), timedelta(hours=24)
"""For how long a server that found us too eager is left alone; twice as long each further time."""

LOOKING_UP = 5.0
"""Seconds for finding the address of a name."""


class NtpServer(TimeSource):
    """One server: several questions, of which the quickest answer counts."""

    def __init__(self, host: str, port: int, clock: Clock, *, gap: timedelta = GAP, wait: timedelta = WAIT) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._gap = gap
        self._wait = wait
        self._refused = ""
        self._pause = FIRST_PAUSE
        self._quiet_until = 0.0

    @property
    def name(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return host if self._port == PORT else f"{host}:{self._port}"

    async def read(self) -> Reading:
        if self._refused:
            return self._nothing(self._refused)
        if (left := self._quiet_until - self._clock.monotonic()) > 0:
            return self._nothing(f"it was asked too often (RATE) and is left alone for {left / 60:.0f} min more")
        try:
            return await self._read()
        except TimeoutError:
            return self._nothing("its name could not be looked up in time")
        except (OSError, UnicodeError) as error:
            return self._nothing(_reason(error))

    async def _read(self) -> Reading:
        samples: list[Sample] = []
        faults: list[str] = []
        async with _talking_to(self._host, self._port, self._clock) as conversation:
            for turn in range(SAMPLES):
                if turn:
                    await self._clock.sleep(self._gap)
                try:
                    samples.append(await conversation.ask(self._wait))
                except Kiss as kiss:
                    self._leave_alone(kiss)
                    return self._nothing(str(kiss))
                except Unusable as unusable:
                    faults.append(str(unusable))
                except OSError as error:
                    faults.append(_reason(error))
        if not samples:
            return self._nothing(faults[-1])
        self._pause = FIRST_PAUSE
        best = min(samples, key=lambda sample: (sample.delay, sample.error))
        return Reading(
            source=self.name,
            offset=best.offset,
            error=best.error + ROUNDING,
            delay=best.delay,
            stratum=best.stratum,
            at=self._clock.now(),
        )

    def _leave_alone(self, kiss: Kiss) -> None:
        if kiss.final:
            self._refused = str(kiss)
        else:
            self._quiet_until = self._clock.monotonic() + self._pause.total_seconds()
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _nothing(self, fault: str) -> Reading:
        return Reading(source=self.name, offset=None, at=self._clock.now(), fault=fault)


class _Conversation(asyncio.DatagramProtocol):
    """Questions to one server, one at a time. The socket is connected: the kernel lets nobody else's answers in."""

    transport: asyncio.DatagramTransport

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nonce = b""
        self._answered: asyncio.Future[tuple[Answer, float]] | None = None
        self._strays = 0

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - always the same
        arrived = self._clock.monotonic()
        if self._answered is None or self._answered.done():
            return
        try:
            answer = read_answer(data, self._nonce)
        except Unusable as unusable:
            self._answered.set_exception(unusable)
            return
        if answer is None:
            self._strays += 1
        else:
            self._answered.set_result((answer, arrived))

    def error_received(self, exc: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc)

    async def ask(self, wait: timedelta) -> Sample:
        """Ask once. Raises `Unusable`, `Kiss`, `OSError`."""
        self._nonce = secrets.token_bytes(8)
        self._answered = asyncio.get_running_loop().create_future()
        self._strays = 0
        # In this order: time that passes between the two readings makes the error bound larger, not wrong.
        asked = self._clock.monotonic()
        wall = ntp_time(self._clock.now())
        self.transport.sendto(question(self._nonce))
        try:
            async with asyncio.timeout(wait.total_seconds()):
                answer, arrived = await self._answered
        except TimeoutError as error:
            strays = f", only {self._strays} that were not to our question (late or forged)" if self._strays else ""
            raise Unusable(f"no answer within {wait.total_seconds():g} s{strays}") from error
        return learn(answer, wall, wall + round((arrived - asked) * SECOND), drift=DRIFT)


@asynccontextmanager
async def _talking_to(host: str, port: int, clock: Clock) -> AsyncIterator[_Conversation]:
    async with asyncio.timeout(LOOKING_UP):
        transport, conversation = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Conversation(clock), remote_addr=(host, port)
        )
    conversation.transport = transport
    try:
        yield conversation
    finally:
        transport.close()


def _reason(error: OSError | UnicodeError) -> str:
    return f"it cannot be reached: {getattr(error, 'strerror', None) or error}"
