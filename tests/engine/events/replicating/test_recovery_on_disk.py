"""Restored backups and cloned state files, with the real store: whatever was written when, no event leaves wrongly and
none is lost."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from engine.events.event import Origin
from engine.events.replicating.messages import Batch, Selection
from engine.events.replicating.patience import Patience
from engine.events.replicating.replicate import Exchange, Exchanged
from engine.events.replicating.responder import Responder
from engine.events.replicating.session import Terms
from engine.settings.replication import Direction
from tests.doubles.clock import ManualClock
from tests.doubles.remote import RespondingRemote
from tests.engine.storage.nodes import StoredNode, stored_node


async def sync(
    caller: StoredNode, callee: StoredNode, wanted: Selection | None = None, filled: str = ""
) -> tuple[Exchanged, RespondingRemote]:
    remote = RespondingRemote(Responder(callee.replica))
    exchange = Exchange(remote, caller.replica, clock=ManualClock(), chance=Random(1).random, patience=Patience())
    terms = Terms(peer="peer", direction=Direction.BOTH, wanted=wanted or Selection(), filled=filled)
    return await exchange.run(terms), remote


async def write(node: StoredNode, many: int, note: str) -> None:
    for number in range(many):
        await node.put(f"user:{number % 3}", note=f"{note} {number}")


async def notes(node: StoredNode) -> set[str]:
    """Return what was ever written at a node or came to it."""
    return {event.data["note"] for event in await node.events() if "note" in event.data}


def origins_sent(remote: RespondingRemote) -> set[Origin]:
    return {each.origin for sent in remote.sent if isinstance(sent, Batch) for each in sent.items}


STORIES = [
    (before, lost, after, caller)
    for before in (0, 7)
    for lost in (0, 1, 5)
    for after in (0, 6)
    for caller in (True, False)
]


@pytest.mark.parametrize(("before", "lost", "after", "calls"), STORIES)
async def test_a_restored_file_is_noticed_and_mended_whoever_calls(
    tmp_path: Path, before: int, lost: int, after: int, calls: bool
) -> None:
    clock = ManualClock()
    async with stored_node(tmp_path / "hub.db", clock) as hub:
        await write(hub, 2, "at hub")
        async with stored_node(tmp_path / "desk.db", clock) as desk:
            first = (await desk.replica.identity()).origin
            await write(desk, before, "before the backup")
        shutil.copy(tmp_path / "desk.db", tmp_path / "backup.db")
        async with stored_node(tmp_path / "desk.db", clock) as desk:
            await write(desk, lost, "lost with the disk")
            await sync(desk, hub)
            everything = await notes(desk)
        async with stored_node(tmp_path / "backup.db", clock, "desk") as desk:
            await write(desk, after, "after the restore")
            everything |= await notes(desk)
            result, remote = await sync(desk, hub) if calls else await sync(hub, desk)
            again, _ = await sync(desk, hub) if calls else await sync(hub, desk)

            assert (result.error, result.refusals, again.error) == ("", (), "")
            assert await notes(desk) == await notes(hub) == everything
            assert await desk.log.vector() == await hub.log.vector()
            own = (await desk.replica.identity()).origin
            assert (own == first) == (lost == 0)
            if calls and lost:
                assert origins_sent(remote) <= {own}


@pytest.mark.parametrize(("here", "there"), [(0, 0), (0, 3), (3, 0), (3, 4), (4, 3)])
async def test_a_cloned_file_is_noticed_and_both_keep_what_they_wrote(tmp_path: Path, here: int, there: int) -> None:
    clock = ManualClock()
    async with stored_node(tmp_path / "desk.db", clock) as desk:
        await write(desk, 5, "before the copy")
    shutil.copy(tmp_path / "desk.db", tmp_path / "clone.db")
    async with (
        stored_node(tmp_path / "desk.db", clock) as desk,
        stored_node(tmp_path / "clone.db", clock, "desk") as clone,
    ):
        await write(desk, here, "at the desk")
        await write(clone, there, "at the clone")
        everything = await notes(desk) | await notes(clone)

        result, _ = await sync(desk, clone)
        await write(desk, 2, "later at the desk")
        await write(clone, 2, "later at the clone")
        again, _ = await sync(desk, clone)

        assert (result.error, again.error, again.refusals) == ("", "", ())
        assert everything < await notes(desk) == await notes(clone)
        assert (await desk.replica.identity()).origin != (await clone.replica.identity()).origin


async def test_one_file_opened_twice_is_no_clone(tmp_path: Path) -> None:
    clock = ManualClock()
    async with stored_node(tmp_path / "desk.db", clock) as desk, stored_node(tmp_path / "desk.db", clock) as same:
        await write(desk, 2, "here")
        result, _ = await sync(desk, same)

        assert result.error_kind == "clone"
        assert "leads to this node itself" in result.error


async def test_a_filter_that_becomes_wider_and_wider_ends_with_everything(tmp_path: Path) -> None:
    clock = ManualClock()
    async with stored_node(tmp_path / "desk.db", clock) as desk, stored_node(tmp_path / "hub.db", clock) as hub:
        kinds = ["user.changed", "order.placed", "note.written"]
        for number in range(30):
            await hub.put(f"thing:{number % 4}", kinds[number % 3], note=f"{number}")
        filled = ""
        for types, expected in (("user.*",), 10), (("user.*", "order.*"), 20), ((), 30):
            result, _ = await sync(desk, hub, Selection(types=types), filled)
            filled = result.filled
            assert (result.error, result.refusals) == ("", ())
            assert len(await notes(desk)) == expected
        result, remote = await sync(desk, hub, filled=filled)

        assert remote.calls == ["greet"]
        assert await desk.log.vector() == await hub.log.vector()
