"""The callee's side: an answer to each question, over a replica. Keeps nothing between two questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.errors import ReplicationRefused
from engine.events.event import Dot, Origin
from engine.events.own import REINCARNATED
from engine.events.replicating.messages import (
    PROTOCOL,
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
    Span,
)
from engine.events.replicating.ports import Replica
from engine.events.replicating.shapes import check_vector
from engine.events.vector import LARGEST_SEQ, LONGEST_ORIGIN
from engine.notices import Notice, Notices

MOST_QUESTIONS = 1_000
"""Dots in one question, and spans in one answer."""

BUCKETS = 256


class Responder:
    """Answers peers. Raises `ReplicationRefused` for what no honest peer asks."""

    def __init__(self, replica: Replica, limits: Limits | None = None, notices: Notices | None = None) -> None:
        """`limits` is the largest batch that this node takes and gives."""
        self._replica = replica
        self._limits = limits or Limits(items=5_000, bytes=8 * 1024 * 1024)
        self._notices = notices or Notices()

    async def greet(self, hello: Hello) -> Greeting:
        """Answer who is here and how far it knows everybody, and where two histories part.

        A caller that knows more of this node's own origin than this node does, or other events of it, looks up to where
        both agree and greets again with that (`Hello.common`): this node was restored from a backup, and begins a new
        incarnation before it says another word.
        """
        if hello.identity.protocol != PROTOCOL:
            raise ReplicationRefused(
                f"{hello.identity.node} speaks protocol {hello.identity.protocol}, this node speaks {PROTOCOL}. Bring "
                "both to the same version of Syncdeck.",
                kind="protocol",
            )
        check_vector({origin: head.seq for origin, head in hello.heads.items()})
        heads, identity = await self._replica.heads(), await self._replica.identity()
        forks = await self._forks(hello.heads, heads)
        if (common := self._restored(hello, identity, heads, forks)) is not None:
            reason = (
                f"{hello.identity.node} knows events of {identity.origin} that this node does not have: its state was "
                "restored from a backup or copied"
            )
            new = await self._replica.begin_incarnation(reason, {identity.origin: common})
            self._notices.publish(Notice(topic=REINCARNATED, subject=new, detail=reason))
            heads, identity = await self._replica.heads(), await self._replica.identity()
            forks = await self._forks(hello.heads, heads)
        gaps = await self._replica.gaps(GapQuestion(limit=0))
        return Greeting(identity=identity, heads=dict(heads), forks=forks, limits=self._limits, gaps=gaps.digest)

    async def pull(self, request: Pull) -> Batch:
        """Answer with what the caller lacks, or with what it asks for of spans that were left out before."""
        check_vector(request.vector)
        limits = Limits(
            items=min(max(request.limits.items, 1), self._limits.items),
            bytes=min(max(request.limits.bytes, 1), self._limits.bytes),
        )
        if not request.spans:
            return await self._replica.lacking(request.vector, limits, request.wanted)
        _check_spans(request.spans)
        return await self._replica.refill(request.spans, limits, request.wanted)

    async def push(self, batch: Batch) -> Receipt:
        """Take what is admitted of a batch; the receipt's vector cannot hide what is not."""
        return await self._replica.receive(batch)

    async def gaps(self, question: GapQuestion) -> Gaps:
        """Answer what was left out here."""
        _check_dots(
            [question.after._replace(seq=max(question.after.seq, 1), origin=question.after.origin or Origin("-"))]
        )
        limit = min(max(question.limit, 0), MOST_QUESTIONS)
        return await self._replica.gaps(GapQuestion(after=question.after, limit=limit))

    async def chains(self, question: ChainQuestion) -> Chains:
        """Answer which chains are here."""
        if len(question.dots) > MOST_QUESTIONS:
            raise ReplicationRefused(
                f"{len(question.dots):,} chains were asked for; at most {MOST_QUESTIONS:,} are answered at once.",
                kind="too_large",
            )
        _check_dots(question.dots)
        return Chains(chains=tuple(await self._replica.chains(question.dots)))

    async def digest(self, question: DigestQuestion) -> Digest:
        """Answer how the states here add up."""
        if len(question.buckets) > BUCKETS or any(not 0 <= bucket < BUCKETS for bucket in question.buckets):
            raise ReplicationRefused(f"There are buckets 0 to {BUCKETS - 1}; others were asked for.", kind="malformed")
        return await self._replica.digest(question)

    async def _forks(self, theirs: Mapping[Origin, Head], mine: Mapping[Origin, Head]) -> dict[Origin, int]:
        """Return the origins of which caller and callee hold different events at the caller's newest dot.

        Where the callee knows less, the caller looks: it has the chain in question.
        """
        dots = [Dot(origin, head.seq) for origin, head in theirs.items() if 0 < head.seq <= _seq(mine, origin)]
        here = await self._replica.chains(dots) if dots else ()
        return {
            dot.origin: dot.seq
            for dot, chain in zip(dots, here, strict=True)
            if chain and chain != theirs[dot.origin].chain
        }

    def _restored(
        self, hello: Hello, identity: Identity, heads: Mapping[Origin, Head], forks: Mapping[Origin, int]
    ) -> int | None:
        """Return up to where this node's own history is what the caller knows too, when it was restored; else None."""
        own = identity.origin
        mine, common = _seq(heads, own), hello.common.get(own, -1)
        if not 0 <= common <= mine:
            return None
        return common if own in forks or _seq(hello.heads, own) > mine else None


def _seq(heads: Mapping[Origin, Head], origin: Origin) -> int:
    return heads[origin].seq if origin in heads else 0


def _check_spans(spans: Iterable[Span]) -> None:
    for span in spans:
        _check_dots([Dot(span.origin, span.first), Dot(span.origin, span.last)])
        if span.first > span.last:
            raise ReplicationRefused(f"A span from {span.first} to {span.last} was asked for.", kind="malformed")


def _check_dots(dots: Iterable[Dot]) -> None:
    for origin, seq in dots:
        if not (0 < len(origin) <= LONGEST_ORIGIN and 0 < seq <= LARGEST_SEQ):
            raise ReplicationRefused(
                f"An event that cannot be was asked for ({origin[:LONGEST_ORIGIN]}#{seq}).", kind="malformed"
            )
