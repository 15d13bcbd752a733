"""What is special about PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import cast

import pytest

from adapters.coordination.postgres.backend import Postgres, PostgresSettings, PostgresStore
from adapters.coordination.postgres.promises import ALWAYS, learnt
from adapters.coordination.postgres.schema import lock_class, schema_of
from engine.clock import SystemClock
from engine.coordination.standing import Change, Kind
from engine.errors import CoordinationError, CoordinationUnavailable, NotSupported
from engine.settings.context import AdapterContext
from tests.adapters.coordination.at_postgres import backend, server, waits_for_a_lock
from tests.adapters.coordination.places import holding
from tests.contracts.coordination_sandboxes.postgres import OnPostgres
from tests.contracts.store_case import granted, join, stand, told_of, until

LONG = timedelta(seconds=60)


async def test_a_crash_is_seen_through_the_lines_at_once(tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox:
        member = await join(sandbox)
        async with holding(sandbox, "held", LONG) as process, asyncio.TaskGroup() as group:
            waiting = await stand(group, member, "held")
            await until(lambda: _watches(sandbox))
            process.kill()
            killed = sandbox.clock.monotonic()
            assert await granted(waiting) == 2
            took = sandbox.clock.monotonic() - killed
        assert took < 0.5  # measured: 10 ms; a busy machine takes its time


async def test_who_comes_after_a_crash_waits_for_the_patience_alone_which_takes_a_second(tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox:
        member = await join(sandbox)
        async with holding(sandbox, "held", LONG) as process, asyncio.TaskGroup() as group:
            process.kill()
            await process.wait()
            waiting = await stand(group, member, "held")
            assert await granted(waiting, 5) == 2


async def test_ten_nodes_may_come_to_an_empty_database_at_once() -> None:
    async def opened() -> str:
        async with backend("all-at-once").open() as store:
            return store.promises.backend

    async with asyncio.TaskGroup() as group:
        nodes = [group.create_task(opened()) for _ in range(10)]
    assert {node.result().split()[0] for node in nodes} == {"PostgreSQL"}


async def test_a_namespace_that_needs_quoting_is_quoted() -> None:
    async with backend("Odd-Name").open() as store:
        await store.put("k", b"v")
    with server().connect() as connection:
        made = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname = 'Odd-Name_coordination'"
        ).fetchone()
    assert made == (1,)


async def test_a_schema_of_another_version_is_left_alone() -> None:
    async with backend("newer").open():
        pass
    with server().connect() as connection:
        connection.execute("UPDATE newer_coordination.version SET number = 99")
    with pytest.raises(NotSupported, match="newer_coordination in version 99; this program knows 2"):
        async with backend("newer").open():
            pass


async def test_no_change_is_lost_to_a_commit_that_overtakes_another(tmp_path: Path) -> None:
    """The earlier write commits later: whoever followed numbers in their order would have gone past it."""
    async with OnPostgres(tmp_path) as sandbox:
        store = await sandbox.open()
        schema = f'"{schema_of(sandbox.namespace)}"'
        async with aclosing(cast("AsyncGenerator[Change, None]", store.follow())) as changes:
            assert (await anext(changes)).kind is Kind.SYNCED
            with server().connect() as slow:
                slow.autocommit = False
                slow.execute(f"SELECT {schema}.put('slow', 'x', NULL, NULL, NULL, NULL)")
                await store.put("quick", b"y")
                await told_of(changes, Kind.KEY, "quick")
                slow.commit()
            assert (await told_of(changes, Kind.KEY, "slow")).entry is not None


async def test_writers_of_a_stream_wait_for_one_another(tmp_path: Path) -> None:
    async with OnPostgres(tmp_path) as sandbox:
        store = cast("PostgresStore", await sandbox.open())
        schema = f'"{schema_of(sandbox.namespace)}"'
        with server().connect() as slow:
            slow.autocommit = False
            slow.execute(f"SELECT {schema}.append('s', 'first', '', NULL, now())")
            async with asyncio.TaskGroup() as group:
                second = group.create_task(store.streams.append("s", b"second"))
                await until(waits_for_a_lock)
                assert not second.done()
                slow.commit()
        assert second.result() == 2
        assert [message.data for message in await store.streams.read("s")] == [b"first", b"second"]


def test_no_function_about_sessions_and_claims_reads_the_servers_clock() -> None:
    """Set it forward by two minutes, and no grant may change hands."""
    room = files("adapters.coordination.postgres")
    claims = room.joinpath("functions.sql").read_text(encoding="utf-8").lower()
    clocks = ("clock_timestamp", "now()", "current_timestamp", "statement_timestamp", "transaction_timestamp")
    assert [clock for clock in clocks if clock in claims] == []
    assert "clock_timestamp" in room.joinpath("key_functions.sql").read_text(encoding="utf-8")


async def test_a_grant_is_durable_whatever_the_server_was_told(tmp_path: Path) -> None:
    with server().connect() as connection:
        connection.execute("DROP ROLE IF EXISTS careless")
        connection.execute("CREATE ROLE careless SUPERUSER LOGIN PASSWORD 'careless-password'")
        connection.execute("ALTER ROLE careless SET synchronous_commit = off")
    context = AdapterContext(adapter="c", folder=tmp_path, secrets=lambda reference, folder: "careless-password")
    settings = Postgres.Settings(url=f"postgresql://careless@{server().address}/postgres", password="env:PG")
    async with Postgres(settings, context, SystemClock(), "durable").open() as store:
        rows = await cast("PostgresStore", store)._desk.ask("SHOW synchronous_commit")
    assert rows[0][0] == "on"


async def test_a_closed_store_answers_in_words_and_keeps_nobody_waiting() -> None:
    async with backend("closed").open() as store:
        pass
    with pytest.raises(CoordinationUnavailable, match="is closed here"):
        await store.claims()


@pytest.mark.parametrize(
    ("version", "settings", "error", "sentence"),
    [
        ("11.22 (Debian)", {}, NotSupported, "PostgreSQL 11.22; 12 is the oldest"),
        ("16.1", {"standby": "true"}, CoordinationError, "is a standby. Name the primary"),
    ],
)
def test_what_cannot_coordinate_is_refused(
    version: str, settings: dict[str, str], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        learnt("PostgreSQL at h:1", version, settings)


def test_a_server_that_does_not_care_for_its_disk_is_warned_of() -> None:
    promises = learnt("PostgreSQL at h:1", "18beta1", {"fsync": "off", "full_page_writes": "on"})
    assert promises.backend == "PostgreSQL 18beta1"
    assert promises.cautions[: -len(ALWAYS)] == (
        "A crash of the server may lose or damage everything (fsync off). Turn it on.",
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (lambda: PostgresSettings(url="mysql://h"), "url cannot be read"),
        (lambda: PostgresSettings(url="postgresql://h:port/db"), "url cannot be read"),
        (lambda: PostgresSettings(url="postgresql://u:s3cret@h/db"), "url holds a password"),
        (lambda: PostgresSettings(url="postgresql://h/db?password=s3cret"), "url holds a password"),
        (lambda: PostgresSettings(url="postgresql://h/db", timeout=timedelta()), "timeout"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: Callable[[], PostgresSettings], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        settings()
    assert "s3cret" not in str(told.value)


async def _watches(sandbox: OnPostgres) -> bool:
    """Tell whether somebody waits for the end of a line."""
    return await waits_for_a_lock(lock_class(schema_of(sandbox.namespace)))
