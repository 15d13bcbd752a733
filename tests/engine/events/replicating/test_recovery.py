"""Restored backups and clones: noticed before one event leaves, mended, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.event import Dot, Origin
from engine.events.replicating.messages import Batch
from engine.events.replicating.recovery import PROBES, Bisection
from engine.events.replicating.responder import Responder
from engine.notices import Notices
from engine.settings.replication import Direction
from tests.doubles.remote import RespondingRemote
from tests.engine.events.replicating.nodes import Node

ORIGIN = Origin("desk~00000001")


def events_left_before(remote: RespondingRemote, new_origin: Origin) -> list[Batch]:
    """Return the pushed batches that hold events of any origin but the new one."""
    return [
        sent
        for sent in remote.sent
        if isinstance(sent, Batch) and any(each.origin != new_origin for each in sent.items)
    ]


async def test_a_restored_backup_takes_a_new_origin_and_gets_back_what_it_lost() -> None:
    desk, hub = Node("desk"), Node("hub")
    await desk.write_many(3)
    backup = desk.memory.copy()
    await desk.write_many(4)
    await desk.sync(hub)
    lost = desk.ids()

    restored = desk.restored(backup)
    result = await restored.sync(hub)

    assert restored.own != desk.own
    assert result.pulled == 4
    assert lost <= restored.ids()
    assert "restored from a backup or copied" in result.recovered
    assert restored.vector() == hub.vector()


async def test_a_restored_backup_that_was_written_to_keeps_both_its_old_and_its_new_events() -> None:
    desk, hub = Node("desk"), Node("hub")
    await desk.write_many(3)
    backup = desk.memory.copy()
    await desk.write_many(4, "before:{}")
    await desk.sync(hub)
    restored = desk.restored(backup)
    await restored.write_many(2, "after:{}")
    everything = desk.ids() | restored.ids()
    hub.remote.sent.clear()

    result = await restored.sync(hub)

    assert result.error == ""
    assert everything <= restored.ids() == hub.ids()
    assert events_left_before(hub.remote, restored.own) == []
    assert hub.vector()[desk.own] == 7


async def test_a_backup_restored_on_the_callees_side_is_noticed_there() -> None:
    desk, hub = Node("desk"), Node("hub")
    await hub.write_many(3)
    backup = hub.memory.copy()
    await hub.write_many(4, "before:{}")
    await desk.sync(hub)
    everything = hub.ids()

    restored = hub.restored(backup)
    result = await desk.sync(restored)

    assert restored.own != hub.own
    assert result.error == ""
    assert everything <= restored.ids()
    assert restored.vector() == {**desk.vector(), **restored.vector()}


async def test_the_callees_operator_is_told_of_its_new_origin() -> None:
    desk, hub = Node("desk"), Node("hub")
    backup = hub.memory.copy()
    await hub.write_many(4)
    await desk.sync(hub)
    restored, notices = hub.restored(backup), Notices()

    with notices.subscribe("node.") as told:
        await desk.sync(RespondingRemote(Responder(restored.replica, notices=notices)))
        (notice,) = [await anext(aiter(told))]

    assert notice.subject == restored.own
    assert f"desk knows events of {hub.own} that this node does not have" in str(notice.detail)


async def test_a_backup_restored_and_written_to_on_the_callees_side_loses_nothing() -> None:
    desk, hub = Node("desk"), Node("hub")
    await hub.write_many(30)
    backup = hub.memory.copy()
    await hub.write_many(40, "before:{}")
    await desk.sync(hub)
    restored = hub.restored(backup)
    await restored.write_many(50, "after:{}")
    everything = hub.ids() | restored.ids()

    result = await desk.sync(restored)

    assert result.error == ""
    assert restored.own != hub.own
    assert everything <= restored.ids()
    assert everything <= desk.ids()


async def test_a_clone_that_wrote_nothing_takes_a_new_origin_before_it_writes() -> None:
    desk = Node("desk")
    await desk.write_many(3)
    clone = desk.restored(desk.memory)

    result = await clone.sync(desk)
    await clone.write("user:c")
    await desk.write("user:d")
    await clone.sync(desk)

    assert result.error == ""
    assert clone.own != desk.own
    assert clone.ids() == desk.ids()


async def test_of_two_clones_that_both_wrote_each_keeps_its_events() -> None:
    desk = Node("desk")
    await desk.write_many(20)
    clone = desk.restored(desk.memory)
    await desk.write_many(5, "here:{}")
    await clone.write_many(6, "there:{}")
    everything = desk.ids() | clone.ids()
    desk.remote.sent.clear()

    result = await clone.sync(desk)

    assert result.error == ""
    assert everything <= clone.ids() == desk.ids()
    assert events_left_before(desk.remote, clone.own) == []


async def test_of_two_clones_the_one_that_is_behind_takes_a_new_origin() -> None:
    """What the other wrote since may be with third nodes already: moving it would give it two histories there."""
    desk, third = Node("desk"), Node("third")
    await desk.write_many(3)
    clone = desk.restored(desk.memory)
    await desk.write_many(2)
    await desk.sync(third)
    own = desk.own

    result = await desk.sync(clone)
    await clone.write()
    await third.sync(clone)

    assert result.error == ""
    assert desk.own == own != clone.own
    assert third.vector()[own] == 5
    assert third.vector() == clone.vector()


async def test_a_node_that_is_its_own_peer_is_told_so_and_keeps_its_origin() -> None:
    desk = Node("desk")
    await desk.write_many(2)
    own = desk.own

    result = await desk.sync(desk)

    assert result.error_kind == "clone"
    assert "leads to this node itself" in result.error
    assert desk.own == own


async def test_events_written_while_the_peer_greets_are_no_restored_backup() -> None:
    desk, hub = Node("desk"), Node("hub")
    await desk.write_many(2)
    await desk.sync(hub)
    own = desk.own

    async def hub_pulls_meanwhile(name: str, message: object) -> None:
        if name == "greet":
            await desk.write()
            await hub.replica.receive(await desk.everything())

    hub.remote.faults.before = hub_pulls_meanwhile
    result = await desk.sync(hub)

    assert (result.error, result.recovered, desk.own) == ("", "", own)


async def test_a_fork_of_a_third_origin_is_left_out_and_named_and_the_rest_goes_on() -> None:
    desk, hub, third = Node("desk"), Node("hub"), Node("third")
    await third.write_many(2)
    clone = third.restored(third.memory)
    await third.write("user:a")
    await clone.write("user:b")
    await desk.sync(third, Direction.PULL)
    await hub.sync(clone, Direction.PULL)
    await hub.write("user:h")
    await desk.write("user:d")

    result = await desk.sync(hub)

    assert [(refusal.origin, refusal.kind) for refusal in result.refusals] == [(third.own, "fork")]
    assert "has two histories" in result.refusals[0].sentence
    assert desk.vector()[hub.own] == hub.vector()[hub.own] == 1
    assert hub.vector()[desk.own] == 1


async def test_a_push_only_node_fetches_what_it_wrote_itself_and_lost() -> None:
    desk, hub = Node("desk"), Node("hub")
    await desk.write_many(2)
    backup = desk.memory.copy()
    await desk.write_many(3)
    await desk.sync(hub)
    await hub.write_many(4, "hub:{}")

    restored = desk.restored(backup)
    result = await restored.sync(hub, Direction.PUSH)

    assert result.pulled == 3
    assert hub.own not in restored.vector()


async def test_the_incarnation_is_recorded() -> None:
    desk, hub = Node("desk"), Node("hub")
    await desk.write_many(1)
    backup = desk.memory.copy()
    await desk.write_many(1)
    await desk.sync(hub)
    restored = desk.restored(backup)

    await restored.sync(hub)

    assert [item.type for item in restored.memory.log.values()].count("node.reincarnated") == 1


@given(st.integers(0, 5_000), st.integers(1, 5_000), st.sets(st.integers(1, 10_000)))
def test_the_last_common_dot_is_found_in_few_questions(common: int, more: int, unknown: set[int]) -> None:
    bisection = Bisection(Dot(ORIGIN, common + more))
    questions = 0
    while not bisection.done:
        probes = bisection.probes()
        assert 0 < len(probes) <= PROBES
        here = [b"" if dot.seq in unknown else b"%d" % dot.seq for dot in probes]
        there = [b"%d" % dot.seq if dot.seq <= common else b"other" for dot in probes]
        bisection.learn(here, there)
        questions += 1

    assert bisection.common <= common
    assert bisection.common == common or unknown
    assert questions <= 4 or unknown


@pytest.mark.parametrize("direction", list(Direction))
async def test_whichever_way_events_go_the_backup_is_noticed(direction: Direction) -> None:
    desk, hub = Node("desk"), Node("hub")
    await desk.write_many(2)
    backup = desk.memory.copy()
    await desk.write_many(2)
    await desk.sync(hub)
    restored = desk.restored(backup)
    old = restored.own
    await restored.write()

    await restored.sync(hub, direction)

    assert restored.own != old
    assert hub.vector()[old] == 4
