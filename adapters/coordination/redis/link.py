"""The way to a Redis, made anew whenever it broke."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis import exceptions

from adapters.coordination.redis.address import Address
from adapters.coordination.redis.line import Argument, Line, Told
from adapters.coordination.redis.scripts import Script


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
        return await self._bounded(lambda line: line.run(script, self._space, *arguments))

    async def call(self, *parts: Argument) -> Any:
        """Send a command and return its answer. Raises `CoordinationError`."""
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
        except exceptions.ResponseError as error:
            if line is not None and isinstance(error, exceptions.ReadOnlyError):
                line.trouble.set()  # the address may lead to the primary by now
            raise self.address.refusal(error) from error

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


def _unheard(channel: bytes, message: bytes) -> None:
    """Nobody listens yet."""


async def _nothing(line: Line) -> None:
    """Nobody has anything to take up."""
