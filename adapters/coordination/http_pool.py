"""Requests to a service over HTTP/1.1: connections kept for the next request, a time-out for each, nothing repeated.

What goes wrong is told as the engine's errors; what a status means is for the caller to say.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import h11

from adapters.coordination.http_line import Address, Answer, HttpLine, Request
from adapters.coordination.tls_faults import OR_NO_TLS, OR_TLS, TLS_ALONE, distrusted, speaks_tls_alone
from engine.clock import Clock
from engine.errors import CoordinationError, CoordinationUnavailable

MOST_LINES = 16
"""Requests under way at once; more wait for their turn, within their time. Lines that only listen are not counted."""
FAULTS = (OSError, h11.RemoteProtocolError)
"""What a line raises; `TimeoutError` is one of the first."""
SUSPICIOUS_SECONDS = 0.5
"""Silence after which another address is asked first when somebody gives up waiting before the time-out."""
MOST_IDLE_SECONDS = 30.0
"""Ways that forget an idle connection without a word (NAT, load balancers) take a minute or more."""


class HttpPool:
    """One service, by one or more addresses that are as good as each other. Closed by `aclose`."""

    def __init__(
        self, what: str, addresses: Sequence[Address], trust: ssl.SSLContext | None, timeout: float, clock: Clock
    ) -> None:
        self.timeout = timeout
        """Seconds."""
        self._what = what
        self._addresses = list(addresses)
        self._trust = trust
        self._clock = clock
        self._idle: list[HttpLine] = []
        self._busy: set[HttpLine] = set()
        self._listening: set[HttpLine] = set()
        """Those of them whose answers may take as long as they like."""
        self._turns = asyncio.Semaphore(MOST_LINES)

    @property
    def place(self) -> str:
        """Of whom messages speak."""
        return f"{self._what} at {self._addresses[0]}"

    async def ask(self, request: Request) -> Answer:
        """Send a request and return the whole answer, whatever its status.

        Raises `CoordinationUnavailable`, with `maybe_done` when a request that writes was sent; `CoordinationError`
        for a server that must not be trusted.
        """
        held, begun = _Held(self.timeout), self._clock.monotonic()
        try:
            async with asyncio.timeout(self.timeout), self._turns:
                held.line = await self._line()
                answer = await _exchanged(held.line, request)
        except FAULTS as error:
            raise self._told(held, request, error) from error
        except asyncio.CancelledError:
            if held.line is not None and self._clock.monotonic() - begun > SUSPICIOUS_SECONDS:
                self._suspect(held.line.address)
            raise
        finally:
            self._let_go(held)
        if answer.status == 400 and TLS_ALONE in answer.body:
            raise speaks_tls_alone(self.place)
        return answer

    async def wait(self, request: Request, longest: float) -> Answer:
        """Send a request whose answer the server may hold back for `longest` seconds."""
        held = _Held(longest + self.timeout)
        try:
            async with asyncio.timeout(held.seconds):
                async with asyncio.timeout(self.timeout):
                    held.line = await self._line()
                self._listening.add(held.line)
                return await _exchanged(held.line, request)
        except FAULTS as error:
            raise self._told(held, request, error) from error
        finally:
            self._let_go(held)

    @asynccontextmanager
    async def listen(self, request: Request) -> AsyncGenerator[tuple[Answer, AsyncIterator[bytes]], None]:
        """Send a request whose answer has no end; give its head, and its pieces as they come, for however long."""
        held = _Held(self.timeout)
        try:
            try:
                async with asyncio.timeout(self.timeout):
                    line = held.line = await self._line()
                    head = await line.ask(request)
                self._listening.add(line)
            except FAULTS as error:
                raise self._told(held, request, error) from error
            yield head, self._pieces(held, line, request)
        finally:
            self._let_go(held)

    async def aclose(self) -> None:
        """Hang up on every line, those in use as well."""
        lines = [*self._idle, *self._busy]
        self._idle.clear()
        for line in lines:
            line.close()
        for line in lines:
            await line.closed()

    async def _pieces(self, held: _Held, line: HttpLine, request: Request) -> AsyncIterator[bytes]:
        try:
            async for piece in line.pieces():
                yield piece
        except FAULTS as error:
            raise self._told(held, request, error) from error

    async def _line(self) -> HttpLine:
        """Return a line that is free, or a new one to the first address that answers; nothing is sent before."""
        while self._idle:
            line = self._idle.pop()
            if line.reusable and self._clock.monotonic() - line.idle_since < MOST_IDLE_SECONDS:
                self._busy.add(line)
                return line
            line.close()
        line = await self._connected()
        self._busy.add(line)
        return line

    async def _connected(self) -> HttpLine:
        faults: list[Exception] = []
        for _ in range(len(self._addresses)):
            try:
                async with asyncio.timeout(self.timeout / len(self._addresses)):
                    return await HttpLine.connect(self._addresses[0], self._trust)
            except ssl.SSLCertVerificationError:
                raise
            except OSError as error:  # TimeoutError is one
                faults.append(error)
                self._addresses.append(self._addresses.pop(0))
        raise faults[0]

    def _suspect(self, address: Address) -> None:
        """Ask another address first, and use no line to this one that was opened before it fell silent: it would be as
        deaf. Whoever listens there listens elsewhere, if there is an elsewhere."""
        for line in [line for line in self._idle if line.address == address]:
            self._idle.remove(line)
            line.close()
        if self._addresses[0] == address and len(self._addresses) > 1:
            self._addresses.append(self._addresses.pop(0))
            for line in self._listening:
                if line.address == address:
                    line.close()

    def _let_go(self, held: _Held) -> None:
        line = held.line
        if line is None:
            return
        self._busy.discard(line)
        self._listening.discard(line)
        if line.idle and len(self._idle) < MOST_LINES:
            line.idle_since = self._clock.monotonic()
            self._idle.append(line)
        else:
            line.close()

    def _told(self, held: _Held, request: Request, error: Exception) -> CoordinationError:
        """Return what the network did as one of the engine's errors."""
        place = f"{self._what} at {held.line.address}" if held.line is not None else self.place
        if isinstance(error, ssl.SSLError) and (fault := distrusted(place, error)) is not None:
            return fault
        sent = held.line is not None and held.line.sent
        if isinstance(error, TimeoutError):
            self._suspect(held.line.address if held.line is not None else self._addresses[0])
            return CoordinationUnavailable(
                f"{place} did not answer within {held.seconds:g} s. See whether it is up, and most of its cluster, or "
                "raise coordination.timeout.",
                maybe_done=sent and request.writes,
            )
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
        if held.line is None:
            hint = OR_NO_TLS if self._trust is not None and isinstance(error, ConnectionError) else ""
            return CoordinationUnavailable(
                f"{place} cannot be reached ({reason}). See whether it runs, and whether coordination.url is right."
                f"{hint}"
            )
        hint = OR_TLS if held.line.fresh and held.line.address.scheme == "http" else ""
        return CoordinationUnavailable(
            f"{place}: the connection broke ({reason}).{hint}", maybe_done=sent and request.writes
        )


async def _exchanged(line: HttpLine, request: Request) -> Answer:
    status, headers, _ = await line.ask(request)
    return Answer(status, headers, await line.whole())


@dataclass(slots=True)
class _Held:
    """The line a request got, once it has one."""

    seconds: float
    """That it may take."""
    line: HttpLine | None = None
