"""What replication needs: a node's own log seen as a replica, the way to a peer, and a memory of how peers stand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from engine.events.event import Dot, Origin
from engine.events.replicating.messages import (
    Batch,
    ChainQuestion,
    Chains,
    Digest,
    DigestQuestion,
    GapQuestion,
    Gaps,
    Greeting,
    Head,
    Hello,
    Identity,
    Limits,
    Pull,
    Receipt,
    Selection,
    Span,
)
from engine.events.replicating.standing import PeerMemory
from engine.events.vector import Vector


class Replica(Protocol):
    """This node's log, as other nodes see it. Every method may be called from several sessions at once."""

    @abstractmethod
    async def identity(self) -> Identity:
        """Return this node's name and the origin it writes under now."""

    @abstractmethod
    async def heads(self) -> Mapping[Origin, Head]:
        """Return how far each origin is known, skipped events included, with the chain there."""

    @abstractmethod
    async def chains(self, dots: Sequence[Dot]) -> Sequence[bytes]:
        """Return the chain at each dot, in order; empty where it is not held (skipped within a range, or unknown)."""

    @abstractmethod
    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        """Return the next events that whoever has this vector lacks, causes before effects, contiguous per origin."""

    @abstractmethod
    async def gaps(self, question: GapQuestion) -> Gaps:
        """Return spans of events that were left out here (by a filter, or compacted), sorted by origin and first."""

    @abstractmethod
    async def refill(self, spans: Sequence[Span], limits: Limits, wanted: Selection) -> Batch:
        """Return what is held of these spans, in their order, each contiguous from its first event on; as `Skip` what
        is not wanted or not held. A span beyond what is known here is cut there. `more`: the limits cut it short."""

    @abstractmethod
    async def receive(self, batch: Batch) -> Receipt:
        """Check a batch (`admission.py`), store what is admitted and the new vector in one transaction, durably.

        Idempotent: events that are there already are passed over. Raises `ReplicationRefused` for a batch that no
        honest peer sends (nothing of it is stored).
        """

    @abstractmethod
    async def begin_incarnation(self, reason: str, keep: Mapping[Origin, int]) -> Origin:
        """Write under a new origin from now on, and return it.

        Own events after `keep[origin]` of the old origin, which nobody else has, are moved under the new one: the same
        events, with new dots and chain. Records `node.reincarnated` with the reason.
        """

    @abstractmethod
    async def digest(self, question: DigestQuestion) -> Digest:
        """Return sums over the states of all aggregates, or the hashes of those in some buckets."""


class Remote(Protocol):
    """An open connection to one peer. Every call is one round trip, may be repeated, and has a time-out of its own.

    Raises `RemoteUnavailable` (try again), `ReplicationRefused` and `RemoteRefused` (the peer said no, in words).
    """

    @abstractmethod
    async def greet(self, hello: Hello) -> Greeting: ...

    @abstractmethod
    async def pull(self, request: Pull) -> Batch: ...

    @abstractmethod
    async def push(self, batch: Batch) -> Receipt: ...

    @abstractmethod
    async def gaps(self, question: GapQuestion) -> Gaps: ...

    @abstractmethod
    async def chains(self, question: ChainQuestion) -> Chains: ...

    @abstractmethod
    async def digest(self, question: DigestQuestion) -> Digest: ...

    @abstractmethod
    def follow(self) -> AsyncIterator[Mapping[Origin, int]]:
        """Yield the peer's vector at once and whenever it has advanced; never the events themselves.

        Ends when the peer ends it; raises `RemoteUnavailable` when the connection is lost or silent for too long.
        """


class Transport(Protocol):
    """The way to a peer, by the scheme of its URL. A row of `adapters.registry.TRANSPORTS`."""

    @abstractmethod
    def connect(self) -> AbstractAsyncContextManager[Remote]:
        """Open a connection that can be used for many calls. Connecting itself makes no call."""


class PeerBook(Protocol):
    """What all processes of this workspace remember of peers, durably."""

    @abstractmethod
    async def recall(self, peer: str) -> PeerMemory:
        """Return what is remembered; an empty memory for a peer never met."""

    @abstractmethod
    async def amend(self, peer: str, change: Callable[[PeerMemory], PeerMemory]) -> PeerMemory:
        """Change what is remembered, in one step among all processes; return what is kept now.

        `change` is pure and quick: it runs within the transaction.
        """

    @abstractmethod
    def turn(self, peer: str) -> AbstractAsyncContextManager[bool]:
        """Hold the right to sync with a peer, among all processes of this workspace; yields False when another has it
        (single flight)."""
