"""Compaction: only what everybody knows and nothing needs, never before it is archived, and never the state."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import EventRefused, NothingFound
from engine.events.event import NewEvent, Origin, Position
from engine.events.log import Filter
from engine.events.replicating.archive import events_of, is_archive, verified
from engine.events.replicating.messages import Batch, Digest, DigestQuestion, GapQuestion, Limits, Selection
from engine.events.replicating.ports import Replica
from engine.events.replicating.standing import PeerMemory
from engine.events.replicating.transfer import import_lines
from engine.storage.database import Database, open_database
from engine.storage.event_digest import EventDigest
from engine.storage.event_log import StoredEventLog
from engine.storage.event_verify import verify
from engine.storage.log_compaction import Archived, Compacted, LogCompaction, Neighbours, Proposal
from engine.storage.replica import StoredReplica
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryPeerBook, MemoryReplica
from tests.doubles.replica_memory import Memory

KEY = "0123456789abcdef0123456789abcdef"
NOW = timedelta(0)
ALL = DigestQuestion()


@dataclass
class World:
    """A node with a log on disk, whose one peer `hamburg` it remembers as it was told."""

    path: Path
    database: Database
    log: StoredEventLog
    replica: StoredReplica
    clock: ManualClock
    peers: dict[str, PeerMemory]

    @property
    def compaction(self) -> LogCompaction:
        book = MemoryPeerBook(Memory(node="berlin", own=Origin("unused~0"), peers=self.peers))
        neighbours = Neighbours(node="berlin", peers=self.peers, book=book)
        return LogCompaction(self.database, self.log, self.clock, neighbours, actor="ann@desk")

    async def write(self, *events: tuple[str, object], kind: str = "user.changed") -> None:
        for about, data in events:
            self.clock.jump(timedelta(seconds=1))
            await self.log.append([NewEvent(type=kind, aggregate_id=about, data=data)], own=True)

    async def met(self, vector: Mapping[Origin, int] | None = None) -> None:
        """Have synced with hamburg, who then knew this, or all that is here."""
        known = dict(await self.log.vector() if vector is None else vector)
        self.peers["hamburg"] = PeerMemory(node="hamburg", vector=known, met_at=self.clock.now())

    async def compact(self, age: timedelta = NOW, retired: Sequence[str] = ()) -> tuple[Compacted, list[bytes]]:
        self.clock.jump(timedelta(seconds=1))
        compaction = self.compaction
        archived, lines = await archive(compaction, await compaction.propose(age, retired))
        return await compaction.remove(archived), lines

    async def digest(self) -> Digest:
        return await EventDigest(self.database)(ALL)


async def archive(compaction: LogCompaction, proposal: Proposal) -> tuple[Archived, list[bytes]]:
    written: list[bytes] = []
    archived = await compaction.archive(proposal, written.append, KEY, "a.ndjson")
    return archived, b"".join(written).splitlines(keepends=True)


@asynccontextmanager
async def new_world(folder: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    async with open_database(folder / "state.db") as database:
        log = StoredEventLog(database, clock, "berlin")
        replica = StoredReplica(database, log, clock, "berlin", EventDigest(database))
        yield World(folder / "state.db", database, log, replica, clock, {})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with new_world(tmp_path) as world:
        yield world


async def positions(world: World) -> list[int]:
    return [event.position for event in await world.log.page(Position(0), 99, Filter(type="user.*"))]


async def test_written_over_events_go_and_state_chain_vector_and_counts_stay(world: World) -> None:
    await world.write(("user:1", {"a": 1}), ("user:2", {"a": 1}), ("user:1", {"a": 2}), ("user:1", {"b": 1}))
    before, vector = await world.digest(), await world.log.vector()
    compacted, _ = await world.compact()
    found = verify(world.path)

    assert compacted == Compacted(events=1, spared=0)
    assert await positions(world) == [2, 3, 4]
    assert (await world.digest()).sums == before.sums
    assert (await world.replica.heads())[Origin(next(iter(vector)))].seq == 5
    assert (found.whole, found.origins[0].left_out) == (True, 1)
    assert (await world.log.counts_by_type())["user.changed"] == 3


async def test_the_log_goes_on_after_a_compaction(world: World) -> None:
    await world.write(("user:1", {"a": 1}), ("user:1", {"a": 2}))
    await world.compact()
    await world.write(("user:1", {"a": 3}), ("user:2", {"a": 1}))
    await world.compact()

    assert await positions(world) == [4, 5]
    assert verify(world.path).whole


async def test_our_own_journal_goes_but_its_newest_event_and_what_peers_have_to_hear(world: World) -> None:
    journal = [("run:1", {"n": 1}), ("event:a#1", {"n": 1}), ("node:berlin", {"n": 1}), ("run:2", {}), ("plan:1", {})]
    await world.write(*journal, kind="run.ended")
    await world.compact()
    left = [event.aggregate_id for event in await world.log.page(Position(0), 99)]

    assert left == ["event:a#1", "node:berlin", "plan:1", "node:berlin"]
    assert verify(world.path).whole


async def test_what_is_younger_stays(world: World) -> None:
    await world.write(("user:1", {"a": 1}))
    await world.clock.advance(timedelta(days=2))
    await world.write(("user:1", {"a": 2}), ("user:1", {"a": 3}))
    await world.compact(timedelta(days=1))

    assert await positions(world) == [2, 3]


async def test_what_a_peer_still_lacks_is_never_touched(world: World) -> None:
    await world.write(("user:1", {"a": 1}), ("user:1", {"a": 2}), ("run:1", {"n": 1}), ("user:2", {"a": 1}))
    await world.met()
    await world.write(("user:2", {"a": 2}), ("user:1", {"a": 3}), ("run:1", {"n": 2}))
    proposal = await world.compaction.propose(-timedelta(days=1))
    going = [position for some in proposal.compaction.positions() for position in some]

    assert going == [3]
    assert [(each.name, each.lacks) for each in proposal.frontier.witnesses] == [("hamburg", 3)]


async def test_a_peer_that_was_never_met_holds_everything_back_until_it_is_retired(world: World) -> None:
    await world.write(("user:1", {"a": 1}), ("user:1", {"a": 2}))
    world.peers["hamburg"] = PeerMemory()
    held = await world.compaction.propose(-timedelta(days=1))
    free = await world.compaction.propose(-timedelta(days=1), ["hamburg"])

    assert held.compaction.events == 0
    assert "never met" in held.frontier.witnesses[0].advice
    assert (free.compaction.events, free.frontier.witnesses) == (1, ())
    with pytest.raises(NothingFound, match=r"kiel is neither a peer nor a writer here; known: .*hamburg"):
        await world.compaction.propose(NOW, ["kiel"])


async def test_a_silent_peer_is_pointed_out_with_what_it_holds_back(world: World) -> None:
    await world.write(("user:1", {"a": 1}))
    await world.met()
    await world.write(("user:1", {"a": 2}))
    await world.clock.advance(timedelta(days=40))
    (witness,) = (await world.compaction.frontier()).witnesses

    assert (witness.lacks, "not met for 40 days: --retire hamburg" in witness.advice) == (1, True)


async def test_a_writer_who_is_no_peer_holds_everything_back_until_it_is_retired(world: World) -> None:
    other = memory("kiel")
    await other.append([NewEvent(type="user.changed", aggregate_id="user:1", data={"a": n}) for n in range(3)])
    await take(world.replica, other)
    held = await world.compaction.propose(-timedelta(days=1))
    free = await world.compaction.propose(-timedelta(days=1), ["kiel"])

    assert (held.compaction.events, free.compaction.events) == (0, 2)
    assert "kiel wrote events that are here, but is no peer" in held.frontier.witnesses[0].advice


async def test_a_contested_aggregate_stays_whole(world: World) -> None:
    other = memory("kiel")
    await world.write(("user:1", {"a": 1}), ("user:1", {"a": 2}))
    await other.append([NewEvent(type="user.changed", aggregate_id="user:1", data={"a": 9})])
    await take(world.replica, other)
    proposal = await world.compaction.propose(-timedelta(days=1), ["kiel"])

    assert (proposal.compaction.events, proposal.compaction.contested) == (0, 1)


async def test_what_was_appended_after_the_look_spares_its_aggregate(world: World) -> None:
    await world.write(("user:1", {"a": 1}), ("user:1", {"a": 2}), ("user:2", {"a": 1}), ("user:2", {"a": 2}))
    compaction = world.compaction
    archived, _ = await archive(compaction, await compaction.propose(-timedelta(days=1)))
    await world.write(("user:1", {"b": 1}))

    assert await compaction.remove(archived) == Compacted(events=1, spared=1)
    assert await positions(world) == [1, 2, 4, 5]


async def test_an_archive_brings_back_what_was_taken_out(world: World) -> None:
    await world.write(*((f"user:{n % 3}", {"a": n}) for n in range(12)))
    before, events = await world.digest(), {each.dot: each for each in await world.log.page(Position(0), 99)}
    _, lines = await world.compact()
    header = verified(lines, KEY)

    assert is_archive(lines[0])
    assert (header.node, header.events, header.vector, header.sums) == ("berlin", 9, before.vector, before.sums)
    assert [done.events async for done in import_lines(world.replica, events_of(lines), 2)] == [9]
    assert {each.dot for each in await world.log.page(Position(0), 99)} >= set(events)
    assert verify(world.path).whole
    assert (await world.digest()).sums == before.sums


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [lines[0].replace(b"berlin", b"munich"), *lines[1:]],
        lambda lines: [lines[0], lines[1].replace(b'"a":0', b'"a":1'), *lines[2:]],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [],
        lambda lines: [b"{}\n"],
        lambda lines: [lines[0], lines[0]],
    ],
)
async def test_an_archive_that_was_changed_or_cut_is_refused_whole(world: World, spoil) -> None:  # type: ignore[no-untyped-def]
    await world.write(*((f"user:{n % 3}", {"a": n}) for n in range(12)))
    _, lines = await world.compact()

    with pytest.raises(EventRefused, match=r"signature does not fit|no archive"):
        verified(spoil(lines), KEY)
    with pytest.raises(EventRefused, match="signature does not fit"):
        verified(lines, KEY.upper())
    with pytest.raises(EventRefused, match="at least 16"):
        verified(lines, "short")


async def test_a_compaction_is_recorded_with_who_and_where(world: World) -> None:
    await world.write(("user:1", {"a": 1}), ("user:1", {"a": 2}))
    await world.compact(retired=[])
    (record,) = await world.log.page(Position(0), 9, Filter(type="node.compacted"))

    assert record.data == {"events": 1, "archive": "a.ndjson", "retired": []}
    assert record.metadata == {"actor": "ann@desk"}


async def test_what_was_compacted_is_no_gap_that_peers_would_fill(world: World) -> None:
    await world.write(("user:1", {"a": 1}), ("user:1", {"a": 2}))
    await world.compact()

    assert (await world.replica.gaps(GapQuestion())).spans == ()


async def test_neighbouring_marks_become_one(world: World) -> None:
    for number in range(6):
        await world.write(("user:1", {"a": number}))
        await world.compact()
    rows = await world.database.rows("SELECT first, last, why FROM event_skip ORDER BY first")

    assert all(why == "compacted" for _, _, why in rows)
    assert all(first > last_before + 1 for (_, last_before, _), (first, _, _) in pairwise(rows))
    assert verify(world.path).whole


def memory(name: str) -> MemoryReplica:
    numbers = iter(range(10_000))
    return MemoryReplica(
        memory=Memory(node=name, own=Origin(f"{name}~00000001")),
        clock=ManualClock(),
        new_id=lambda: f"{name}-{next(numbers)}",
        new_origin=lambda old: Origin(f"{old}x"),
    )


async def take(replica: Replica, other: Replica) -> None:
    """Pull all that the other has."""
    more = True
    while more:
        known = {origin: head.seq for origin, head in (await replica.heads()).items()}
        batch = await other.lacking(known, Limits(items=7), Selection())
        receipt = await replica.receive(Batch(items=batch.items))
        assert not receipt.refusals
        more = batch.more


values = st.none() | st.integers(0, 2) | st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2)
data = st.dictionaries(st.sampled_from("ab"), values, max_size=2) | st.none()
writes = st.tuples(st.integers(0, 1), st.sampled_from(["user:1", "user:1", "run:1"]), data)
stories = st.lists(writes | st.just("meet"), max_size=14)


@settings(max_examples=40, deadline=None)
@given(stories, stories)
def test_whatever_happened_before_and_after_a_compacted_node_and_a_whole_one_stay_equal(
    story: list[tuple[int, str, object] | str], later: list[tuple[int, str, object] | str]
) -> None:
    async def tell() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with new_world(Path(folder)) as world:
                peer = memory("hamburg")
                await live(world, peer, story)
                await world.met(peer.vector())
                before = await world.digest()
                await world.compact(-timedelta(days=1))

                assert (await world.digest()).sums == before.sums
                assert verify(world.path).whole
                newcomer = memory("kiel")
                await take(newcomer, world.replica)
                assert (await newcomer.digest(ALL)).sums == before.sums

                await live(world, peer, [*later, "meet"])
                assert (await world.digest()).sums == (await peer.digest(ALL)).sums
                await take(newcomer, world.replica)
                assert (await newcomer.digest(ALL)).sums == (await peer.digest(ALL)).sums
                assert verify(world.path).whole

    asyncio.run(tell())


@pytest.mark.parametrize(("honest", "equal"), [(True, True), (False, False)])
async def test_what_a_peer_does_not_know_may_not_go_or_the_nodes_would_disagree(
    world: World, honest: bool, equal: bool
) -> None:
    peer = memory("hamburg")
    await world.write(("user:1", {"a": 1}))
    await take(peer, world.replica)
    await world.write(("user:1", {"a": 2}))
    await world.met(peer.vector() if honest else None)
    await world.compact(-timedelta(days=1))
    await peer.append([NewEvent(type="t.t", aggregate_id="user:1", data={"a": 3})])
    await take(world.replica, peer)
    await take(peer, world.replica)

    assert ((await world.digest()).sums == (await peer.digest(ALL)).sums) is equal


async def live(world: World, peer: MemoryReplica, story: Sequence[tuple[int, str, object] | str]) -> None:
    for step in story:
        if isinstance(step, str):
            await take(world.replica, peer)
            await take(peer, world.replica)
        elif step[0]:
            await peer.append([NewEvent(type="t.t", aggregate_id=step[1], data=step[2])])
        else:
            await world.log.append([NewEvent(type="t.t", aggregate_id=step[1], data=step[2])], own=True)
    assert msgspec.json.encode(dict(await world.log.vector()))
