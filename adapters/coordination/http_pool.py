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
from engine.clock import Clock
from engine.errors import CoordinationError, CoordinationUnavailable

MOST_LINES = 16
"""Requests under way at once; more wait for their turn, within their time. Lines that only listen are not counted."""
FAULTS = (OSError, h11.RemoteProtocolError)
"""What a line raises; `TimeoutError` is one of the first."""
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
        held = _Held(self.timeout)
        try:
            async with asyncio.timeout(self.timeout), self._turns:
                held.line = await self._line()
                return await _exchanged(held.line, request)
        except FAULTS as error:
            raise self._told(held, request, error) from error
        finally:
            self._let_go(held)

    async def wait(self, request: Request, longest: float) -> Answer:
        """Send a request whose answer the server may hold back for `longest` seconds."""
        held = _Held(longest + self.timeout)
        try:
            async with asyncio.timeout(held.seconds):
                async with asyncio.timeout(self.timeout):
                    held.line = await self._line()
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
                self._ask_another_first()
        raise faults[0]

    def _ask_another_first(self) -> None:
        self._addresses.append(self._addresses.pop(0))

    def _let_go(self, held: _Held) -> None:
        line = held.line
        if line is None:
            return
        self._busy.discard(line)
        if line.idle and len(self._idle) < MOST_LINES:
            line.idle_since = self._clock.monotonic()
            self._idle.append(line)
        else:
            line.close()

    def _told(self, held: _Held, request: Request, error: Exception) -> CoordinationError:
        """Return what the network did as one of the engine's errors."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return CoordinationError(
                f"{self.place}: its certificate is not trusted ({error.verify_message}). Name the authority's "
                "certificates in coordination.ca."
            )
        if isinstance(error, TimeoutError):
            return self._silent(held, request)
        return self._broken(held, request, error)

    def _silent(self, held: _Held, request: Request) -> CoordinationUnavailable:
        place, sent = self.place, held.line is not None and held.line.sent
        self._forget_idle()
        self._ask_another_first()
        return CoordinationUnavailable(
            f"{place} did not answer within {held.seconds:g} s. See whether it is up, or raise coordination.timeout.",
            maybe_done=sent and request.writes,
        )

    def _broken(self, held: _Held, request: Request, error: Exception) -> CoordinationUnavailable:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
        if held.line is None:
            return CoordinationUnavailable(
                f"{self.place} cannot be reached ({reason}). See whether it runs, and whether coordination.url is "
                "right."
            )
        return CoordinationUnavailable(
            f"{self.place}: the connection broke ({reason}).", maybe_done=held.line.sent and request.writes
        )

    def _forget_idle(self) -> None:
        """Drop the lines that were opened before the server fell silent: they would be as deaf."""
        for line in self._idle:
            line.close()
        self._idle.clear()


async def _exchanged(line: HttpLine, request: Request) -> Answer:
    status, headers, _ = await line.ask(request)
    return Answer(status, headers, await line.whole())


@dataclass(slots=True)
class _Held:
    """The line a request got, once it has one."""

    seconds: float
    """That it may take."""
    line: HttpLine | None = None
