"""What every replica must do. A subclass gives the fixture `node`, which makes a node of a name; all share a clock."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.errors import ReplicationRefused
from engine.events.event import NewEvent
from engine.events.vector import Vector
from tests.contracts.replica_node import MakeNode, cause, in_step, items, kinds
from tests.contracts.replica_sending import FilterContract, SendingContract

EVERY_SUBCLASS = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]


class ReceivingContract:
    """What is taken, what is passed over, and what is refused."""

    async def test_what_is_received_is_the_same_here_as_there(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for number in range(4):
            await a.put(f"user:{number % 2}", number=number)
        receipt = await b.pull(a)

        assert (receipt.taken, receipt.vector, receipt.refusals) == (4, await a.vector(), ())
        assert items(await b.all()) == items(await a.all())

    async def test_a_batch_that_comes_again_is_passed_over(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        await a.put(number=1)
        await a.put(number=2)
        batch = await a.all()
        first, again = await b.replica.receive(batch), await b.replica.receive(batch)

        assert (first.taken, again.taken, again.refusals) == (2, 0, ())
        assert again.vector == first.vector

    async def test_a_gap_stops_one_origin_and_the_others_go_on(self, node: MakeNode) -> None:
        a, b, c = await node("a"), await node("b"), await node("c")
        await a.put("user:1", number=1)
        await a.put("user:1", number=2)
        await b.put("user:2", number=3)
        receipt = await c.take((await a.all()).items[1], *(await b.all()).items)

        assert kinds(receipt) == ["gap"]
        assert receipt.vector == await b.vector()

    async def test_another_event_at_a_known_dot_is_a_fork_of_that_origin_alone(self, node: MakeNode) -> None:
        a, b, c = await node("a"), await node("b"), await node("c")
        dot = await a.put(number=1)
        await b.put("user:2", number=2)
        await c.pull(a)
        other = replace(await a.at(dot), data='{"number":7}', chain=bytes(32))
        receipt = await c.take(other, *(await b.all()).items)

        assert kinds(receipt) == ["fork"]
        assert (await c.at(dot)).data == '{"number":1}'
        assert receipt.taken == 1

    async def test_what_was_changed_on_the_way_breaks_the_chain(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        dot = await a.put(number=1)
        for changed in ({"data": '{"number":2}'}, {"metadata": '{"x":1}'}, {"aggregate": "user:2"}, {"id": "other"}):
            receipt = await b.take(replace(await a.at(dot), **changed))
            assert kinds(receipt) == ["chain_broken"]
        assert await b.vector() == {}

    async def test_an_effect_waits_for_its_cause_and_takes_its_origins_rest_along(self, node: MakeNode) -> None:
        a, b, c = await node("a"), await node("b"), await node("c")
        await a.put(number=1)
        await b.pull(a)
        await b.put("user:9", number=0)
        await b.put(number=2)
        await b.put("user:9", number=3)
        mine = (await b.replica.identity()).origin
        without_cause = [item for item in items(await b.all()) if item.origin == mine]
        receipt = await c.take(*without_cause)
        await c.pull(b)

        assert (kinds(receipt), receipt.taken) == (["cause_missing"], 1)
        assert await c.replica.heads() == await b.replica.heads()

    async def test_a_clock_ahead_waits_until_it_is_its_time(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        dot = await a.put(number=1)
        hour = timedelta(hours=1)
        await a.clock.advance(-hour)
        early = await b.pull(a)
        await a.clock.advance(hour)
        in_time = await b.pull(a)

        assert (kinds(early), early.vector) == (["clock_ahead"], {})
        assert "3,600 s ahead" in early.refusals[0].sentence
        assert in_time.vector == {dot.origin: 1}

    async def test_a_later_event_here_is_stamped_after_everything_received(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        await a.clock.advance(timedelta(seconds=50))
        theirs = await a.put(number=1)
        await b.pull(a)
        await a.clock.advance(timedelta(seconds=-50))
        ours = await b.put("user:2", number=2)

        assert (await b.at(ours)).hlc > (await b.at(theirs)).hlc

    @pytest.mark.parametrize(
        "changes",
        [
            {"seq": 0},
            {"chain": b"short"},
            {"data": "{"},
            {"data": "[" * 101 + "]" * 101},
            {"metadata": "[]"},
            {"context": '{"a": 1}'},
            {"context": '{"a":0}'},
            {"type": ""},
            {"aggregate": "x" * 2_000},
            {"hashes": bytes(63)},
        ],
        ids=repr,
    )
    async def test_a_batch_with_one_malformed_event_is_refused_whole(
        self, node: MakeNode, changes: dict[str, object]
    ) -> None:
        a, b, c = await node("a"), await node("b"), await node("c")
        await b.put("user:2", number=2)
        dot = await a.put(number=1)
        with pytest.raises(ReplicationRefused, match="Nothing was stored"):
            await c.take(*(await b.all()).items, replace(await a.at(dot), **changes))

        assert await c.vector() == {}

    async def test_own_events_that_were_never_written_here_are_refused(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        dot = await a.put(number=1)
        own = (await b.replica.identity()).origin
        receipt = await b.take(replace(await a.at(dot), origin=own))

        assert (kinds(receipt), await b.vector()) == (["fork"], {})

    async def test_whoever_writes_after_a_merge_knows_all_sides(self, node: MakeNode) -> None:
        a, b, c = await node("a"), await node("b"), await node("c")
        await in_step(a, b, c)
        sides = [await each.put(number=number) for number, each in enumerate((a, b, c))]
        await in_step(a, b, c)
        merged = await a.put(number=9)
        await in_step(a, b, c)
        after = await b.put(number=10)

        assert cause(await a.at(merged)) == dict(sides)
        assert cause(await b.at(after)) == {**dict(sides), merged.origin: merged.seq}

    async def test_the_receipt_counts_aggregates_that_became_contested(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        for aggregate in ("user:1", "user:2"):
            await a.put(aggregate, name="Anna")
        await b.put("user:1", name="Hanna")
        await b.put("user:3", name="Bea")
        first, again = await b.pull(a), await b.pull(a)

        assert (first.conflicts, again.conflicts) == (1, 0)

    async def test_the_engines_own_journal_is_never_contested(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        await a.put("run:1", "run.started", state="running")
        await b.put("run:1", "run.started", state="ended")

        assert (await b.pull(a)).conflicts == 0

    @settings(max_examples=25, deadline=None, suppress_health_check=EVERY_SUBCLASS)
    @given(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=14),
        st.lists(st.tuples(st.integers(0, 13), st.integers(1, 14)), max_size=6),
    )
    async def test_any_batch_in_any_pieces_however_often_makes_the_same_log(
        self, node: MakeNode, writes: list[tuple[int, int]], pieces: list[tuple[int, int]]
    ) -> None:
        nodes = [await node(name) for name in "abc"]
        taker = await node("d")
        for number, (writer, aggregate) in enumerate(writes):
            await nodes[writer].put(f"user:{aggregate}", number=number)
            await nodes[(writer + number) % 3].pull(nodes[writer])
        await in_step(*nodes)
        parts = (await nodes[0].all()).items
        for first, length in pieces:
            await taker.take(*parts[first : first + length])
        await taker.take(*parts)
        await taker.take(*parts)

        assert await taker.replica.heads() == await nodes[0].replica.heads()
        assert sorted(map(repr, items(await taker.all()))) == sorted(map(repr, parts))


class IncarnationContract:
    """A node takes a new origin, and nothing is lost."""

    async def test_what_nobody_has_moves_and_stays_the_same_event(self, node: MakeNode) -> None:
        a = await node("a")
        for number in range(5):
            await a.put(number=number)
        before = items(await a.all())
        old = (await a.replica.identity()).origin
        new = await a.replica.begin_incarnation("restored", {old: 2})
        after = [item for item in items(await a.all()) if item.aggregate == "user:1"]

        assert new == (await a.replica.identity()).origin != old
        assert [(item.origin, item.seq) for item in after] == [(old, 1), (old, 2), (new, 1), (new, 2), (new, 3)]
        assert [(item.id, item.data, item.hlc) for item in after] == [(each.id, each.data, each.hlc) for each in before]
        assert cause(after[2]) == {old: 2}
        assert cause(after[3]) == {old: 2, new: 1}

    async def test_whatever_names_a_moved_event_names_its_new_dot(self, node: MakeNode) -> None:
        a = await node("a")
        kept, moved = await a.put(number=1), await a.put(number=2)
        links = {"conflict": "0123", "settles": [str(kept), str(moved), "elsewhere~1#7"]}
        (resolved,) = await a.write(
            [NewEvent(type="conflict.resolved", aggregate_id="user:1", data={"number": 3}, metadata=links)]
        )
        undoing = {"undoes": str(resolved)}
        await a.write([NewEvent(type="conflict.reopened", aggregate_id="user:1", data={}, metadata=undoing)])
        await a.put(f"event:{moved}", "event.redacted")
        new = await a.replica.begin_incarnation("restored", {moved.origin: 1})
        told = {item.type: item for item in items(await a.all())}

        assert msgspec.json.decode(told["conflict.resolved"].metadata)["settles"] == [
            str(kept),
            f"{new}#1",
            "elsewhere~1#7",
        ]
        assert msgspec.json.decode(told["conflict.reopened"].metadata) == {"undoes": f"{new}#2"}
        assert told["event.redacted"].aggregate == f"event:{new}#1"

    async def test_a_new_incarnation_is_told_as_an_event(self, node: MakeNode) -> None:
        a = await node("a")
        old = (await a.replica.identity()).origin
        await a.replica.begin_incarnation("the state was restored", {old: 0})
        (told,) = items(await a.all())

        assert (told.type, told.aggregate) == ("node.reincarnated", "node:a")
        assert "the state was restored" in told.data

    async def test_others_take_a_moved_history_as_any_other(self, node: MakeNode) -> None:
        a, b = await node("a"), await node("b")
        await a.put(number=1)
        await b.pull(a)
        for number in range(3):
            await a.put(f"user:{number}", number=number)
        await a.replica.begin_incarnation("restored", await b.vector())
        receipt = await b.pull(a)

        assert (receipt.refusals, receipt.conflicts, receipt.taken) == ((), 0, 4)
        assert await b.replica.heads() == await a.replica.heads()

    async def test_what_was_lost_comes_back_from_a_peer(self, node: MakeNode) -> None:
        a, restored, b = await node("a"), await node("a"), await node("b")
        old = (await a.replica.identity()).origin
        for number in range(4):
            await a.put(number=number)
        await b.pull(a)
        await restored.replica.begin_incarnation("restored", {(await restored.replica.identity()).origin: 0})
        receipt = await restored.pull(b)
        later = await restored.put(number=9)

        assert (receipt.taken, receipt.refusals) == (4, ())
        assert cause(await restored.at(later)) == {old: 4}

    async def test_whoever_comes_second_moves_nothing(self, node: MakeNode) -> None:
        a = await node("a")
        await a.put(number=1)
        keep: Vector = {(await a.replica.identity()).origin: 0}
        first = await a.replica.begin_incarnation("restored", keep)
        second = await a.replica.begin_incarnation("restored", keep)

        assert first == second
        assert len(items(await a.all())) == 2


class ReplicaContract(SendingContract, FilterContract, ReceivingContract, IncarnationContract):
    """All that other nodes rely on."""
