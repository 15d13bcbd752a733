"""Who is told on PostgreSQL: nobody who does not follow, hold or wait; and nobody who does misses anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import psycopg
import pytest

from adapters.coordination.postgres import hearing
from adapters.coordination.postgres.backend import PostgresStore
from adapters.coordination.postgres.schema import SEATS, schema_of
from engine.coordination.standing import Change, Kind
from tests.adapters.coordination.at_postgres import away, joined, schema_at, server, store_of, waits_for_a_lock
from tests.contracts.coordination_sandboxes.postgres import OnPostgres
from tests.contracts.store_case import granted, soon, stand, standing, told_of, until


def _feed(store: PostgresStore) -> AsyncGenerator[Change, None]:
    return store.follow()


def _notified(connection: psycopg.Connection[object]) -> list[str]:
    """Return what a connection that listens was told up to now."""
    connection.execute("SELECT 1")
    return [note.payload for note in connection.notifies(timeout=0)]


async def test_nothing_is_told_as_long_as_nobody_follows(tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox:
        store, member = await joined(sandbox)
        with server().connect() as overhearing:
            overhearing.execute(f"LISTEN {schema_at(sandbox)}")
            claim, _ = await member.take("held")
            await store.release(claim)
            await store.put("k", b"")
            await store.streams.append("s", b"")
            assert _notified(overhearing) == []
            async with aclosing(_feed(store)) as changes:
                await soon(anext(changes))
                await store.put("k", b"followed")
                assert _notified(overhearing) == ["key k"]


async def test_who_begins_to_follow_waits_for_a_change_that_is_not_told(tmp_path: Path) -> None:
    """The change found that nobody follows; it is committed before whoever follows from then on reads anything."""
    async with OnPostgres(tmp_path) as sandbox:
        store = await store_of(sandbox)
        put = f"SELECT {schema_at(sandbox)}.put('k', 'silent', NULL, NULL, NULL, NULL)"
        async with (
            aclosing(_feed(store)) as changes,
            asyncio.TaskGroup() as group,
        ):
            with server().connect() as slow:
                slow.autocommit = False
                slow.execute(put)
                first = group.create_task(anext(changes))
                await until(waits_for_a_lock)
                assert not first.done()
                assert await store.get("k") is None
                slow.commit()
            assert (await soon(first)).kind is Kind.SYNCED
            entry = await store.get("k")
        assert entry is not None
        assert entry.value == b"silent"


async def test_who_begins_to_follow_waits_for_all_changes_that_are_not_told(tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox:
        store = await store_of(sandbox)
        put = f"SELECT {schema_at(sandbox)}.put(%s, '', NULL, NULL, NULL, NULL)"
        async with aclosing(_feed(store)) as changes, asyncio.TaskGroup() as group:
            with server().connect() as slow, server().connect() as slower:
                slow.autocommit = slower.autocommit = False
                slow.execute(put, ("slow",))
                slower.execute(put, ("slower",))
                first = group.create_task(anext(changes))
                await until(waits_for_a_lock)
                slow.commit()
                assert not first.done()
                slower.commit()
            assert (await soon(first)).kind is Kind.SYNCED
            assert [entry.key for entry in await store.entries()] == ["slow", "slower"]
            await store.put("told", b"")
            await told_of(changes, Kind.KEY, "told")


async def test_a_change_in_any_place_among_the_seats_is_told_to_a_follower(tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox:
        store = await store_of(sandbox)
        async with aclosing(_feed(store)) as changes:
            await soon(anext(changes))
            seats: set[int] = set()
            while len(seats) < SEATS // 2:  # neighbouring process ids have neighbouring seats
                with server().connect() as connection:
                    seats.add(connection.info.backend_pid % SEATS)
                    name = f"k{connection.info.backend_pid}"
                    connection.execute(f"SELECT {schema_at(sandbox)}.put(%s, '', NULL, NULL, NULL, NULL)", (name,))
                await told_of(changes, Kind.KEY, name)


async def test_a_feed_over_the_next_line_is_told_as_over_the_first(tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox, OnPostgres(tmp_path) as direct:
        direct.namespace = sandbox.namespace
        store, other = await store_of(sandbox), await store_of(direct)
        for key in ("before", "after"):
            async with aclosing(_feed(store)) as changes:
                assert (await soon(anext(changes))).kind is Kind.SYNCED
                await other.put(key, b"")
                await told_of(changes, Kind.KEY, key)
            await sandbox.break_line()
            await away(store.lines.listener)


async def test_who_needs_nothing_listens_to_nothing_and_again_once_he_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "LINGER", 0.05)
    async with OnPostgres(tmp_path) as sandbox:
        (store, member), (_, other) = await joined(sandbox), await joined(sandbox)
        own, all_changes = f"{schema_of(sandbox.namespace)}:{member.session}", schema_of(sandbox.namespace)

        async def listens_to(*channels: str) -> bool:
            rows = await store.lines.listener.ask("SELECT pg_listening_channels()")
            return {row[0] for row in rows} == set(channels)

        assert await listens_to()
        claim, _ = await member.take("held")
        assert await listens_to(own)
        async with aclosing(_feed(store)) as changes:
            await soon(anext(changes))
            assert await listens_to(own, all_changes)
        await until(lambda: listens_to(own))
        await store.release(claim)
        await until(listens_to)
        held, _ = await other.take("held")
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, member, "held")
            assert await soon(other.store.release(held))
            await granted(waiting)
        holder = (await standing(store, "held")).holder
        assert holder is not None
        assert await store.revoke("held", holder.token)

        async def heard() -> bool:
            return member.told == [("held", holder.token)]

        await until(heard)


async def test_a_released_name_that_a_crash_of_the_server_brings_back_is_given_back_once_more(tmp_path: Path) -> None:
    """A release that grants nothing to anybody is answered before it is on the disk."""
    async with OnPostgres(tmp_path) as sandbox:
        store, member = await joined(sandbox)
        claim, token = await member.take("held")
        kept, kept_token = await member.take("kept")
        assert await store.release(claim)
        for undone in (sandbox.break_line, lambda: store.renew(member.session)):
            with server().connect() as connection:
                connection.execute(f"DELETE FROM {schema_at(sandbox)}.past")
                connection.execute(
                    f"INSERT INTO {schema_at(sandbox)}.hold VALUES ('held', %s, %s, %s, now(), '')",
                    (member.session, claim.nonce, token),
                )
            await undone()

            async def free() -> bool:
                with server().connect() as connection:
                    found = connection.execute(f"SELECT name FROM {schema_at(sandbox)}.hold").fetchall()
                return found == [(kept.name,)]

            await until(free)
        assert await store.renew(member.session) == {("kept", kept_token)}
