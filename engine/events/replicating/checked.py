"""A connection whose answers are looked at before anybody works with them: a peer may be wrong, broken or hostile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from engine.errors import ReplicationRefused
from engine.events.chain import DIGEST_BYTES
from engine.events.event import Origin
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
    Limits,
    Pull,
    Receipt,
)
from engine.events.replicating.ports import Remote
from engine.events.replicating.responder import BUCKETS
from engine.events.replicating.rounds import vector_of
from engine.events.replicating.shapes import check_skip, check_vector
from engine.events.vector import LARGEST_SEQ, LONGEST_ORIGIN

LONGEST_NAME = 256
LONGEST_SENTENCE = 2_000


class CheckedRemote(Remote):
    """The same answers, or `ReplicationRefused` (malformed). What is in batches is left to admission."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def greet(self, hello: Hello) -> Greeting:
        greeting = await self._remote.greet(hello)
        check_vector(vector_of(greeting.heads))
        check_vector(greeting.forks)
        identity = greeting.identity
        _demand(
            all(len(head.chain) == DIGEST_BYTES for head in greeting.heads.values())
            and greeting.forks.keys() <= greeting.heads.keys()
            and 0 < len(identity.origin) <= LONGEST_ORIGIN
            and 0 < len(identity.node) <= LONGEST_NAME
            and identity.node.isprintable()
            and greeting.limits.items > 0
            and greeting.limits.bytes > 0,
            "greeting",
        )
        return greeting

    async def pull(self, request: Pull) -> Batch:
        batch = await self._remote.pull(request)
        check_vector(batch.vector)
        _demand(_within(batch, request.limits), "batch larger than was asked for")
        return batch

    async def push(self, batch: Batch) -> Receipt:
        receipt = await self._remote.push(batch)
        check_vector(receipt.vector)
        _demand(
            0 <= receipt.taken <= len(batch.items)
            and receipt.conflicts >= 0
            and all(
                len(refusal.sentence) <= LONGEST_SENTENCE
                and len(refusal.kind) <= LONGEST_NAME
                and 0 < len(refusal.origin) <= LONGEST_ORIGIN
                for refusal in receipt.refusals
            ),
            "receipt",
        )
        return receipt

    async def gaps(self, question: GapQuestion) -> Gaps:
        gaps = await self._remote.gaps(question)
        ascending = all(
            0 < span.first <= span.last <= LARGEST_SEQ and 0 < len(span.origin) <= LONGEST_ORIGIN for span in gaps.spans
        )
        after = [question.after, *((span.origin, span.last) for span in gaps.spans)]
        firsts = [(span.origin, span.first) for span in gaps.spans]
        _demand(
            ascending
            and len(gaps.spans) <= question.limit
            and len(gaps.digest) <= LONGEST_NAME
            and all(tuple(end) < first for end, first in zip(after, firsts, strict=False)),
            "list of gaps",
        )
        return gaps

    async def chains(self, question: ChainQuestion) -> Chains:
        chains = await self._remote.chains(question)
        _demand(
            len(chains.chains) == len(question.dots)
            and all(len(chain) in (0, DIGEST_BYTES) for chain in chains.chains),
            "list of chains",
        )
        return chains

    async def digest(self, question: DigestQuestion) -> Digest:
        digest = await self._remote.digest(question)
        check_vector(digest.vector)
        _demand(len(digest.sums) == (0 if question.buckets else BUCKETS), "digest")
        return digest

    async def follow(self) -> AsyncIterator[Mapping[Origin, int]]:
        async for vector in self._remote.follow():
            check_vector(vector)
            yield vector


def _within(batch: Batch, limits: Limits) -> bool:
    """Tell whether a batch is as small as was asked for; marks of what is left out weigh little and may be more."""
    items: Sequence[Item] = [each for each in batch.items if isinstance(each, Item)]
    for each in batch.items:
        if not isinstance(each, Item):
            check_skip(each)
    return len(items) <= max(limits.items, 1)


def _demand(fine: bool, what: str) -> None:
    if not fine:
        raise ReplicationRefused(
            f"The peer answered with a {what} that cannot be. Nothing was stored; check that both nodes run a Syncdeck "
            "of the same protocol.",
            kind="malformed",
        )
