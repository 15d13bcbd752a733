"""A way to a peer in memory: a responder is called, every message goes over the wire's bytes, and faults can be set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from engine.errors import RemoteUnavailable, ReplicationRefused, SyncdeckError
from engine.events.event import Origin
from engine.events.replicating import wire
from engine.events.replicating.messages import (
    Batch,
    ChainQuestion,
    Chains,
    Digest,
    DigestQuestion,
    GapQuestion,
    Gaps,
    Greeting,
    Hello,
    Pull,
    Receipt,
)
from engine.events.replicating.ports import Remote, Transport
from engine.events.replicating.responder import Responder

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)


@dataclass
class Faults:
    """What the network does. Counts go down with each call that they befall."""

    lost_requests: int = 0
    lost_answers: int = 0
    """The peer does what it is asked, but its answer never comes."""
    twice: bool = False
    """Every request arrives two times."""
    refuse: SyncdeckError | None = None
    """Every call is answered by this."""
    most_items: int = 10**9
    """A push of more items is refused as too large."""
    answered: Callable[[Any], Any] = lambda answer: answer
    """Changes answers on their way."""
    before: Callable[[str, Any], Awaitable[None]] | None = None
    """Done before each call, which has a name and a message."""


@dataclass
class RespondingRemote(Remote, Transport):
    """Calls a responder. `calls` holds the name of every call that was tried, `sent` the messages."""

    responder: Responder
    faults: Faults = field(default_factory=Faults)
    calls: list[str] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    connections: int = 0
    news: asyncio.Queue[Mapping[Origin, int] | SyncdeckError | None] = field(default_factory=asyncio.Queue)
    """What a follower is told: vectors; None ends the line, an error breaks it."""
    followers: int = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Remote]:
        self.connections += 1
        yield self

    async def greet(self, hello: Hello) -> Greeting:
        return await self._call("greet", hello, self.responder.greet, Greeting)

    async def pull(self, request: Pull) -> Batch:
        return await self._call("pull", request, self.responder.pull, Batch)

    async def push(self, batch: Batch) -> Receipt:
        return await self._call("push", batch, self.responder.push, Receipt)

    async def gaps(self, question: GapQuestion) -> Gaps:
        return await self._call("gaps", question, self.responder.gaps, Gaps)

    async def chains(self, question: ChainQuestion) -> Chains:
        return await self._call("chains", question, self.responder.chains, Chains)

    async def digest(self, question: DigestQuestion) -> Digest:
        return await self._call("digest", question, self.responder.digest, Digest)

    async def follow(self) -> AsyncIterator[Mapping[Origin, int]]:
        self.followers += 1
        try:
            while (news := await self.news.get()) is not None:
                if isinstance(news, SyncdeckError):
                    raise news
                yield news
        finally:
            self.followers -= 1

    async def _call(self, name: str, message: Q, ask: Callable[[Q], Awaitable[A]], kind: type[A]) -> A:
        self.calls.append(name)
        self.sent.append(message)
        faults = self.faults
        if faults.before is not None:
            await faults.before(name, message)
        if faults.refuse is not None:
            raise faults.refuse
        if isinstance(message, Batch) and len(message.items) > faults.most_items:
            raise ReplicationRefused(f"A batch of {len(message.items)} events is too large.", kind="too_large")
        if faults.lost_requests > 0:
            faults.lost_requests -= 1
            raise RemoteUnavailable("The request was lost.")
        request = wire.decode(wire.encode(message), type(message))
        answer = await ask(request)
        if faults.twice:
            answer = await ask(request)
        if faults.lost_answers > 0:
            faults.lost_answers -= 1
            raise RemoteUnavailable("The answer was lost.", maybe_done=True)
        received = wire.decode(wire.encode(faults.answered(answer)), kind)
        self.answers.append(received)
        return received
