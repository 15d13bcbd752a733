"""Lines between nodes that lose, delay, repeat and reorder whole calls, and can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from engine.errors import RemoteUnavailable, SyncdeckError
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
    Item,
    Pull,
    Receipt,
)
from engine.events.replicating.ports import Remote, Transport
from tests.doubles.journal import Crash

if TYPE_CHECKING:
    from tests.simulation.nodes.node import Node

M = TypeVar("M", bound=msgspec.Struct)

HEARTBEAT = 120.0
TIMEOUT = 30.0
"""Seconds until a caller who hears nothing gives up."""


class Judge(Protocol):
    """Whoever looks at what is said."""

    def batch_leaves(self, sender: Node, receiver: Node, batch: Batch, known: Mapping[Origin, int]) -> None:
        """Hear of a batch; `known` is the vector that the receiver had when the session began."""

    def told_what_is_kept(self, node: Node, receipt: Receipt) -> None:
        """Hear of a node's answer to a push."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How likely what goes wrong with a call."""

    lost_request: float = 0.0
    lost_answer: float = 0.0
    repeated: float = 0.0
    """The request arrives twice, the second time perhaps much later."""
    longest_delay: float = 0.05


CALM = Weather()


@dataclass(slots=True)
class Network:
    """All lines. What is under way lives in `group`, whoever asked for it."""

    loop: asyncio.AbstractEventLoop
    chance: Random
    group: asyncio.TaskGroup
    say: Callable[[str], None]
    judge: Judge
    weather: Weather = CALM
    cut: set[frozenset[str]] = field(default_factory=set)
    calls: int = 0
    delivered: list[tuple[Node, Batch]] = field(default_factory=list)
    """Batches, and whom they were for."""
    in_bytes: bool = False
    """Messages go through the wire's encoding on their way."""

    async def delay(self) -> None:
        """Let some time go by."""
        await asyncio.sleep(self.chance.random() * self.weather.longest_delay)

    def reaches(self, one: Node, other: Node) -> bool:
        """Tell whether a call between these two gets through now."""
        return other.up and frozenset((one.name, other.name)) not in self.cut

    def through(self, message: M) -> M:
        """Return what arrives of a message."""
        return wire.decode(wire.encode(message), type(message)) if self.in_bytes else message


@dataclass(slots=True)
class Line(Transport):
    """The way from one node to another."""

    network: Network
    here: Node
    there: Node

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Remote]:
        yield Connection(self.network, self.here, self.there)


@dataclass(slots=True)
class Connection(Remote):
    """What the caller holds of a line."""

    network: Network
    here: Node
    there: Node
    mine: Mapping[Origin, int] = field(default_factory=dict)
    """What the caller knew when it greeted."""
    known: Mapping[Origin, int] = field(default_factory=dict)
    """What the callee knew when it was greeted."""

    async def greet(self, hello: Hello) -> Greeting:
        greeting = await self._call("greet", hello, lambda: self.there.responder.greet(hello))
        self.mine = {origin: head.seq for origin, head in hello.heads.items()}
        self.known = {origin: head.seq for origin, head in greeting.heads.items()}
        return greeting

    async def pull(self, request: Pull) -> Batch:
        batch = await self._call("pull", request, lambda: self.there.responder.pull(request))
        self.network.judge.batch_leaves(self.there, self.here, batch, self.mine)
        self.network.delivered.append((self.here, batch))
        return batch

    async def push(self, batch: Batch) -> Receipt:
        self.network.judge.batch_leaves(self.here, self.there, batch, self.known)
        self.network.delivered.append((self.there, batch))
        return await self._call("push", batch, lambda: self._pushed(batch))

    async def _pushed(self, batch: Batch) -> Receipt:
        receipt = await self.there.responder.push(batch)
        self.network.judge.told_what_is_kept(self.there, receipt)
        return receipt

    async def gaps(self, question: GapQuestion) -> Gaps:
        return await self._call("gaps", question, lambda: self.there.responder.gaps(question))

    async def chains(self, question: ChainQuestion) -> Chains:
        return await self._call("chains", question, lambda: self.there.responder.chains(question))

    async def digest(self, question: DigestQuestion) -> Digest:
        return await self._call("digest", question, lambda: self.there.responder.digest(question))

    async def follow(self) -> AsyncIterator[Mapping[Origin, int]]:
        life = self.there.life
        told: Mapping[Origin, int] | None = None
        while True:
            await self.network.delay()
            if not self.network.reaches(self.here, self.there) or self.there.life != life:
                raise RemoteUnavailable(f"The line to {self.there.name} is lost.")
            grown, vector = self.there.grown, self.there.replica.vector()
            if vector != told:
                told = vector
                yield vector
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT):
                    await grown.wait()

    async def _call(self, word: str, message: msgspec.Struct, ask: Callable[[], Awaitable[M]]) -> M:
        network, chance, weather = self.network, self.network.chance, self.network.weather
        network.calls += 1
        what = f"{word} {self.here.name} > {self.there.name}{_size(message)}"
        network.through(message)
        await network.delay()
        if not network.reaches(self.here, self.there) or chance.random() < weather.lost_request:
            network.say(f"  {what}: lost")
            await asyncio.sleep(TIMEOUT)
            raise RemoteUnavailable(f"{self.there.name} does not answer.", maybe_done=True)
        if chance.random() < weather.repeated:
            network.group.create_task(self._again(what, ask))
        answer = await asyncio.shield(network.group.create_task(_answer(self.there, ask)))
        await network.delay()
        lost = chance.random() < weather.lost_answer
        if isinstance(answer, Crash) or lost or not network.reaches(self.here, self.there):
            network.say(f"  {what}: answer lost")
            await asyncio.sleep(TIMEOUT)
            raise RemoteUnavailable(f"{self.there.name} does not answer.", maybe_done=True)
        if isinstance(answer, SyncdeckError):
            network.say(f"  {what}: {answer}")
            raise answer
        network.say(f"  {what}: {type(answer).__name__}{_size(answer)}")
        return network.through(answer)

    async def _again(self, what: str, ask: Callable[[], Awaitable[M]]) -> None:
        """Deliver the same request once more, now or when everybody has forgotten it; nobody hears the answer."""
        await asyncio.sleep(self.network.chance.choice((0.01, 0.2, 40, 4000)))
        if self.network.reaches(self.here, self.there):
            self.network.say(f"  {what}: comes again")
            await _answer(self.there, ask)


async def _answer(there: Node, ask: Callable[[], Awaitable[M]]) -> M | SyncdeckError | Crash:
    """Return what the callee says, with its errors as values: they are the caller's to raise."""
    try:
        return await ask()
    except SyncdeckError as error:
        return error
    except Crash as crash:
        return crash
    except BaseExceptionGroup as group:
        if group.subgroup(Crash) is None:
            raise
        return Crash(str(group))


def _size(message: msgspec.Struct) -> str:
    match message:
        case Batch(items=items, more=more):
            events = sum(isinstance(item, Item) for item in items)
            return f" {events} events, {len(items) - events} gaps{', more' if more else ''}"
        case Receipt(taken=taken, refusals=refusals):
            return f" {taken} taken{''.join(f', {each.kind} {each.origin}#{each.seq}' for each in refusals)}"
        case _:
            return ""
