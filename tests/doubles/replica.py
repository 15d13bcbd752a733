"""A replica in memory that keeps the contract: what to take is decided by the engine's own admission."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heapify, heappop, heappush

import msgspec

from engine.clock import Clock
from engine.events.chain import canonical, hashed
from engine.events.event import Dot, NewEvent, Origin
from engine.events.hlc import tick
from engine.events.merging.evaluate import quiet, state_hash
from engine.events.own import is_own
from engine.events.replicating.admission import AdmissionLimits, Standing, admit, linked
from engine.events.replicating.messages import (
    Batch,
    Digest,
    DigestQuestion,
    GapQuestion,
    Gaps,
    Head,
    Identity,
    Item,
    Limits,
    Receipt,
    Selection,
    Skip,
    Span,
)
from engine.events.replicating.ports import PeerBook, Replica
from engine.events.replicating.selecting import wanted_by
from engine.events.replicating.standing import PeerMemory
from engine.events.vector import Vector
from tests.doubles.replica_memory import Memory, last_of
from tests.doubles.replica_moving import Moving

BUCKETS = 256


async def at_once(step: str) -> None:
    """What happens around a durable step: nothing."""


@dataclass
class MemoryReplica(Replica):
    """One node. Whatever it keeps is kept in one step; `pause` is awaited before and after each of them."""

    memory: Memory
    clock: Clock
    new_id: Callable[[], str]
    new_origin: Callable[[str], Origin]
    pause: Callable[[str], Awaitable[None]] = at_once
    limits: AdmissionLimits = field(default_factory=AdmissionLimits)
    instance: str = ""

    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    async def identity(self) -> Identity:
        return Identity(node=self.memory.node, origin=self.memory.own, instance=self.instance)

    async def heads(self) -> Mapping[Origin, Head]:
        await self.pause("heads")
        return self.known()

    async def chains(self, dots: Sequence[Dot]) -> Sequence[bytes]:
        await self.pause("chains")
        return [self.memory.chain(dot) if dot.seq > 0 else b"" for dot in dots]

    async def lacking(self, vector: Vector, limits: Limits, wanted: Selection) -> Batch:
        await self.pause("lacking")
        runs = {
            origin: list(self.memory.after(origin, vector.get(origin, 0)))
            for origin, known in self.memory.standings.items()
            if known.seq > vector.get(origin, 0)
        }
        parts = in_causal_order(runs)
        items, more = _cut(parts, limits, wanted)
        return Batch(items=items, vector=self.vector(), more=more)

    async def gaps(self, question: GapQuestion) -> Gaps:
        await self.pause("gaps")
        spans = [Span(gap.origin, gap.first, gap.last) for gap in self.memory.gaps()]
        later = [span for span in spans if (span.origin, span.first) > question.after]
        digest = hashed(canonical(spans)).hex() if spans else ""
        return Gaps(spans=tuple(later[: question.limit]), digest=digest)

    async def refill(self, spans: Sequence[Span], limits: Limits, wanted: Selection) -> Batch:
        await self.pause("refill")
        parts: list[Item | Skip] = []
        for span in spans:
            for part in self.memory.after(span.origin, span.first - 1):
                if last_of(part) > span.last:
                    break
                parts.append(part)
        items, more = _cut(parts, limits, wanted)
        return Batch(items=items, vector=self.vector(), more=more)

    async def receive(self, batch: Batch) -> Receipt:
        await self.pause("receive")
        admission = admit(batch, self.memory, self.now_ms(), self.limits)
        touched = {item.aggregate for item in admission.taken if isinstance(item, Item)}
        before = {aggregate for aggregate in touched if not quiet(self.memory.history(aggregate))}
        for span in admission.closed:
            self.memory.reopen(span.origin, span.first, span.last)
        for part in admission.taken:
            self.memory.put(part)
        self.memory.standings.update(admission.heads)
        conflicts = sum(not quiet(self.memory.history(aggregate)) for aggregate in touched - before)
        receipt = Receipt(
            vector=self.vector(), taken=admission.events, conflicts=conflicts, refusals=admission.refusals
        )
        await self.pause("received")
        return receipt

    async def begin_incarnation(self, reason: str, keep: Mapping[Origin, int]) -> Origin:
        await self.pause("begin incarnation")
        old = self.memory.own
        if old not in keep:
            return old  # another session was faster
        kept = keep[old]
        new = self.memory.own = self.new_origin(self.memory.node)
        moving = [self.memory.take_out(Dot(old, seq)) for seq in range(self._seq(old), kept, -1)]
        part = self.memory.runs[old][-1] if self.memory.runs.get(old) else None
        if part is None:
            self.memory.standings.pop(old, None)
        elif moving:
            stamp = part.hlc if isinstance(part, Item) else 0
            self.memory.standings[old] = Standing(last_of(part), part.chain, stamp)
        move = Moving(old, new, [item.seq for item, _ in reversed(moving)])
        self.memory.redacted = {move.dot(dot) for dot in self.memory.redacted}
        for item, position in reversed(moving):
            self._keep(move.item(item, self._kept_seqs(item, old)), position)
        note = NewEvent(
            type="node.reincarnated", aggregate_id=f"node:{self.memory.node}", data={"reason": reason, "before": old}
        )
        self._append(note)
        await self.pause("began incarnation")
        return new

    async def digest(self, question: DigestQuestion) -> Digest:
        await self.pause("digest")
        sums = [0] * BUCKETS
        named: dict[str, str] = {}
        for aggregate in self.memory.about:
            if is_own(aggregate) or not (events := self.memory.history(aggregate)):
                continue
            state = state_hash(aggregate, events)
            bucket = blake2b(aggregate.encode(), digest_size=32).digest()[0]
            sums[bucket] += int.from_bytes(state)
            if bucket in question.buckets:
                named[aggregate] = state.hex()
        if question.buckets:
            return Digest(vector=self.vector(), aggregates=named)
        return Digest(vector=self.vector(), sums=tuple(f"{each % 2**128:032x}" for each in sums))

    async def append(self, events: Sequence[NewEvent]) -> Sequence[Dot]:
        """Append as the event log does: each knows all heads of its aggregate; what was sent before is answered with
        what is there."""
        await self.pause("append")
        dots = [self.keep_new(event) for event in events]
        await self.pause("appended")
        return dots

    def keep_new(self, event: NewEvent) -> Dot:
        """Keep an event of this node, unless it is there already; return where it stands."""
        known = self.memory.ids.get(event.id)
        return known or self._append(event)

    def known(self) -> dict[Origin, Head]:
        """Return the heads, at once."""
        return {origin: Head(known.seq, known.chain) for origin, known in self.memory.standings.items()}

    def vector(self) -> dict[Origin, int]:
        return {origin: known.seq for origin, known in self.memory.standings.items()}

    def _append(self, event: NewEvent) -> Dot:
        context: dict[Origin, int] = {}
        for known in self.memory.history(event.aggregate_id):
            for origin, seq in (*known.context.items(), known.dot):
                context[Origin(origin)] = max(seq, context.get(Origin(origin), 0))
        item = Item(
            origin=self.memory.own,
            seq=0,
            id=event.id or self.new_id(),
            type=event.type,
            aggregate=event.aggregate_id,
            data=canonical(event.data).decode(),
            metadata=canonical(event.metadata).decode(),
            context=canonical(context).decode(),
            hlc=tick(self.memory.stamp, self.now_ms()),
            chain=b"",
        )
        return self._keep(item)

    def _keep(self, item: Item, position: int = 0) -> Dot:
        """Put an event of our own at the end of its origin's chain."""
        before = self.memory.standings.get(item.origin, Standing())
        item = msgspec.structs.replace(item, seq=before.seq + 1)
        item = msgspec.structs.replace(item, chain=linked(before.chain, item))
        self.memory.put(item, position)
        self.memory.standings[item.origin] = Standing(item.seq, item.chain, item.hlc)
        return Dot(item.origin, item.seq)

    def _seq(self, origin: Origin) -> int:
        return self.memory.standings.get(origin, Standing()).seq

    def _kept_seqs(self, item: Item, origin: Origin) -> list[int]:
        return [dot.seq for dot in self.memory.about.get(item.aggregate, ()) if dot.origin == origin]


def in_causal_order(runs: Mapping[Origin, Sequence[Item | Skip]]) -> list[Item | Skip]:
    """Merge origins' runs so that causes come before effects: whoever writes gives a later time than all he knows."""
    ways = [((_stamp(run[0]), origin), 0) for origin, run in runs.items() if run]
    heapify(ways)
    merged: list[Item | Skip] = []
    while ways:
        (_, origin), index = heappop(ways)
        run = runs[origin]
        merged.append(run[index])
        if index + 1 < len(run):
            heappush(ways, ((_stamp(run[index + 1]), origin), index + 1))
    return merged


def _stamp(part: Item | Skip) -> int:
    return part.hlc if isinstance(part, Item) else 0


def _cut(parts: Sequence[Item | Skip], limits: Limits, wanted: Selection) -> tuple[tuple[Item | Skip, ...], bool]:
    """Return as many as the limits let through, the unwanted ones as gaps, and whether some are left."""
    wants = wanted_by(wanted) or (lambda *_: True)
    items: list[Item | Skip] = []
    size = 0
    for part in parts:
        each = part
        if isinstance(part, Item) and not wants(part.type, part.aggregate):
            each = Skip(part.origin, part.seq, part.seq, part.chain)
        before = items[-1] if items else None
        if isinstance(each, Skip) and isinstance(before, Skip) and before.origin == each.origin:
            items[-1] = Skip(each.origin, before.first, each.last, each.chain)
            continue
        weight = len(each.data) + len(each.metadata) + len(each.context) if isinstance(each, Item) else 0
        if items and (len(items) >= limits.items or size + weight > limits.bytes):
            return tuple(items), True
        items.append(each)
        size += weight
    return tuple(items), False


@dataclass
class MemoryPeerBook(PeerBook):
    """What a node remembers of its peers."""

    memory: Memory
    pause: Callable[[str], Awaitable[None]] = at_once
    held: set[str] = field(default_factory=set)

    async def recall(self, peer: str) -> PeerMemory:
        await self.pause("recall")
        return self.memory.peers.get(peer, PeerMemory())

    async def amend(self, peer: str, change: Callable[[PeerMemory], PeerMemory]) -> PeerMemory:
        await self.pause("amend")
        changed = self.memory.peers[peer] = change(self.memory.peers.get(peer, PeerMemory()))
        await self.pause("amended")
        return changed

    @asynccontextmanager
    async def turn(self, peer: str) -> AsyncIterator[bool]:
        if peer in self.held:
            yield False
            return
        self.held.add(peer)
        try:
            yield True
        finally:
            self.held.discard(peer)
