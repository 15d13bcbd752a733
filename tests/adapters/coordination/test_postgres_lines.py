"""The two lines of a process to PostgreSQL, broken one after the other or both, at every moment of a hand-over: whose
turn it is, is woken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.coordination.postgres import lines
from adapters.coordination.postgres.backend import PostgresStore
from adapters.coordination.postgres.schema import lock_class, schema_of
from engine.coordination.standing import Kind
from engine.errors import CoordinationUnavailable
from tests.adapters.coordination.at_postgres import away, cut, held_back, joined, store_of, waits_for_a_lock
from tests.adapters.coordination.places import ClockWithoutSleepers
from tests.contracts.coordination_sandboxes.postgres import OnPostgres
from tests.contracts.store_case import following, granted, join, soon, stand, standing, told_of, until


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnPostgres:
    """A place where nobody's patience ends, so that a test decides alone when a line is back."""
    monkeypatch.setattr(lines, "CUT_OFF_PATIENCE", timedelta(seconds=60))
    place = OnPostgres(tmp_path)
    place.clock = ClockWithoutSleepers()
    return place


@pytest.mark.parametrize("which", ["listener", "asker"])
async def test_one_line_of_two_may_break_although_somebody_waits(which: str, tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox:
        (store, holder), member = await joined(sandbox), await join(sandbox)
        held, token = await holder.take("held")
        line = store.lines.listener if which == "listener" else store.lines.asker
        before = line.life
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, member, "held")
            await until(lambda: waits_for_a_lock(lock_class(schema_of(sandbox.namespace))))
            cut(sandbox, line)

            async def dialled() -> bool:
                return line.life != before and line.up

            await until(dialled)
            assert await holder.store.renew(holder.session) == {("held", token)}
            assert not waiting.call.done()
            assert holder.told == []
            # And what is told arrives over the new line as over the old one.
            behind = await stand(group, holder, "held")
            assert await soon(holder.store.release(held))
            assert await granted(waiting) > token
            assert await soon(member.store.release(waiting.claim))
            assert await granted(behind) > token


async def test_a_grant_that_was_told_while_the_listener_was_away_is_found_by_the_next_one(
    sandbox: OnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other line shows that the waiter lives, so that he is served; what he is told goes nowhere."""
    async with sandbox:
        holder, (store, waiter) = await join(sandbox), await joined(sandbox)
        held, token = await holder.take("held")
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, waiter, "held")
            back = held_back(monkeypatch, store.lines.listener, "dial")
            cut(sandbox, store.lines.listener)
            await away(store.lines.listener)
            assert await soon(holder.store.release(held))
            served = (await standing(holder.store, "held")).holder
            assert served is not None
            assert served.session == waiter.session
            assert not waiting.call.done()
            back.set()
            assert await granted(waiting) == served.token > token


async def test_a_name_that_was_released_while_its_waiter_was_away_is_his_when_he_is_back(
    sandbox: OnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandbox:
        holder, (store, waiter) = await join(sandbox), await joined(sandbox)
        held, token = await holder.take("held")
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, waiter, "held")
            gates = [held_back(monkeypatch, line, "dial") for line in (store.lines.listener, store.lines.asker)]
            for line in (store.lines.listener, store.lines.asker):
                cut(sandbox, line)
                await away(line)
            assert await soon(holder.store.release(held))
            assert (await standing(holder.store, "held")).holder is None
            for gate in gates:
                gate.set()
            assert await granted(waiting) > token


async def test_who_is_away_when_his_turn_comes_is_passed_over_and_keeps_his_place(
    sandbox: OnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandbox:
        holder, (store, first), second = await join(sandbox), await joined(sandbox), await join(sandbox)
        held, _ = await holder.take("held")
        async with asyncio.TaskGroup() as group:
            waiting, behind = await stand(group, first, "held"), await stand(group, second, "held")
            gates = [held_back(monkeypatch, line, "dial") for line in (store.lines.listener, store.lines.asker)]
            for line in (store.lines.listener, store.lines.asker):
                cut(sandbox, line)
                await away(line)
            assert await soon(holder.store.release(held))
            token = await granted(behind)
            for gate in gates:
                gate.set()
            for line in (store.lines.listener, store.lines.asker):
                await line.back()
            last = await stand(group, holder, "held")
            assert await soon(second.store.release(behind.claim))
            assert await granted(waiting) > token
            assert not last.call.done()
            assert await soon(first.store.release(waiting.claim))
            await granted(last)


async def test_a_grant_between_listening_again_and_asking_again_is_heard(
    sandbox: OnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandbox:
        holder, (store, waiter) = await join(sandbox), await joined(sandbox)
        held, token = await holder.take("held")
        before = store.lines.listener.life
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, waiter, "held")
            asks = held_back(monkeypatch, store.lines, "take_up")
            cut(sandbox, store.lines.listener)

            async def listens() -> bool:
                channel = f"{schema_of(sandbox.namespace)}:{waiter.session}"
                if store.lines.listener.life == before:
                    return False
                return [row[0] for row in await store.lines.listener.ask("SELECT pg_listening_channels()")] == [channel]

            await until(listens)
            assert await soon(holder.store.release(held))
            assert await granted(waiting) > token
            asks.set()


async def test_who_comes_to_wait_while_the_listener_is_away_is_woken(
    sandbox: OnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandbox:
        holder, (store, waiter) = await join(sandbox), await joined(sandbox)
        held, token = await holder.take("held")
        back = held_back(monkeypatch, store.lines.listener, "dial")
        cut(sandbox, store.lines.listener)
        await away(store.lines.listener)
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, waiter, "held")
            assert await soon(holder.store.release(held))
            assert not waiting.call.done()
            back.set()
            assert await granted(waiting) > token


async def test_a_grant_of_which_nothing_was_heard_is_found_by_the_next_renewal(
    sandbox: OnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over a line that is dead, and nobody knows it yet."""
    async with sandbox:
        holder, (store, waiter) = await join(sandbox), await joined(sandbox)
        held, token = await holder.take("held")
        monkeypatch.setattr(store.own, "heard", lambda session, message: None)
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, waiter, "held")
            assert await soon(holder.store.release(held))
            assert not waiting.call.done()
            found = await soon(store.renew(waiter.session))
            assert await granted(waiting) > token
            assert found == {("held", await granted(waiting))}


async def test_a_line_that_is_being_made_is_used_by_nobody_else(
    sandbox: OnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection has one operation at a time: a second one would break it."""
    async with sandbox:
        store = await store_of(sandbox)
        line = store.lines.listener
        shows_life = held_back(monkeypatch, line, "_endure")
        cut(sandbox, line)
        await away(line)
        async with asyncio.TaskGroup() as group:
            feed = group.create_task(_synced(store))
            with pytest.raises(CoordinationUnavailable):
                await line.ask("SELECT 1")
            shows_life.set()
            await soon(feed)


async def _synced(store: PostgresStore) -> None:
    async with following(store) as changes:
        await store.put("k", b"")
        assert (await told_of(changes, Kind.KEY, "k")).entry is not None
