"""One connection to Redis for everything a process asks and is told.

Any number of calls are under way at once, answered in the order in which they were sent; what is published to the
process's channels arrives between the answers (RESP3). A call that is cancelled costs nothing: its answer is dropped.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Any

from hiredis import PushNotification, pack_command
from redis import exceptions
from redis.asyncio.connection import AbstractConnection

from adapters.coordination.redis.address import Address
from adapters.coordination.redis.scripts import Script

Told = Callable[[bytes, bytes], None]
"""Given a channel and what was published there."""

Argument = bytes | str | int | float

CONFIRMED = (b"subscribe", b"unsubscribe")
"""What the server tells like something published, though it answers a command."""


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
                if not isinstance(answer, PushNotification) or answer[0] in CONFIRMED:
                    self._answered(answer)
                elif answer[0] == b"message":
                    self._told(answer[1], answer[2])
        except (exceptions.RedisError, OSError):
            pass  # whoever waits is told below, in words
        finally:
            await self.end()

    async def call(self, *parts: Argument) -> Any:
        """Send a command and return its answer. Raises `ResponseError` as it is, and `CoordinationUnavailable`."""
        # Looked at last before sending: the client would dial again by itself, and nobody would read its answers.
        packed = pack_command(parts)  # type: ignore[arg-type] # numbers as well, whatever its stubs say
        if not self.open:
            raise self._address.broken()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        try:
            await self._connection.send_packed_command(packed, check_health=False)
        except BaseException as error:
            answer.cancel()
            if isinstance(error, (exceptions.RedisError, OSError)):  # the client closed it, and the reader ends
                raise self._address.broken(maybe_done=True) from error
            raise
        return await answer

    async def shown(self, *parts: Argument) -> Any:
        """Return the answer to a question; None where the server keeps it from this user, or its owner calls it by
        another name. Raises `CoordinationUnavailable`."""
        try:
            return await self.call(*parts)
        except exceptions.ResponseError:
            return None

    async def run(self, script: Script, space: str, *arguments: Argument) -> Any:
        """Run a script by its digest, by its text where the server has not seen it yet."""
        try:
            return await self.call("EVALSHA", script.digest, 1, space, *arguments)
        except exceptions.NoScriptError:  # it did nothing
            return await self.call("EVAL", script.text, 1, space, *arguments)

    async def end(self) -> None:
        """Close it; whoever waits hears that what he asked may have been done."""
        self._open = False
        self.trouble.set()
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(self._address.broken(maybe_done=True))
        await self._connection.disconnect(nowait=True)

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
