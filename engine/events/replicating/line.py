"""A connection kept from one sync to the next while all goes well: opening one costs more than a small sync."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from engine.events.replicating.checked import CheckedRemote
from engine.events.replicating.ports import Remote, Transport
from engine.settings.replication import PeerSettings


class Line:
    """The way to one peer, for one task at a time. Opened when it is first needed, and again after `drop`."""

    def __init__(self, transports: Callable[[PeerSettings], Transport], settings: PeerSettings) -> None:
        self._transports = transports
        self._settings = settings
        self._open = AsyncExitStack()
        self._remote: Remote | None = None

    async def remote(self) -> Remote:
        """Return the connection. Raises what keeps it from being opened."""
        if self._remote is None:
            self._remote = CheckedRemote(
                await self._open.enter_async_context(self._transports(self._settings).connect())
            )
        return self._remote

    async def drop(self) -> None:
        """Close the connection, if it is open: the next one may have another address, token or certificate."""
        self._remote = None
        await self._open.aclose()


@asynccontextmanager
async def kept_line(transports: Callable[[PeerSettings], Transport], settings: PeerSettings) -> AsyncIterator[Line]:
    """Give a line that is closed at the end."""
    line = Line(transports, settings)
    try:
        yield line
    finally:
        await line.drop()
