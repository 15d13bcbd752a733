"""What changes in Redis is followed by waiting at the end of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis import exceptions

from adapters.coordination.redis import key_scripts as scripts
from adapters.coordination.redis.address import Address
from adapters.coordination.redis.line import Argument
from adapters.coordination.redis.link import Link
from adapters.coordination.redis.values import entry_of
from engine.coordination.standing import Change, Kind
from engine.errors import CoordinationUnavailable

PAGE = 500
"""Changes or messages in one answer."""

SIGN_OF_LIFE_SECONDS = 1.0
"""How long the server keeps silent to who follows; then it says that there is nothing new."""


async def changes(link: Link, space: str) -> AsyncGenerator[Change, None]:
    """Follow the log of changes on a connection of its own. Of several changes of one thing in an answer the last is
    told, with what stands there by then."""
    async with Following(link.address).open() as following:
        last = int(await following.ask("GET", f"{space}changes") or 0)
        yield Change(kind=Kind.SYNCED)
        while True:
            found = await following.after(f"{space}log", last)
            forgotten = not found and int(await following.ask("GET", f"{space}changes") or 0) < last
            if forgotten or (found and found[0][0] != last + 1):
                raise CoordinationUnavailable(f"{link.address.title} forgot changes not told yet; all is read anew.")
            told = dict.fromkeys((fields[b"kind"].decode(), fields[b"name"].decode()) for _, fields in found)
            names = [name for kind, name in told if kind == Kind.KEY]
            entries = (
                {row[0].decode(): entry_of(row) for row in await link.script(scripts.GET, *names)} if names else {}
            )
            for kind, name in told:
                yield Change(kind=Kind(kind), name=name, entry=entries.get(name) if kind == Kind.KEY else None)
            last = found[-1][0] if found else last


class Following:
    """A connection that waits at the end of a stream."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Any = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Following]:
        self._connection = await self._address.connect()
        try:
            yield self
        finally:
            await self._connection.disconnect(nowait=True)

    async def ask(self, *parts: Argument, within: float = 0.0) -> Any:
        """Send a command and return its answer, which may take so much longer than usual."""
        try:
            async with asyncio.timeout(self._address.timeout + within):
                await self._connection.send_command(*parts, check_health=False)
                return await self._connection.read_response(disable_decoding=True)
        except exceptions.ResponseError as error:
            raise self._address.refusal(error) from error
        except TimeoutError as error:
            raise self._address.silent() from error
        except (exceptions.RedisError, OSError) as error:
            raise self._address.broken() from error

    async def after(self, stream: str, last: int) -> list[tuple[int, dict[bytes, bytes]]]:
        """Return what comes after an id, at once or when it is there; nothing if it stays quiet for long."""
        silence = min(SIGN_OF_LIFE_SECONDS, self._address.timeout / 2)
        block = round(silence * 1000)
        parts = ("XREAD", "COUNT", PAGE, "BLOCK", block, "STREAMS", stream, f"{last}-0")
        answer = await self.ask(*parts, within=silence)
        return [message for messages in (answer or {}).values() for message in map(message_of, messages)]


def message_of(row: Sequence[Any]) -> tuple[int, dict[bytes, bytes]]:
    """Return the id and the fields of a message in a stream."""
    number, fields = row
    return int(number.split(b"-")[0]), dict(zip(fields[::2], fields[1::2], strict=True))
