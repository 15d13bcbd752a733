"""Questions to a memcached server, in its meta protocol: one at a time on a connection, a time-out for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from engine.errors import CoordinationError, CoordinationUnavailable

MOST_LINES = 8
"""Questions under way at once; more wait for their turn, within their time."""
END = b"\r\n"
WITH_VALUE = "VA"
ERRORS = ("ERROR", "CLIENT_ERROR", "SERVER_ERROR")
FULL = "out of memory"


class Reply(NamedTuple):
    """What the server said: a word, more words (of most questions flags: a letter each, with what it stands for), and
    the value if one was asked for."""

    word: str
    rest: tuple[str, ...]
    value: bytes = b""

    def number(self, flag: str) -> int:
        """Return the number that stands for a flag; 0 if the answer has none."""
        return next((int(word[1:]) for word in self.rest if word.startswith(flag)), 0)


class Line(NamedTuple):
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def usable(self) -> bool:
        return not (self.reader.at_eof() or self.reader.exception() or self.writer.is_closing())


class MemcachedLines:
    """Connections to one server, kept for the next question. Closed by `aclose`."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.title = f"memcached at {f'[{host}]' if ':' in host else host}:{port}"
        self._host = host
        self._port = port
        self._timeout = timeout
        self._idle: list[Line] = []
        self._turns = asyncio.Semaphore(MOST_LINES)

    async def ask(self, question: bytes, value: bytes | None = None, *, writes: bool = False) -> Reply:
        """Send a question, with a value where it stores one, and return the reply.

        Raises `CoordinationUnavailable`, with `maybe_done` when a question that writes was sent; `CoordinationError`
        for what the server will not do however often it is asked.
        """
        message = question + END if value is None else question + END + value + END
        sent = False
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                if not writes and self._idle:
                    # The server may have hung up meanwhile: what changes nothing is asked once more then.
                    with suppress(OSError, EOFError):
                        async with self._line() as line:
                            return await self._answer(line, message)
                    await self.aclose()
                async with self._line() as line:
                    sent = writes
                    return await self._answer(line, message)
        except TimeoutError as error:
            raise CoordinationUnavailable(
                f"{self.title} did not answer within {self._timeout:g} s. See whether it is up, or raise "
                "coordination.timeout.",
                maybe_done=sent,
            ) from error
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            reason = "the connection broke" if isinstance(error, EOFError) else getattr(error, "strerror", "") or error
            raise CoordinationUnavailable(
                f"{self.title} cannot be reached ({reason}). See whether it runs, and whether coordination.url is "
                "right.",
                maybe_done=sent,
            ) from error

    async def aclose(self) -> None:
        """Hang up on every connection that is not in use."""
        lines, self._idle = self._idle, []
        for line in lines:
            line.writer.transport.abort()

    @asynccontextmanager
    async def _line(self) -> AsyncGenerator[Line, None]:
        """Give a connection. It is kept only when all that was said on it was heard."""
        line = self._idle.pop() if self._idle else None
        if line is None or not line.usable:
            if line is not None:
                line.writer.transport.abort()
            line = Line(*await asyncio.open_connection(self._host, self._port))
        try:
            yield line
        except BaseException:
            line.writer.transport.abort()
            raise
        self._idle.append(line)

    async def _answer(self, line: Line, message: bytes) -> Reply:
        line.writer.write(message)
        await line.writer.drain()
        reply = await _reply(line.reader)
        if reply.word not in ERRORS:
            return reply
        said = " ".join(reply.rest)
        if FULL in said:
            raise CoordinationError(f"{self.title} has no memory left: it takes no writes. Raise its limit (-m).")
        raise CoordinationError(f"{self.title} refuses: {said or reply.word}. Mend the server, or the settings.")


async def _reply(reader: asyncio.StreamReader) -> Reply:
    """Read one reply. Raises `EOFError` when the connection ends before it does, `ValueError` for what is none."""
    word, *rest = (await reader.readuntil(END)).decode("latin-1").split()
    value = b""
    if word == WITH_VALUE:
        length = int(rest.pop(0))
        value = (await reader.readexactly(length + len(END)))[:length]
    return Reply(word, tuple(rest), value)
