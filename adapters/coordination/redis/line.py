"""One connection to Redis for everything a process asks and is told.

Any number of calls are under way at once, answered in the order in which they were sent; what is published to the
process's channels arrives between the answers (RESP3). A call that is cancelled costs nothing: its answer is dropped.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from hiredis import PushNotification, pack_command
from redis import exceptions
from redis.asyncio.connection import AbstractConnection

from adapters.coordination.redis.address import Address
from adapters.coordination.redis.scripts import Script

Told = Callable[[bytes, bytes], None]
"""Given a channel and what was published there."""

Argument = bytes | str | int | float


class Line:
    """A connection that is open until something is wrong with it, and never again."""

    def __init__(self, connection: AbstractConnection, address: Address, told: Told) -> None:
        self._connection = connection
        self._address = address
        self._told = told
        self._answers: deque[asyncio.Future[Any]] = deque()
        self._open = True
        self.trouble = asyncio.Event()
        """Set when it broke, and when an answer is overdue: it may be dead without a word, or come to life again."""

    @property
    def open(self) -> bool:
        return self._open and self._connection.is_connected

    async def read(self) -> None:
        """Read until the line breaks; then everybody who still waits hears of it."""
        try:
            while True:
                try:
                    answer = await self._connection.read_response(
                        disable_decoding=True, timeout=math.inf, push_request=True
                    )
                except exceptions.ResponseError as error:
                    self._answered(error)
                    continue
                if isinstance(answer, PushNotification):
                    if answer[0] == b"message":
                        self._told(answer[1], answer[2])
                else:
                    self._answered(answer)
        except (exceptions.RedisError, OSError):
            pass  # whoever waits is told below, in words
        finally:
            await self.end()

    async def call(self, *parts: Argument) -> Any:
        """Send a command and return its answer. Raises `ResponseError` as it is, and `CoordinationUnavailable`."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            await self._send(parts, answer)
        except BaseException:
            answer.cancel()
            raise
        return await answer

    async def send(self, *parts: Argument) -> None:
        """Send a command that is answered by being told (SUBSCRIBE). It is in force before any later call is."""
        await self._send(parts, None)

    async def end(self) -> None:
        """Close it; whoever waits hears that what he asked may have been done."""
        self._open = False
        self.trouble.set()
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(self._address.broken(maybe_done=True))
        await self._connection.disconnect(nowait=True)

    async def _send(self, parts: tuple[Argument, ...], answer: asyncio.Future[Any] | None) -> None:
        # Looked at last before sending: the client would dial again by itself, and nobody would read its answers.
        packed = pack_command(parts)  # type: ignore[arg-type] # numbers as well, whatever its stubs say
        if not self.open:
            raise self._address.broken()
        if answer is not None:
            self._answers.append(answer)
        try:
            await self._connection.send_packed_command(packed, check_health=False)
        except (exceptions.RedisError, OSError) as error:  # the client closed it, and the reader ends
            raise self._address.broken(maybe_done=True) from error

    def _answered(self, answer: Any) -> None:
        if not self._open:  # all have heard that there would be no answer
            return
        waiting = self._answers.popleft()
        if waiting.done():  # cancelled
            return
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)


class Link:
    """A line, dialled again when it broke. Calls are never repeated: whoever called decides."""

    def __init__(self, address: Address, group: asyncio.TaskGroup, space: str) -> None:
        self.address = address
        self.dialled = 0
        """How often there was a new line."""
        self.told: Told = _unheard
        self.prepare: Callable[[Line], Awaitable[None]] = _nothing
        """Runs on every new line before anybody's call does."""
        self._group = group
        self._space = space
        self._line: Line | None = None
        self._dialling = asyncio.Lock()
        self._closed = False

    async def script(self, script: Script, *arguments: Argument) -> Any:
        """Run a script on the namespace and return what it returns. Raises `CoordinationError`."""
        try:
            return await self._bounded(lambda line: run(line, script, self._space, *arguments))
        except exceptions.ResponseError as error:
            raise self.address.refusal(error) from error

    async def call(self, *parts: Argument) -> Any:
        """Send a command and return its answer. Raises `ResponseError` as it is, and `CoordinationError`."""
        return await self._bounded(lambda line: line.call(*parts))

    async def _bounded(self, act: Callable[[Line], Awaitable[Any]]) -> Any:
        line = self._line if self._line is not None and self._line.open else None
        try:
            async with asyncio.timeout(self.address.timeout):
                if line is None:
                    line = await self.line()
                return await act(line)
        except TimeoutError:
            if line is not None:
                line.trouble.set()
            raise self.address.silent(maybe_done=line is not None) from None

    async def send(self, *parts: Argument) -> None:
        """Send a command that is answered by being told."""
        await (await self.line()).send(*parts)

    async def line(self) -> Line:
        """Return a line that is open. Raises `CoordinationError`."""
        async with self._dialling:
            if self._closed:
                raise self.address.closed()
            if self._line is None or not self._line.open:
                self._line = await self._dialled()
            return self._line

    async def renew(self) -> None:
        """Put a new line in the place of the one that is there, once it is ready. Raises `CoordinationError`."""
        async with self._dialling:
            before, self._line = self._line, await self._dialled()
            if before is not None:
                await before.end()

    async def close(self) -> None:
        """Close the line, for ever; its reader ends with it."""
        self._closed = True
        if self._line is not None:
            await self._line.end()

    async def _dialled(self) -> Line:
        line = Line(await self.address.connect(), self.address, self.told)
        self._group.create_task(line.read())
        try:
            async with asyncio.timeout(self.address.timeout):
                await self.prepare(line)
        except exceptions.ResponseError as error:
            await line.end()
            raise self.address.refusal(error) from error
        except TimeoutError:
            await line.end()
            raise self.address.silent() from None
        except BaseException:
            await line.end()
            raise
        self.dialled += 1
        return line


async def run(line: Line, script: Script, space: str, *arguments: Argument) -> Any:
    """Run a script by its digest, by its text where the server has not seen it yet."""
    try:
        return await line.call("EVALSHA", script.digest, 1, space, *arguments)
    except exceptions.NoScriptError:  # it did nothing
        return await line.call("EVAL", script.text, 1, space, *arguments)


def _unheard(channel: bytes, message: bytes) -> None:
    """Nobody listens yet."""


async def _nothing(line: Line) -> None:
    """Nobody has anything to take up."""
