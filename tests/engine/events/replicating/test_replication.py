"""The façade: what is told, remembered and recorded of syncs."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import NothingFound, ReadOnly, RemoteRefused, RemoteUnavailable, SecretUnavailable, StorageError
from engine.events.replicating.line import Line
from engine.events.replicating.messages import Batch, Digest, Receipt
from engine.events.replicating.recording import QUIET
from engine.events.replicating.replication import Replication
from engine.events.replicating.standing import Connection, SyncResult
from engine.settings.replication import Direction
from tests.engine.events.replicating.nodes import Node, settings

HUB = settings("hub")


def records(node: Node) -> list[Any]:
    """Return what was recorded of syncs, by this node."""
    return [
        event.data for event in node.memory.events.values() if event.type == "peer.synced" and event.origin == node.own
    ]


def pair() -> tuple[Node, Node, Replication]:
    desk, hub = Node("desk"), Node("hub")
    return desk, hub, desk.replication((HUB, hub.remote))


async def test_a_sync_is_remembered_told_and_recorded() -> None:
    desk, hub, replication = pair()
    await hub.write_many(3)
    with desk.notices.subscribe("peer.") as told:
        result = await replication.sync("hub")
        notices = [told._notices.popleft() for _ in range(2)]

    status = await replication.peer("hub")
    assert (result.pulled, result.complete) == (3, True)
    assert [(notice.topic, notice.subject) for notice in notices] == [("peer.synced", "hub"), ("peer.changed", "hub")]
    assert notices[0].detail == result
    assert status.connection is Connection.CONNECTED
    assert status.memory.last == result
    assert (status.memory.node, status.memory.origin) == ("hub", hub.own)
    assert [record["pulled"] for record in records(desk)] == [3]


async def test_a_failed_sync_is_never_told_as_done() -> None:
    desk, hub, replication = pair()
    hub.remote.faults.refuse = RemoteUnavailable("No connection.")

    result = await desk.clock.finish(replication.sync("hub"))
    again = await desk.clock.finish(replication.sync("hub"))

    status = await replication.peer("hub")
    assert (result.complete, result.error_kind) == (False, "unavailable")
    assert not again.complete
    assert (status.connection, status.memory.failures) == (Connection.LOST, 2)
    assert status.memory.error == "No connection."
    assert status.memory.met_at is None


async def test_a_disk_that_is_full_here_is_not_said_of_the_line() -> None:
    desk, hub, replication = pair()
    await hub.write_many(3)

    async def full(batch: Batch) -> Receipt:
        raise StorageError("The disk is full.")

    desk.replica.receive = full  # type: ignore[method-assign]
    result = await replication.sync("hub")

    status = await replication.peer("hub")
    assert (result.error, result.error_kind) == ("The disk is full.", "storage")
    assert (status.connection, status.memory.met_at) == (Connection.CONNECTED, result.ended_at)


async def test_a_secret_that_is_missing_is_a_result_in_words() -> None:
    _desk, hub, replication = pair()

    def no_secret() -> None:
        raise SecretUnavailable("keyring:hub holds nothing. Put it there: syncdeck secrets set hub")

    hub.remote.connect = no_secret  # type: ignore[method-assign, assignment]
    result = await replication.sync("hub")

    assert result.error_kind == "refused"
    assert "syncdeck secrets set hub" in result.error


async def test_idle_syncs_leave_no_trace_in_the_log() -> None:
    desk, hub, replication = pair()
    for _ in range(3):
        assert (await replication.sync("hub")).complete

    assert desk.memory.events == hub.memory.events == {}


async def test_two_nodes_that_sync_with_one_another_come_to_rest() -> None:
    """A record of a sync is an event, which the next sync moves: that one must not be recorded again, for ever."""
    desk, hub = Node("desk"), Node("hub")
    ours = desk.replication((HUB, hub.remote))
    theirs = hub.replication((settings("desk"), desk.remote))
    await desk.write_many(2)
    await hub.write_many(2)
    for _ in range(4):
        await ours.sync("hub")
        await theirs.sync("desk")
    before = desk.vector()

    for _ in range(5):
        await ours.sync("hub")
        await theirs.sync("desk")

    assert desk.vector() == hub.vector() == before
    assert len(records(desk)) + len(records(hub)) <= 2


async def test_a_failure_is_recorded_once_and_its_end_once() -> None:
    desk, hub, replication = pair()
    for refusal in (RemoteRefused("No."), RemoteRefused("No."), RemoteRefused("No."), None, None):
        hub.remote.faults.refuse = refusal
        await replication.sync("hub")

    assert [record["error_kind"] for record in records(desk)] == ["refused", ""]


async def test_automatic_syncs_of_a_busy_minute_are_recorded_as_one() -> None:
    desk, hub, replication = pair()
    line = Line(lambda _: hub.remote, HUB)
    for _ in range(30):
        await hub.write()
        await replication._sync_by_itself(HUB, line, None)
        desk.clock.jump(timedelta(seconds=1))
        hub.clock = desk.clock
    desk.clock.jump(QUIET)
    await replication._sync_by_itself(HUB, line, None)

    assert [record["pulled"] for record in records(desk)] == [1, 29]


async def test_what_was_put_off_is_recorded_when_the_automatic_syncs_end() -> None:
    desk, hub, replication = pair()
    line = Line(lambda _: hub.remote, HUB)
    for _ in range(3):
        await hub.write()
        await replication._sync_by_itself(HUB, line, None)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(replication.run())
        await desk.clock.settle()
        running.cancel()

    assert [record["pulled"] for record in records(desk)] == [1, 2]


async def test_a_peers_refusal_is_told_in_its_own_name() -> None:
    desk, _hub, replication = pair()
    desk.clock.jump(timedelta(hours=1))
    await desk.write()

    result = await replication.sync("hub")

    assert [refusal.kind for refusal in result.refusals] == ["clock_ahead"]
    assert result.refusals[0].sentence.startswith("hub says: Event 1 of desk~")
    assert not result.complete


async def test_two_syncs_with_a_peer_at_once_are_one() -> None:
    desk, hub, replication = pair()
    first_may_go = asyncio.Event()

    async def wait(name: str, message: object) -> None:
        await first_may_go.wait()

    hub.remote.faults.before = wait
    async with asyncio.TaskGroup() as group:
        first = group.create_task(replication.sync("hub"))
        await desk.clock.settle()
        second = await replication.sync("hub")
        first_may_go.set()

    assert (second.error_kind, second.attempts) == ("busy", 0)
    assert first.result().complete
    assert hub.remote.calls == ["greet"]


async def test_a_paused_peer_is_left_alone_until_resumed() -> None:
    _desk, _hub, replication = pair()
    await replication.pause("hub")
    paused = await replication.sync("hub")
    everything = await replication.sync_all()
    status = await replication.peer("hub")
    await replication.resume("hub")

    assert (paused.error_kind, everything, status.connection) == ("paused", [], Connection.PAUSED)
    assert (await replication.sync("hub")).complete


async def test_a_pause_during_a_sync_is_not_forgotten_at_its_end() -> None:
    _desk, hub, replication = pair()

    async def pause(name: str, message: object) -> None:
        await replication.pause("hub")

    hub.remote.faults.before = pause
    await replication.sync("hub")

    assert (await replication.peer("hub")).connection is Connection.PAUSED


async def test_a_peer_stands_as_far_behind_as_its_oldest_missing_event_is_old() -> None:
    desk, _hub, replication = pair()
    await desk.write()
    await replication.sync("hub")
    await replication.sync("hub")
    in_step = await replication.peer("hub")
    await desk.write_many(3)
    desk.clock.jump(timedelta(seconds=90))
    await desk.write()

    behind = await replication.peer("hub")

    assert (in_step.to_push, in_step.to_pull, in_step.lag_seconds) == (0, 0, None)
    assert (behind.to_push, behind.lag_seconds) == (4, 90.0)


async def test_a_peer_never_met_lags_nobody_knows_how_far() -> None:
    desk, _, replication = pair()
    await desk.write()

    status = await replication.peer("hub")

    assert (status.connection, status.to_push, status.lag_seconds) == (Connection.NEVER, 0, None)


async def test_a_peer_that_does_not_exist_is_named_with_its_nearest() -> None:
    _, _, replication = pair()

    with pytest.raises(NothingFound, match="There is no peer hup"):
        await replication.sync("hup")


async def test_who_may_only_look_cannot_sync() -> None:
    desk, hub = Node("desk"), Node("hub")
    replication = desk.replication((HUB, hub.remote))
    looking = Replication(dataclasses.replace(replication._means, read_only=True))

    with pytest.raises(ReadOnly, match="may only look"):
        await looking.sync("hub")
    assert (await looking.compare("hub")).equal


async def test_equal_nodes_are_proven_equal_records_of_syncs_aside() -> None:
    desk, hub, replication = pair()
    await desk.write_many(3)
    await hub.write_many(3, "order:{}")
    await replication.sync("hub")
    before = (desk.vector(), hub.vector())

    found = await replication.compare("hub")

    assert found.equal
    assert (found.records_here, found.records_there) == (1, 0)
    assert (desk.vector(), hub.vector()) == before


async def test_what_is_lacking_is_counted_and_states_are_not_compared_then() -> None:
    desk, hub, replication = pair()
    await desk.write_many(3)
    await hub.write_many(2, "order:{}")

    found = await replication.compare("hub")

    assert (found.order, found.lacking_here, found.lacking_there) == ("concurrent", 2, 3)
    assert (found.states_equal, found.equal) == (None, False)


async def test_histories_that_part_are_named_with_the_first_event_that_differs() -> None:
    desk, hub = Node("desk"), Node("hub")
    third = Node("third")
    await third.write_many(40)
    clone = third.restored(third.memory)
    await third.write_many(5, "a:{}")
    await clone.write_many(9, "b:{}")
    await desk.sync(third, Direction.PULL)
    await hub.sync(clone, Direction.PULL)
    replication = desk.replication((HUB, hub.remote))

    found = await replication.compare("hub")

    assert found.forks == {third.own: 41}
    assert not found.equal


async def test_a_state_that_differs_is_found_by_name() -> None:
    desk, hub, replication = pair()
    await desk.write_many(50)
    await replication.sync("hub")

    def otherwise(answer: object) -> object:
        if not isinstance(answer, Digest):
            return answer
        if answer.sums:
            return replace(answer, sums=tuple(f"{int(each, 16) + 1:032x}" for each in answer.sums))
        changed = {name: "0" * 64 for name in answer.aggregates if name == "user:7"}
        return replace(answer, aggregates={**answer.aggregates, **changed})

    hub.remote.faults.answered = otherwise
    found = await replication.compare("hub")

    assert [each.aggregate_id for each in found.differing] == ["user:7"]
    assert found.states_equal is False


async def test_what_a_filter_leaves_out_is_not_said_to_be_equal() -> None:
    desk, hub = Node("desk"), Node("hub")
    replication = desk.replication((settings("hub", aggregates=("user:*",)), hub.remote))
    await hub.write("user:1")
    await hub.write("order:1")
    await replication.sync("hub")

    found = await replication.compare("hub")

    assert found.states_equal is True
    assert found.note == "Looked at: user:*. The filter leaves out events of all others."


@pytest.mark.parametrize("data", [{"n": 0}, {}], ids=["another state", "the same state"])
async def test_states_are_compared_only_while_nobody_writes(data: dict[str, int]) -> None:
    desk, hub, replication = pair()
    await desk.write_many(3)
    await replication.sync("hub")

    async def write_meanwhile(name: str, message: object) -> None:
        if name == "digest":
            await hub.write("user:1", data)

    hub.remote.faults.before = write_meanwhile
    found = await replication.compare("hub")

    assert found.states_equal is None
    assert found.differing == ()


async def test_a_connection_is_tried_step_by_step_and_nothing_is_exchanged() -> None:
    desk, hub, replication = pair()
    await hub.write_many(2)

    steps = await replication.test(HUB)

    assert [(step, fine) for step, fine, _ in steps] == [
        ("address", True), ("TLS", True), ("token", True), ("protocol", True), ("histories", True)
    ]  # fmt: skip
    assert "hub has 2 events that are not here" in steps[-1][2]
    assert desk.vector() == {}
    assert (await replication.peer("hub")).connection is Connection.NEVER


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (RemoteUnavailable("No route."), [("address", False)]),
        (RemoteRefused("Not trusted.", about="TLS"), [("address", True), ("TLS", False)]),
        (RemoteRefused("Unknown token.", about="token"), [("address", True), ("TLS", True), ("token", False)]),
    ],
)
async def test_the_step_that_fails_is_the_last(failure: RemoteRefused, expected: list[tuple[str, bool]]) -> None:
    _, hub, replication = pair()
    hub.remote.faults.refuse = failure

    steps = await replication.test(HUB)

    assert [(step, fine) for step, fine, _ in steps] == expected
    assert steps[-1][2] == str(failure)


async def test_syncs_are_counted_by_what_came_of_them() -> None:
    _desk, hub, replication = pair()
    await hub.write_many(3)
    await replication.sync("hub")
    hub.remote.faults.refuse = RemoteRefused("No.")
    await replication.sync("hub")

    numbers = {(metric.name, *metric.labels.values()): metric.value for metric in replication.measures.snapshot()}
    durations = next(each for each in replication.measures.snapshot() if each.kind == "histogram")

    assert numbers["syncdeck_sync_events", "hub", "pulled"] == 3
    assert numbers["syncdeck_syncs", "hub", "complete"] == numbers["syncdeck_syncs", "hub", "failed"] == 1
    assert numbers["syncdeck_sync_errors", "hub", "refused"] == 1
    assert numbers["syncdeck_sync_conflicts", "hub"] == 0
    assert durations.buckets[-1] == (float("inf"), 2)
    assert isinstance((await replication.peer("hub")).memory.last, SyncResult)
