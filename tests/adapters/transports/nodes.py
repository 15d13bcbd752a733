"""A node that serves: the real server before the real store, on a loopback port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from adapters.transports.gate import Patience
from adapters.transports.http_client import HttpTransport
from adapters.transports.http_server import Served, build_app
from adapters.transports.serving import serving
from engine.clock import Clock, SystemClock
from engine.events.event import NewEvent
from engine.events.replicating.messages import Digest, DigestQuestion
from engine.events.replicating.responder import Responder
from engine.settings.context import AdapterContext
from engine.settings.replication import PeerSettings, ServerSettings
from engine.storage.database import Database, open_database
from engine.storage.event_log import StoredEventLog
from engine.storage.replica import StoredReplica

TOKEN = "sesame-open-wide"
GENTLE = Patience(heartbeat=0.1, drain=1.0, connections=64, followers=4)
"""A busy machine loses no request to it; signs of life come soon, and there are few places."""
QUICK = Patience(head=1.0, request=2.0, turn=0.5, heartbeat=0.1, drain=1.0, at_once=2, connections=64, followers=4)
"""For tests that wait for the server to lose its patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running node, seen from inside and outside."""

    url: str
    database: Database
    log: StoredEventLog
    replica: StoredReplica
    clock: Clock

    def client(self, **more: Any) -> httpx.AsyncClient:
        """Return a client that knows the token."""
        return httpx.AsyncClient(base_url=self.url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=10, **more)

    def transport(self, **settings: Any) -> HttpTransport:
        """Return the way to this node as another node has it."""
        peer = PeerSettings(name="berlin", url=self.url, token="env:BERLIN", **settings)
        context = AdapterContext(adapter="peer berlin", folder=Path(), secrets=lambda reference, folder: TOKEN)
        return HttpTransport(peer, context, self.clock)

    async def write(self, count: int, *, size: int = 20, kind: str = "user.changed") -> None:
        """Append some events of about so many bytes of data."""
        for first in range(0, count, 1_000):
            await self.log.append(
                [
                    NewEvent(type=kind, aggregate_id=f"user:{number % 50}", data={"note": f"{number:0{size}}"})
                    for number in range(first, min(first + 1_000, count))
                ]
            )

    async def size(self) -> int:
        """Return how many events the log holds."""
        first, last = await self.log.bounds()
        return last - first + 1


@asynccontextmanager
async def running_node(
    folder: Path,
    *,
    tokens: Sequence[str] = (TOKEN,),
    patience: Patience | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> AsyncIterator[Node]:
    """Serve a new workspace's log until the block ends."""
    clock = clock or SystemClock()
    server = ServerSettings(port=0, tokens=("env:TOKEN",) if tokens else (), **settings)
    async with open_database(folder / "state.db") as database:
        log = StoredEventLog(database, clock, "berlin")
        replica = StoredReplica(database, log, clock, "berlin", _no_digest)
        served = Served(
            name="berlin", responder=Responder(replica), log=log, advances=replica.advances, clock=SystemClock()
        )
        app = build_app(served, server, tokens, patience)
        async with serving(app, server, folder, patience) as url:
            yield Node(url=url, database=database, log=log, replica=replica, clock=clock)


async def _no_digest(question: DigestQuestion) -> Digest:
    return Digest(vector={})
