"""Which aggregates are noted as contested: those with several heads, or with a contest left; all others have one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.events.event import Event, NewEvent
from engine.events.merging.evaluate import evaluate, quiet
from engine.events.replicating.messages import GapQuestion, Selection
from engine.storage.aggregate_heads import AggregateHeads
from engine.storage.database import open_database
from tests.doubles.clock import ManualClock
from tests.engine.storage.nodes import ALL, MANY, StoredNode, stored_node

Pair = tuple[StoredNode, StoredNode]


@pytest.fixture
async def pair(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Pair]:
    async with stored_node(tmp_path / "a.db", clock) as a, stored_node(tmp_path / "b.db", clock) as b:
        yield a, b


async def both_pull(pair: Pair) -> None:
    a, b = pair
    await a.pull(b)
    await b.pull(a)


async def test_a_history_that_each_writer_knew_is_not_contested(pair: Pair) -> None:
    a, b = pair
    for writer in (a, b, a):
        await writer.put(name="Anna")
        await both_pull(pair)

    assert (await a.contested(), await b.contested()) == ({}, {})


async def test_concurrent_events_are_heads_side_by_side(pair: Pair) -> None:
    a, b = pair
    ours, theirs = await a.put(name="Anna"), await b.put(name="Hanna")
    await both_pull(pair)

    assert await a.contested() == {"user:1": [1, 2]}
    assert (await a.log.version("user:1"))[1] == {ours.origin: 1, theirs.origin: 1}


async def test_several_heads_are_noted_even_if_nothing_differs(pair: Pair) -> None:
    a, b = pair
    await a.put(name="Anna")
    await b.put(title="Dr")
    await both_pull(pair)

    assert await a.contested() == {"user:1": [1, 2]}


async def test_one_more_head_joins_and_one_that_is_known_leaves(pair: Pair, tmp_path: Path, clock: ManualClock) -> None:
    a, b = pair
    async with stored_node(tmp_path / "c.db", clock) as c:
        await a.put(name="1")
        await b.put(name="2")
        await c.put(name="3")
        await c.pull(b)
        await c.put(name="4")
        await a.pull(c)

        assert await a.contested() == {"user:1": [1, 4]}


async def test_whoever_writes_knows_all_heads_and_what_he_does_not_write_stays_contested(pair: Pair) -> None:
    a, b = pair
    await a.put(name="Anna")
    await b.put(name="Hanna")
    await both_pull(pair)
    after = await a.put(title="Dr")

    assert after.context == {**await a.log.vector(), after.origin: 1}
    assert await a.contested() == {"user:1": [after.position]}


async def test_what_settles_the_contest_ends_it_everywhere(pair: Pair) -> None:
    a, b = pair
    await a.put(name="Anna")
    await b.put(name="Hanna")
    await both_pull(pair)
    await a.put(name="Johanna")
    await both_pull(pair)

    assert (await a.contested(), await b.contested()) == ({}, {})


async def test_an_undone_resolution_makes_it_contested_again_here_and_there(pair: Pair) -> None:
    a, b = pair
    await a.put(name="Anna")
    await b.put(name="Hanna")
    await both_pull(pair)
    resolved = await a.put(type_name="conflict.resolved", name="Anna")
    await both_pull(pair)
    metadata = {"undoes": str(resolved.dot)}
    reopened = NewEvent(type="conflict.reopened", aggregate_id="user:1", data={}, metadata=metadata)
    await a.log.append([reopened], own=True)
    await both_pull(pair)

    assert list(await a.contested()) == list(await b.contested()) == ["user:1"]


async def test_a_redaction_that_takes_the_deciding_payload_makes_it_contested_again(pair: Pair) -> None:
    a, b = pair
    await a.put(name="Anna")
    await b.put(name="Hanna")
    await both_pull(pair)
    settled = await a.put(name="Johanna")
    await both_pull(pair)
    await b.put(f"event:{settled.dot}", "event.redacted", reason="not hers")
    await a.pull(b)

    assert list(await a.contested()) == ["user:1"]
    assert (await a.log.history("user:1"))[2].redacted


async def test_what_had_been_left_out_and_comes_later_is_no_head(pair: Pair) -> None:
    a, b = pair
    await a.put(type_name="user.added", name="Anna")
    newest = await a.put(type_name="user.changed", name="Bea")
    await b.pull(a, Selection(types=("user.changed",)))
    spans = (await b.replica.gaps(GapQuestion())).spans
    receipt = await b.replica.receive(await a.replica.refill(spans, MANY, ALL))
    version = await b.log.version("user:1")
    after = await b.put(name="Cleo")

    assert (receipt.taken, receipt.conflicts) == (1, 0)
    assert version == (2, {newest.origin: 2})
    assert after.context == {newest.origin: 2}
    assert await b.contested() == {}


async def test_the_engines_journal_is_never_contested(pair: Pair) -> None:
    a, b = pair
    await a.put("run:1", "run.started", state="running")
    await b.put("run:1", "run.started", state="running")
    await both_pull(pair)
    ended = await a.put("run:1", "run.ended", state="done")

    assert await a.contested() == {}
    assert ended.context


EDITS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(("write", "pull", "reopen file")), st.integers(0, 2)),
    min_size=3,
    max_size=18,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS)
async def test_what_is_noted_is_what_the_whole_history_says(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, str, int]]
) -> None:
    folder, clock = tmp_path_factory.mktemp("nodes"), ManualClock()
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(stored_node(folder / f"{name}.db", clock)) for name in "abc"]
        for number, (which, act, other) in enumerate(edits):
            node = nodes[which]
            if act == "write":
                before = evaluate(await node.log.history("user:1"))
                event = await node.put("user:1", "user.changed", **{("name", "title")[other % 2]: number})
                assert known_by(event) >= {(head.origin, head.seq) for head in before.heads}
            elif act == "pull":
                await node.pull(nodes[other])
            else:
                node.database.tip = None
        for node in nodes:
            history = await node.log.history("user:1")
            heads = sorted(event.position for event in history if event.dot in evaluate(history).heads)
            assert await node.contested() == ({} if quiet(history) else {"user:1": heads})


def known_by(event: Event) -> set[tuple[str, int]]:
    return {(origin, seq) for origin, newest in event.context.items() for seq in range(1, newest + 1)}


async def test_memory_stays_bounded_and_nothing_is_forgotten_with_it(pair: Pair) -> None:
    a, b = pair
    for number in range(3):
        await a.put(f"user:{number}", name="Anna")
        await b.put(f"user:{number}", name="Hanna")
    await a.pull(b)
    async with open_database(a.database.path) as database:
        heads = await database.write(AggregateHeads)
    heads.contexts.update((f"other:{number}", "{}") for number in range(30_000))
    heads.forget_some()

    assert not heads.contexts
    after = await a.put("user:2", title="Dr")
    assert len(after.context) == 2
