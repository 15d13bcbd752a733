"""A process that is stopped in the middle of a transaction keeps all others from writing: they are told so, with its
number, nothing unsafe happens, and everything goes on once it does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.coordination.standing import Claim, SessionId
from engine.coordination.store import Store
from engine.errors import CoordinationUnavailable
from engine.storage.care import Care
from engine.storage.coordination import line
from engine.storage.coordination import store as opening
from engine.storage.coordination.blocked import stopped_writer
from engine.storage.database import open_database
from tests.engine.storage.coordination.neighbour import Neighbour, store_at


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for seconds."""
    monkeypatch.setattr(line, "_TRIES", [0.001] * 200)


async def test_whoever_wants_to_write_is_told_which_process_keeps_him_from_it(
    store: Store, session: SessionId, other: Neighbour
) -> None:
    other.do("enter")
    other.stop()

    for asked in (store.claim(Claim(session, "lock/a", "1")), store.put("key/a", b""), store.renew(session)):
        with pytest.raises(CoordinationUnavailable, match=f"Process {other.pid} has been writing") as told:
            await asked
        assert not told.value.maybe_done
    other.kill()


async def test_reading_goes_on_meanwhile(store: Store, session: SessionId, other: Neighbour) -> None:
    token = await store.claim(Claim(session, "lock/a", "1"))
    await store.put("key/a", b"kept")
    other.do("enter")
    other.stop()

    (standing,) = await store.claims()
    assert standing.holder is not None
    assert standing.holder.token == token
    assert [entry.value for entry in await store.entries()] == [b"kept"]
    assert len(await store.sessions()) == 2
    other.kill()


async def test_writing_goes_on_when_it_is_killed(store: Store, session: SessionId, other: Neighbour) -> None:
    other.do("enter")
    other.stop()
    with pytest.raises(CoordinationUnavailable):
        await store.claim(Claim(session, "lock/a", "1"))
    other.kill()
    other.process.wait()

    assert await store.claim(Claim(session, "lock/a", "1"), wait=False) is not None
    assert await store.put("key/a", b"") > 0


async def test_one_that_holds_the_line_is_named_too(
    store: Store, session: SessionId, other: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PATIENCE", 0.3)
    other.do("stand_in_line")
    other.stop()

    with pytest.raises(CoordinationUnavailable, match=f"Process {other.pid} has been writing") as told:
        await store.put("key/a", b"")
    assert not told.value.maybe_done
    assert await store.claim(Claim(session, "lock/a", "1"), wait=False) is not None  # the file itself is free
    other.kill()
    other.process.wait()
    assert await store.get("key/a") is None
    assert await store.put("key/a", b"", expected=None) > 0


async def test_opening_waits_for_nobody_who_needs_nothing_written(path: Path, store: Store, other: Neighbour) -> None:
    other.do("stand_in_line")
    other.do("enter")
    other.stop()
    async with store_at(path).open() as another:
        assert len(await another.sessions()) == 1
    other.kill()


async def test_opening_that_has_to_write_is_told_who_is_in_the_way(
    path: Path, other: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.2)
    other.do("stand_in_line")
    other.stop()
    with pytest.raises(CoordinationUnavailable, match=f"Process {other.pid} has been writing"):
        async with store_at(path, "a new namespace").open():
            pass
    other.kill()


async def test_what_may_still_be_done_is_not_overtaken_by_giving_it_back(
    store: Store, session: SessionId, other: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that is under way while nobody waits for its answer any more goes with the release that follows."""
    monkeypatch.setattr(line, "PATIENCE", 0.1)
    monkeypatch.setattr(line, "_TRIES", [0.001] * 5_000)
    claim = Claim(session, "lock/a", "1")
    other.do("enter")
    with pytest.raises(CoordinationUnavailable) as told:
        await store.claim(claim)
    assert told.value.maybe_done
    monkeypatch.setattr(line, "PATIENCE", 10)
    async with asyncio.TaskGroup() as group:
        released = group.create_task(store.release(claim))
        await asyncio.sleep(0)
        other.kill()

    assert released.result()
    assert [each.holder for each in await store.claims()] == [None]


async def test_the_doctor_names_it(path: Path, store: Store, other: Neighbour) -> None:
    other.do("enter")
    assert stopped_writer(path) is None  # it is busy, as anybody may be
    other.stop()
    state = path.with_name("state.db")
    async with open_database(state):
        findings = {finding.name: finding for finding in await Care(state, path).examine()}

    assert not findings["coordination file"].ok
    assert f"kill -CONT {other.pid}" in findings["coordination file"].advice
    other.kill()
    other.process.wait()
    findings = {finding.name: finding for finding in await Care(state, path).examine()}
    assert findings["coordination file"].ok
