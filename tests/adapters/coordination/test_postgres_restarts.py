"""A PostgreSQL that takes no writes for a while, and comes back: everybody is told so in words, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.coordination.postgres.backend import Postgres, PostgresStore
from engine.coordination.standing import Claim, Token, Who
from engine.errors import CoordinationError, CoordinationUnavailable
from tests.adapters.coordination.at_postgres import backend
from tests.contracts.store_case import standing, until
from tests.servers.postgres import Postgres as Server
from tests.servers.postgres import start_postgres

WHO = Who(node="n", actor="a@h", pid=1)
LONG = timedelta(seconds=60)


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with start_postgres() as server:
        yield server


@pytest.fixture
def own(_server: Server) -> Server:
    """A server that is nobody else's: what is done to it hurts no other test."""
    return _server.well()


def at(server: Server, namespace: str = "restarts") -> Postgres:
    return backend(namespace, address=server.address, password=server.password)


def _only_reads(server: Server, *, on: bool) -> None:
    with server.connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
        connection.execute("SELECT pg_reload_conf()")


async def test_a_standby_is_not_used_and_the_primary_it_becomes_has_everything(own: Server) -> None:
    signal = own.folder / "data" / "standby.signal"
    async with at(own).open() as store:
        revision = await store.put("k", b"kept")
    own.stop()
    signal.touch()
    own.restart()
    with pytest.raises(CoordinationError, match=r"is a standby\. Name the primary in coordination\.url"):
        async with at(own).open():
            pass
    with pytest.raises(CoordinationError, match=r"takes no writes now: .*Name the primary in coordination\.url"):
        async with at(own, "never-there").open():
            pass
    own.stop()
    signal.unlink()
    own.restart()
    async with at(own).open() as store:
        entry = await store.get("k")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"kept", revision)


async def test_who_holds_something_while_nothing_can_be_written_is_told_so_and_holds_it_afterwards(own: Server) -> None:
    lost: list[Token] = []
    async with at(own).open() as store:
        assert isinstance(store, PostgresStore)
        session = await store.begin(WHO, LONG, lambda name, token: lost.append(token))
        token = await store.claim(Claim(session, "held", "its own"))
        lives = store.lines.lives
        _only_reads(own, on=True)
        try:
            await until(lambda: _refused(store))
            with pytest.raises(
                CoordinationUnavailable, match=r"takes no writes now.* or end its read-only mode"
            ) as told:
                await store.renew(session)
            assert not told.value.maybe_done
            holder = (await standing(store, "held")).holder
            assert holder is not None
            assert holder.token == token
            with pytest.raises(CoordinationUnavailable, match="takes no writes now"):
                async with at(own, "another").open():
                    pass
        finally:
            _only_reads(own, on=False)

        async def renewed() -> bool:
            return not await _refused(store) and await store.renew(session) == {("held", token)}

        await until(renewed)
        assert store.lines.lives == lives
        assert lost == []


async def _refused(store: PostgresStore) -> bool:
    """Tell whether the server takes no writes."""
    try:
        await store.put("tried", b"")
    except CoordinationUnavailable:
        return True
    return False
