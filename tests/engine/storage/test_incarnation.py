"""A new incarnation: what nobody else has moves, and everything that refers to it goes along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ReplicationRefused
from engine.events.event import Dot, Event, NewEvent, Origin
from engine.events.merging.evaluate import quiet, state_hash
from engine.storage import incarnation
from engine.storage.event_redaction import redact_in
from engine.storage.event_verify import verify
from tests.doubles.clock import ManualClock
from tests.engine.storage.nodes import StoredNode, stored_node

APP = Origin("app-7")


@pytest.fixture
async def a(tmp_path: Path, clock: ManualClock) -> AsyncIterator[StoredNode]:
    async with stored_node(tmp_path / "a.db", clock) as node:
        yield node


@pytest.fixture
async def b(tmp_path: Path, clock: ManualClock) -> AsyncIterator[StoredNode]:
    async with stored_node(tmp_path / "b.db", clock) as node:
        yield node


async def begin(node: StoredNode, kept: int) -> tuple[Origin, Origin]:
    """Begin an incarnation; return the old and the new origin."""
    old = (await node.replica.identity()).origin
    return old, await node.replica.begin_incarnation("restored", {old: kept})


async def of_users(node: StoredNode) -> list[Event]:
    return [event for event in await node.events() if event.aggregate_id.startswith("user:")]


async def test_an_applications_events_that_knew_of_moved_ones_know_their_new_dots(a: StoredNode) -> None:
    await a.put(name="Anna")
    await a.log.append([NewEvent(type="x", aggregate_id="user:1", dot=Dot(APP, 1))])
    await a.put(name="Bea")
    await a.log.append([NewEvent(type="x", aggregate_id=f"user:{n}", dot=Dot(APP, n)) for n in (2, 3)])
    old, new = await begin(a, 1)
    contexts = {str(event.dot): event.context for event in await of_users(a)}

    assert contexts == {
        f"{old}#1": {},
        "app-7#1": {old: 1},
        f"{new}#1": {old: 1, APP: 1},
        "app-7#2": {},
        "app-7#3": {},
    }
    assert verify(a.database.path).whole


async def test_the_rest_of_an_applications_chain_follows_the_changed_event(a: StoredNode, b: StoredNode) -> None:
    await a.put(name="Anna")
    events = [NewEvent(type="x", aggregate_id=f"user:{n}", dot=Dot(APP, n)) for n in (1, 2, 3)]
    await a.log.append(events)
    _, new = await begin(a, 0)
    receipt = await b.pull(a)

    assert (await a.log.history("user:1"))[1].context == {new: 1}
    assert (receipt.taken, receipt.refusals) == (5, ())
    assert verify(a.database.path).whole


async def test_resolutions_and_their_undoing_name_the_new_dots(a: StoredNode) -> None:
    first = await a.put(name="Anna")
    links = {"conflict": "0123", "settles": [str(first.dot), "elsewhere~1#7"]}
    resolved = NewEvent(type="conflict.resolved", aggregate_id="user:1", data={"name": "Bea"}, metadata=links)
    (resolution,) = await a.log.append([resolved], own=True)
    undone = {"undoes": str(resolution.dot), "conflict": "0123"}
    await a.log.append([NewEvent(type="conflict.reopened", aggregate_id="user:1", data={}, metadata=undone)], own=True)
    _, new = await begin(a, 0)
    history = await a.log.history("user:1")

    assert history[1].metadata == {"conflict": "0123", "settles": [f"{new}#1", "elsewhere~1#7"]}
    assert history[2].metadata == {"undoes": f"{new}#2", "conflict": "0123"}
    assert verify(a.database.path).whole


async def test_a_redaction_goes_on_to_mean_the_same_event(a: StoredNode, b: StoredNode) -> None:
    await a.put("user:9")
    secret = await a.put(name="Anna")
    await a.put(f"event:{secret.dot}", "event.redacted", reason="asked for")
    await a.database.write(lambda connection: redact_in(connection, secret.dot))
    _, new = await begin(a, 1)
    await b.pull(a)

    assert [event.aggregate_id for event in await b.events()][2] == f"event:{new}#1"
    assert await a.database.rows("SELECT origin, seq FROM redaction") == [(new, 1)]
    assert [event.redacted for event in await of_users(b)] == [False, True]
    assert verify(b.database.path).whole


async def test_an_event_is_still_found_by_its_id_and_not_taken_twice(a: StoredNode) -> None:
    given = NewEvent(type="x", aggregate_id="user:1", id="import-1")
    await a.log.append([given])
    made = await a.put("user:2")
    _, new = await begin(a, 0)

    assert [event.dot for event in await a.log.append([given])] == [Dot(new, 1)]
    assert (await a.log.by_ids([made.id]))[made.id].dot == Dot(new, 2)


async def test_contested_aggregates_stay_so_with_the_same_heads(a: StoredNode, b: StoredNode) -> None:
    await a.put(name="Anna")
    await b.put(name="Hanna")
    await a.pull(b)
    before = await a.contested()
    _, new = await begin(a, 0)
    after = await a.put(title="Dr")

    assert before == {"user:1": [1, 2]}
    assert after.context.keys() == {new, (await b.replica.identity()).origin}
    assert after.context[new] == 1


async def test_a_node_that_wrote_nothing_takes_a_new_name_all_the_same(a: StoredNode) -> None:
    old, new = await begin(a, 0)

    assert old != new
    assert [(event.type, event.origin) for event in await a.events()] == [("node.reincarnated", new)]
    assert (await a.events())[0].data == {"reason": "restored", "before": old, "after": new, "moved": 0}


async def test_a_peer_that_says_again_and_again_that_it_knows_more_is_not_believed_for_ever(
    a: StoredNode, clock: ManualClock
) -> None:
    await a.put(name="Anna")
    for _ in range(incarnation.MOST_IN_AN_HOUR):
        await begin(a, 0)
    before = await a.events()

    with pytest.raises(
        ReplicationRefused, match=r"took 10 new origins within an hour.*node\.reincarnated names the peer"
    ):
        await begin(a, 0)

    assert await a.events() == before
    await a.put(name="Bea")
    clock.jump(timedelta(hours=2))
    old, new = await begin(a, 0)
    assert old != new


async def test_a_third_incarnation_follows_the_second(a: StoredNode, b: StoredNode) -> None:
    await a.put(name="1")
    first, second = await begin(a, 1)
    await a.put(name="2")
    again, third = await begin(a, 1)
    await a.put(name="3")

    assert again == second
    assert (await b.pull(a)).refusals == ()
    assert await b.log.vector() == {first: 1, second: 1, third: 3}


async def test_other_nodes_of_the_same_file_go_along(a: StoredNode, b: StoredNode, clock: ManualClock) -> None:
    await a.put(name="Anna")
    async with stored_node(a.database.path, clock, "hamburg") as other:
        theirs = await other.put(name="Bea")
        _, new = await begin(a, 0)
        receipt = await b.pull(other)

        assert (await other.log.at_dot(theirs.dot) or theirs).context == {new: 1}
        assert receipt.refusals == ()


WRITES = st.lists(st.tuples(st.sampled_from(("a", "b", "app", "pull")), st.integers(0, 2)), max_size=20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=WRITES, after=WRITES, page=st.integers(1, 5))
async def test_whatever_was_written_the_moved_history_is_sound_says_the_same_and_replicates(
    tmp_path_factory: pytest.TempPathFactory, before: list[tuple[str, int]], after: list[tuple[str, int]], page: int
) -> None:
    folder, clock = tmp_path_factory.mktemp("nodes"), ManualClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incarnation, "AT_ONCE", page)
        async with stored_node(folder / "a.db", clock) as a, stored_node(folder / "b.db", clock) as b:
            await _write(a, b, before, 0)
            await b.pull(a)
            vector = dict(await b.log.vector())
            await _write(a, b, [each for each in after if each[0] != "b"], len(before))
            written = len(await of_users(a))
            old = (await a.replica.identity()).origin
            await a.replica.begin_incarnation("restored", {old: vector.get(old, 0)})
            assert len(await of_users(a)) == written
            refusals = [*(await b.pull(a)).refusals, *(await a.pull(b)).refusals]

            assert verify(a.database.path).whole
            assert refusals == []
            assert await b.replica.heads() == await a.replica.heads()
            for number in range(3):
                histories = [await each.log.history(f"user:{number}") for each in (a, b)]
                assert len({state_hash(f"user:{number}", history) for history in histories}) == 1
                assert (f"user:{number}" in await a.contested()) == (not quiet(histories[0]))


async def _write(a: StoredNode, b: StoredNode, writes: list[tuple[str, int]], start: int) -> None:
    for number, (who, about) in enumerate(writes, start=start):
        if who == "app":
            seq = (await a.log.vector()).get(APP, 0) + 1
            event = NewEvent(type="x", aggregate_id=f"user:{about}", data={"app": number}, dot=Dot(APP, seq))
            await a.log.append([event])
        elif who == "pull":
            await a.pull(b)
        else:
            await {"a": a, "b": b}[who].put(f"user:{about}", name=number)
