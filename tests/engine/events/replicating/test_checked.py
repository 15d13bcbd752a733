"""What a peer answers is looked at before anybody works with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import ReplicationRefused
from engine.events.event import Dot, Origin
from engine.events.replicating.checked import CheckedRemote
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
    Skip,
    Span,
)
from engine.events.vector import LARGEST_SEQ
from tests.engine.events.replicating.nodes import Node

DESK = Origin("desk~00000001")
Ask = Callable[[CheckedRemote], Awaitable[object]]


async def greet(remote: CheckedRemote) -> Greeting:
    return await remote.greet(Hello(identity=Identity(node="desk", origin=DESK)))


async def pull(remote: CheckedRemote) -> Batch:
    return await remote.pull(Pull(limits=Limits(items=2)))


async def push(remote: CheckedRemote) -> Receipt:
    return await remote.push(Batch())


async def gaps(remote: CheckedRemote) -> Gaps:
    return await remote.gaps(GapQuestion(after=Dot(DESK, 10), limit=2))


async def chains(remote: CheckedRemote) -> Chains:
    return await remote.chains(ChainQuestion(dots=(Dot(DESK, 1), Dot(DESK, 2))))


async def sums(remote: CheckedRemote) -> Digest:
    return await remote.digest(DigestQuestion())


def greeting(**changes: Any) -> Callable[[Greeting], Greeting]:
    return lambda answer: replace(answer, **changes)


WRONG: dict[str, tuple[Ask, Callable[[Any], Any]]] = {
    "a head without a chain": (greet, greeting(heads={DESK: Head(1, b"")})),
    "a head before the first": (greet, greeting(heads={DESK: Head(-1, bytes(32))})),
    "a head beyond 63 bits": (greet, greeting(heads={DESK: Head(LARGEST_SEQ + 1, bytes(32))})),
    "a fork of an origin that it does not know": (greet, greeting(forks={Origin("nobody"): 1})),
    "no origin": (greet, greeting(identity=Identity(node="hub", origin=Origin("")))),
    "no name": (greet, greeting(identity=Identity(node="", origin=DESK))),
    "a name that moves the cursor": (greet, greeting(identity=Identity(node="\x1b[2J", origin=DESK))),
    "no room for a single event": (greet, greeting(limits=Limits(items=0))),
    "more than was asked for": (pull, lambda batch: replace(batch, items=batch.items * 2)),
    "a mark of nothing": (pull, lambda batch: replace(batch, items=(Skip(DESK, 3, 2, bytes(32)),))),
    "a vector with a negative number": (pull, lambda batch: replace(batch, vector={DESK: -1})),
    "a receipt for more than was sent": (push, lambda receipt: replace(receipt, taken=1)),
    "a receipt for less than nothing": (push, lambda receipt: replace(receipt, taken=-1)),
    "gaps before those asked for": (gaps, lambda _: Gaps(spans=(Span(DESK, 5, 6),))),
    "gaps in disorder": (gaps, lambda _: Gaps(spans=(Span(DESK, 20, 21), Span(DESK, 11, 12)))),
    "overlapping gaps": (gaps, lambda _: Gaps(spans=(Span(DESK, 11, 15), Span(DESK, 14, 18)))),
    "a gap that ends before it begins": (gaps, lambda _: Gaps(spans=(Span(DESK, 21, 20),))),
    "more gaps than asked for": (gaps, lambda _: Gaps(spans=tuple(Span(DESK, each, each) for each in (11, 13, 15)))),
    "too few chains": (chains, lambda _: Chains(chains=(bytes(32),))),
    "short chains": (chains, lambda _: Chains(chains=(bytes(32), bytes(5)))),
    "too few sums": (sums, lambda digest: replace(digest, sums=digest.sums[:-1])),
}


@pytest.mark.parametrize("fault", WRONG)
async def test_an_answer_that_cannot_be_is_refused_in_words(fault: str) -> None:
    ask, changed = WRONG[fault]
    hub = Node("hub")
    await hub.write_many(2)
    hub.remote.faults.answered = changed

    with pytest.raises(ReplicationRefused, match="The peer") as refused:
        await ask(CheckedRemote(hub.remote))

    assert refused.value.kind == "malformed"


@pytest.mark.parametrize("ask", [greet, pull, push, gaps, chains, sums])
async def test_honest_answers_pass(ask: Ask) -> None:
    hub = Node("hub")
    await hub.write_many(2)

    await ask(CheckedRemote(hub.remote))

    assert len(hub.remote.calls) == 1


async def test_followed_vectors_are_looked_at_too() -> None:
    hub = Node("hub")
    hub.remote.news.put_nowait({DESK: 1})
    hub.remote.news.put_nowait({DESK: -1})
    followed = CheckedRemote(hub.remote).follow()

    assert await anext(followed) == {DESK: 1}
    with pytest.raises(ReplicationRefused, match="an impossible vector"):
        await anext(followed)
