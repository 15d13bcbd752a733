"""The digest of states: the same wherever the same events are, and different where one differs."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.event import NewEvent, Origin
from engine.events.replicating.messages import Batch, Digest, DigestQuestion, Limits, Selection
from engine.storage.database import Database, open_database
from engine.storage.event_digest import BUCKETS, EventDigest, bucket_of
from engine.storage.event_log import StoredEventLog
from engine.storage.replica import StoredReplica
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryReplica
from tests.doubles.replica_memory import Memory

ALL = DigestQuestion()


def new(about: str, **data: object) -> NewEvent:
    return NewEvent(type="user.changed", aggregate_id=about, data=data)


async def test_an_empty_log_sums_to_nothing(database: Database) -> None:
    assert await EventDigest(database)(ALL) == Digest(vector={}, sums=("0" * 32,) * BUCKETS)


async def test_what_differs_shows_in_its_bucket_and_by_its_name(database: Database, log: StoredEventLog) -> None:
    digest = EventDigest(database)
    await log.append([new(f"user:{number}", n=number) for number in range(40)])
    before = await digest(ALL)
    await log.append([new("user:7", n=70)])
    after = await digest(ALL)
    bucket = bucket_of("user:7")
    question = DigestQuestion(buckets=(bucket,))

    assert [place for place in range(BUCKETS) if before.sums[place] != after.sums[place]] == [bucket]
    assert "user:7" in (await digest(question)).aggregates
    assert all(bucket_of(name) == bucket for name in (await digest(question)).aggregates)


async def test_our_own_journal_has_no_state(database: Database, log: StoredEventLog) -> None:
    names = ("run:1", "run;1", "run", "peer:x", "zebra", "", "a", "\U0010ffff:1")
    await log.append([new(name, n=1) for name in names if name], own=True)
    everything = DigestQuestion(buckets=tuple(range(BUCKETS)))

    assert sorted((await EventDigest(database)(everything)).aggregates) == [
        "a",
        "run",
        "run;1",
        "zebra",
        "\U0010ffff:1",
    ]


async def test_a_change_and_its_opposite_leave_the_state_but_not_the_vector(
    database: Database, log: StoredEventLog
) -> None:
    digest = EventDigest(database)
    await log.append([new("user:1", name="Ann")])
    before = await digest(ALL)
    await log.append([new("user:1", name="Bea"), new("user:1", name="Ann")])
    after = await digest(ALL)

    assert (before.sums == after.sums, before.vector == after.vector) == (True, False)


def memory(name: str) -> MemoryReplica:
    numbers = iter(range(10_000))
    return MemoryReplica(
        memory=Memory(node=name, own=Origin(f"{name}~00000001")),
        clock=ManualClock(),
        new_id=lambda: f"{name}-{next(numbers)}",
        new_origin=lambda old: Origin(f"{old}x"),
    )


values = st.none() | st.integers(0, 3) | st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2)
writes = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["user:1", "user:2", "run:1"]),
    st.dictionaries(st.sampled_from("ab"), values, max_size=2) | st.none(),
)
stories = st.lists(writes | st.just("meet"), max_size=10)


@settings(max_examples=60, deadline=None)
@given(stories)
def test_the_file_gives_the_same_sums_as_the_model_also_where_edits_were_concurrent(
    story: list[tuple[int, str, object] | str],
) -> None:
    async def tell() -> tuple[Digest, Digest]:
        nodes = memory("berlin"), memory("hamburg")
        for step in [*story, "meet"]:
            if isinstance(step, str):
                await meet(*nodes)
            else:
                await nodes[step[0]].append([NewEvent(type="t.t", aggregate_id=step[1], data=step[2])])
        with tempfile.TemporaryDirectory() as folder:
            async with open_database(Path(folder) / "state.db") as database:
                digest = EventDigest(database)
                log = StoredEventLog(database, ManualClock(), "kiel")
                await take(StoredReplica(database, log, ManualClock(), "kiel", digest), nodes[0])
                return await digest(ALL), await nodes[0].digest(ALL)

    stored, model = asyncio.run(tell())
    assert stored == model


async def take(replica: StoredReplica | MemoryReplica, other: MemoryReplica) -> None:
    known = {origin: head.seq for origin, head in (await replica.heads()).items()}
    items = (await other.lacking(known, Limits(), Selection())).items
    receipt = await replica.receive(Batch(items=items))
    assert not receipt.refusals


async def meet(one: MemoryReplica, other: MemoryReplica) -> None:
    await take(one, other)
    await take(other, one)
