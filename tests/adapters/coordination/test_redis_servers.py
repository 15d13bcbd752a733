"""Redis servers that are not as a newcomer sets them up: full, copied, emptied, slow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis

from adapters.coordination.redis.promises import ALWAYS
from adapters.coordination.redis.scripts import AHEAD
from engine.coordination.standing import Claim, Fence, Token
from engine.coordination.store import Store
from engine.errors import (
    CoordinationError,
    CoordinationUnavailable,
    KeyChanged,
    LeaseLost,
    NotSupported,
    SessionLost,
)
from tests.adapters.coordination.own_redis import LONG, WHO, backend, hold, promises_of, refused_at, waited_for
from tests.contracts.store_case import soon, until
from tests.servers.redis import start_redis
from tests.servers.server_process import free_ports
from tests.servers.switch_proxy import start_switch

AT_ONCE = ("--repl-diskless-sync-delay", "0", "--appendonly", "no")
"""Copied, and ended: who has yet to write its first log refuses to end."""


async def test_a_server_without_memory_takes_no_new_claims_and_loses_nothing_that_is_held() -> None:
    with start_redis() as server, redis.Redis(port=server.port) as client:
        async with backend(server.port).open() as store, backend(server.port).open() as other:
            held, kept = await hold(store, "held"), await hold(store, "kept")
            waiting = Claim(await other.begin(WHO, LONG, lambda name, token: None), "held", "waits")
            async with asyncio.TaskGroup() as group:
                granted = group.create_task(other.claim(waiting))
                await until(waited_for(store, "held"))
                client.config_set("maxmemory", 1)
                with pytest.raises(CoordinationUnavailable, match=r"no memory left.*Raise its maxmemory"):
                    await store.claim(Claim(held.session, "another", "n"))
                with pytest.raises(CoordinationUnavailable, match="no memory left"):
                    await store.put("key", b"value")
                assert await store.renew(held.session) == {("held", held.token)}
                assert await soon(store.release(held.claim))
                assert await soon(granted) == 3
            assert await store.revoke("kept", kept.token)
            await soon(other.end(waiting.session))
            client.config_set("maxmemory", 0)
            assert await store.claim(Claim(held.session, "held", "again"), wait=False) == 4


@pytest.mark.parametrize(("policy", "cautions"), [("allkeys-lru", 1), ("volatile-lru", 0), ("noeviction", 0)])
async def test_a_server_that_may_drop_locks_is_warned_of(policy: str, cautions: int) -> None:
    with start_redis("--appendfsync", "always", "--maxmemory", "100mb", "--maxmemory-policy", policy) as server:
        said = (await promises_of(backend(server.port))).cautions
    assert len(said) == len(ALWAYS) + cautions
    assert sum(f"locks too (maxmemory-policy {policy})" in caution for caution in said) == cautions


async def test_a_cluster_is_refused_by_name() -> None:
    (bus,) = free_ports(1)
    with start_redis("--cluster-enabled", "yes", "--cluster-port", str(bus)) as server:
        await refused_at(backend(server.port), NotSupported, "is a cluster; coordination needs a single server")


@contextmanager
def copied() -> Iterator[tuple[Any, Any]]:
    """A primary and its replica, as clients of them."""
    with (
        start_redis(*AT_ONCE) as primary,
        start_redis(*AT_ONCE, "--replicaof", "127.0.0.1", str(primary.port)) as replica,
        redis.Redis(port=primary.port) as first,
        redis.Redis(port=replica.port) as second,
    ):
        yield first, second


async def in_step(primary: Any) -> None:
    async def heard() -> bool:
        return bool(primary.execute_command("WAIT", 1, 10) == 1)

    primary.set("step", 1)
    await until(heard)


def port_of(client: Any) -> int:
    return int(client.connection_pool.connection_kwargs["port"])


async def test_a_replica_is_refused_by_name_and_so_is_a_server_that_became_one() -> None:
    with copied() as (primary, replica):
        await in_step(primary)
        await refused_at(
            backend(port_of(replica)), CoordinationUnavailable, r"is a replica of 127\.0\.0\.1\. Name the pr"
        )
        async with backend(port_of(primary)).open() as store:
            held = await hold(store, "held")
            replica.execute_command("REPLICAOF", "NO", "ONE")
            primary.execute_command("REPLICAOF", "127.0.0.1", port_of(replica))
            with pytest.raises(CoordinationUnavailable, match=r"has become a replica|is a replica of"):
                await store.renew(held.session)


async def test_a_failover_that_forgets_grants_is_outlived_with_greater_tokens_and_revisions() -> None:
    with copied() as (primary, replica), start_switch(port_of(primary)) as switch:
        async with backend(switch.port).open() as store, backend(switch.port).open() as other:
            early = await hold(store, "early")
            await in_step(primary)
            replica.execute_command("REPLICAOF", "NO", "ONE")  # it hears nothing more
            late = Claim(early.session, "late", "n")
            forgotten, revision = await store.claim(late), await store.put("key", b"forgotten")
            assert forgotten == early.token + 1
            switch.lead_to(port_of(replica))

            async def taken() -> Token | None:
                try:
                    session = await other.begin(WHO, LONG, lambda name, token: None)
                    return await other.claim(Claim(session, "late", "n"), wait=False)
                except CoordinationUnavailable:
                    return None

            assert await until(taken) == early.token + AHEAD + 1

            async def renewed() -> frozenset[tuple[str, Token]]:
                try:
                    return await store.renew(early.session)
                except CoordinationUnavailable:
                    return frozenset()

            assert await until(renewed) == {("early", early.token)}
            with pytest.raises(LeaseLost):
                await store.put("guarded", b"", fence=Fence("late", forgotten))
            assert await other.put("key", b"new") > revision
            with pytest.raises(KeyChanged):
                await store.put("key", b"", expected=revision)


async def test_a_server_that_was_restarted_empty_ends_every_session_and_everybody_is_told() -> None:
    with start_redis("--appendonly", "no") as server:
        async with backend(server.port).open() as store, backend(server.port).open() as other:
            held = await hold(store, "held")
            session = await other.begin(WHO, LONG, lambda name, token: None)
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(_how_it_ended(other, Claim(session, "held", "n")))
                await until(waited_for(store, "held"))
                server.kill()
                server.restart()
                assert await soon(waiting) in (SessionLost, CoordinationUnavailable)

            async def lost() -> bool:
                try:
                    await store.renew(held.session)
                except CoordinationUnavailable:
                    return False
                except SessionLost:
                    return True
                raise AssertionError("a session outlived the server that kept it in its memory")

            assert await until(lost)
            assert held.told == [("held", held.token)]


async def _how_it_ended(store: Store, claim: Claim) -> type[Exception]:
    try:
        await store.claim(claim)
    except CoordinationError as error:
        return type(error)
    raise AssertionError("it was granted by a server that knows of no session")


async def test_a_server_that_forgot_the_scripts_is_given_them_again() -> None:
    with start_redis() as server, redis.Redis(port=server.port) as client:
        async with backend(server.port).open() as store:
            held = await hold(store, "held")
            client.script_flush()
            assert await store.renew(held.session) == {("held", held.token)}
            assert await store.release(held.claim)
            client.script_flush()
            assert await store.claim(Claim(held.session, "held", "again"), wait=False) == 2


async def test_a_server_that_pauses_its_clients_costs_time_alone_which_takes_a_second() -> None:
    with start_redis() as server, redis.Redis(port=server.port) as client:
        async with backend(server.port, timeout=timedelta(seconds=0.3)).open() as store:
            held = await hold(store, "held")
            client.client_pause(150)
            assert await store.renew(held.session)
            client.client_pause(600)
            with pytest.raises(CoordinationUnavailable, match=r"did not answer within 0\.3 s"):
                await store.renew(held.session)

            async def renewed() -> bool:
                try:
                    return await store.renew(held.session) == {("held", held.token)}
                except CoordinationUnavailable:
                    return False

            assert await until(renewed)
            assert held.told == []
