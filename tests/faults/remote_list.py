"""A list in another process than the one that is killed: it goes on with what it was asked, and keeps its own log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from engine.reconcile.plan import Action


@dataclass
class RemoteList:
    """Members and the log of what took effect, batch by batch; `us` tells our batches from an outsider's changes."""

    chance: Random
    members: set[str]
    log: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    _alarms: dict[asyncio.Event, int] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection: a request and an answer a line."""
        try:
            while line := await reader.readline():
                self._count_down()
                answer = await self._answer(json.loads(line))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the client was killed; what it asked for has been done all the same
        finally:
            writer.close()

    async def _answer(self, request: dict[str, Any]) -> Any:
        if request["verb"] == "read":
            return sorted(self.members)
        await dawdle(self.chance)
        spellings = tuple(request["spellings"])
        done = [name for name in spellings if (name in self.members) == (request["verb"] == Action.REMOVE)]
        self._change(request["verb"], done)
        if done:
            self.log.append(("us", request["verb"], tuple(done)))
        await dawdle(self.chance)
        return ["done" if name in done else "already" for name in spellings]

    def alarm(self, requests: int) -> asyncio.Event:
        """Return what is set as soon as so many more requests have come in."""
        bell = asyncio.Event()
        self._alarms[bell] = requests
        return bell

    def _count_down(self) -> None:
        for bell in self._alarms:
            self._alarms[bell] -= 1
            if self._alarms[bell] <= 0:
                bell.set()

    def outsider(self, verb: Action, name: str) -> None:
        """Let somebody else change one member."""
        self._change(verb, [name])
        self.log.append(("outsider", verb, (name,)))

    def _change(self, verb: str, names: list[str]) -> None:
        if verb == Action.ADD:
            self.members.update(names)
        else:
            self.members.difference_update(names)


async def dawdle(chance: Random) -> None:
    """Let some time pass, between none and five milliseconds: the network and the service take their time."""
    try:
        async with asyncio.timeout(chance.uniform(0, 0.005)):
            await asyncio.Event().wait()
    except TimeoutError:
        return


@asynccontextmanager
async def serving(remote: RemoteList) -> AsyncIterator[int]:
    """Serve the list on a free loopback port, whose number is yielded."""
    server = await asyncio.start_server(remote.serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
