"""Logging in at Redis: TLS, whose certificates are believed, users with few rights."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import redis
import trustme

from adapters.coordination.redis.backend import Redis
from engine.coordination.standing import Change, Fence, Kind
from engine.coordination.store import Store
from engine.errors import CoordinationError, CoordinationUnavailable, SettingsError
from engine.together import together
from tests.adapters.coordination.own_redis import LONG, PASSWORD, backend, hold, promises_of, refused_at, waited_for
from tests.contracts.store_case import soon, told_of, until
from tests.servers.redis import start_redis
from tests.servers.server_process import free_ports

ALL = ("resetchannels", "&{alone}:*", "~{alone}:*", "+@all", "-@dangerous")
"""What somebody may do who may do nothing to others."""


@contextmanager
def encrypted(folder: Path, name: str = "127.0.0.1") -> Iterator[tuple[int, int, Path]]:
    """A server with a certificate for a name: its TLS port, its plain port, who vouches for it."""
    authority, (port,) = trustme.CA(), free_ports(1)
    shown = authority.issue_cert(name)
    ca, chain, key = (folder / file for file in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    shown.private_key_pem.write_to_path(key)
    for part in shown.cert_chain_pems:
        part.write_to_path(chain, append=True)
    files = ("--tls-cert-file", str(chain), "--tls-key-file", str(key), "--tls-ca-cert-file", str(ca))
    with start_redis("--tls-port", str(port), "--tls-auth-clients", "no", *files) as server:
        yield port, server.port, ca


async def test_with_tls_everything_is_as_without(tmp_path: Path) -> None:
    with encrypted(tmp_path) as (port, _, ca):
        there = backend(port, "rediss", ca=str(ca))
        async with there.open() as store, there.open() as other:
            held = await hold(store, "held")
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(hold(other, "held"))
                await until(waited_for(store, "held"))
                assert await soon(store.release(held.claim))
                assert (await soon(waiting)).token == 2


async def test_a_server_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    with encrypted(tmp_path) as (port, _, _):
        for known in ({"ca": str(stranger)}, {}):
            await refused_at(
                backend(port, "rediss", **known), CoordinationError, r"not trusted \(.*coordination\.ca, and in coord"
            )


async def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path) -> None:
    with encrypted(tmp_path, "elsewhere.example") as (port, _, ca):
        await refused_at(
            backend(port, "rediss", ca=str(ca)), CoordinationError, "not trusted.*the name that they vouch for"
        )


async def test_a_port_that_speaks_no_tls_or_nothing_else_is_told_so(tmp_path: Path) -> None:
    with encrypted(tmp_path) as (port, plain, ca):
        await refused_at(
            backend(plain, "rediss", ca=str(ca), timeout=timedelta(seconds=1)),
            CoordinationError,
            r"TLS failed|If it speaks no TLS, write redis://",
        )
        await refused_at(backend(port), CoordinationUnavailable, "If it speaks TLS alone, write rediss://")


def test_certificates_that_cannot_be_read_are_a_fault_of_the_settings() -> None:
    with pytest.raises(SettingsError, match=r"coordination\.ca: the certificates in /nowhere\.pem cannot be read"):
        asyncio.run(promises_of(backend(1, "rediss", ca="/nowhere.pem")))


@contextmanager
def with_user(*rights: str) -> Iterator[Redis]:
    """A server where a user has these rights."""
    with start_redis() as server:
        with redis.Redis(port=server.port) as client:
            cast("Any", client).execute_command("ACL", "SETUSER", "sync", "on", f">{PASSWORD}", *rights)
        yield backend(server.port, username="sync", password="env:REDIS")


async def test_a_user_without_dangerous_commands_can_do_everything() -> None:
    with with_user(*ALL) as there:
        async with there.open() as store:
            said = store.promises
            async with aclosing(cast("AsyncGenerator[Change, None]", store.follow())) as changes:
                assert (await soon(anext(changes))).kind is Kind.SYNCED
                held = await hold(store, "held")
                assert await store.put("key", b"1", expires=LONG, fence=Fence("held", held.token))
                await told_of(changes, Kind.KEY, "key")
            assert await store.renew(held.session) == {("held", held.token)}
    assert said.backend.startswith("Redis 7")
    assert re.search("hides INFO from this user.*does not show its settings", " ".join(said.cautions))


@pytest.mark.parametrize(
    "rights",
    [
        (*ALL, "-@scripting"),
        (*ALL, "resetchannels"),
        (*ALL, "-subscribe"),
        (*ALL, "-publish"),
        (*ALL, "resetkeys", "~other:*"),
    ],
    ids=["no scripts", "no channels", "no listening", "no telling", "others' keys"],
)
async def test_a_user_with_too_few_rights_is_told_what_is_needed(rights: Sequence[str]) -> None:
    with with_user(*rights) as there:
        async with there.open() as store, there.open() as other:
            with pytest.raises(CoordinationError, match="does not let this user do what coordination needs"):
                await soon(_handed_over(store, other))


async def _handed_over(store: Store, other: Store) -> None:
    held = await hold(store, "held")
    async with together() as group:
        group.create_task(hold(other, "held"))
        await until(waited_for(store, "held"))
        await store.release(held.claim)
