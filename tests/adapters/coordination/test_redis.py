"""What is special about Redis and Valkey."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import redis

from adapters.coordination.redis import key_scripts, scripts
from adapters.coordination.redis.backend import Redis, RedisSettings
from adapters.coordination.redis.promises import ALWAYS, facts, learnt
from adapters.coordination.redis.scripts import Script
from adapters.coordination.redis.values import bounds
from engine.clock import SystemClock
from engine.coordination.standing import Change, Claim, Kind, Token, Who
from engine.coordination.store import Store
from engine.errors import CoordinationError, CoordinationUnavailable, NotSupported
from engine.redaction import REDACTOR
from engine.settings.context import AdapterContext
from tests.adapters.coordination.places import holding
from tests.contracts.coordination_sandboxes.redis import OnRedis, OnValkey
from tests.contracts.store_case import granted, join, soon, stand, told_of
from tests.servers.engines import engine
from tests.servers.redis import start_redis

WHO = Who(node="n", actor="a@h", pid=1)
LONG = timedelta(seconds=60)
PRIMARY = {"redis_version": "7.0.15", "run_id": "4711", "role": "master", "cluster_enabled": "0"}


def backend(port: int, password: str = "") -> Redis:
    context = AdapterContext(adapter="coordination", folder=Path.cwd(), secrets=lambda reference, folder: password)
    settings = Redis.Settings(url=f"redis://127.0.0.1:{port}", password="env:REDIS" if password else "")
    return Redis(settings, context, SystemClock(), "alone")


@pytest.mark.parametrize("kind", [OnRedis, OnValkey], ids=["redis", "valkey"])
async def test_a_crash_is_seen_through_the_line_which_takes_a_second(kind: type[OnRedis], tmp_path: Path) -> None:
    async with kind(tmp_path) as sandbox:
        member = await join(sandbox)
        async with holding(sandbox, "held", LONG) as process, asyncio.TaskGroup() as group:
            waiting = await stand(group, member, "held")
            process.kill()
            killed = sandbox.clock.monotonic()
            assert await granted(waiting) == 2
            took = sandbox.clock.monotonic() - killed
        assert 0.9 < took < 3  # measured: 1.2; a busy machine takes its time


async def test_a_waiter_that_crashed_is_passed_over(tmp_path: Path) -> None:
    async with OnRedis(tmp_path) as sandbox:
        holder, crashed, patient = await join(sandbox), await join(sandbox), await join(sandbox)
        held, _ = await holder.take("held")
        async with asyncio.TaskGroup() as group:
            await stand(group, crashed, "held")
            waiting = await stand(group, patient, "held")
            await sandbox.kill(crashed.store)
            assert await soon(holder.store.release(held))
            assert await granted(waiting, 10) > 1


def test_no_script_about_sessions_and_claims_reads_the_servers_clock() -> None:
    """Set it forward by two minutes, and no grant may change hands."""
    claims = {name: script.text for name, script in vars(scripts).items() if isinstance(script, Script)}
    assert len(claims) == 10
    reading = re.compile(r"'(TIME|P?EXPIRE(AT)?|PX|EX|P?TTL)'")
    assert {name: reading.findall(text) for name, text in claims.items() if "past" not in text} == {
        name: [] for name, text in claims.items() if "past" not in text
    }
    for text in claims.values():
        assert {word for word, _ in reading.findall(text)} <= {"EXPIRE"}
        assert text.count("'EXPIRE'") == text.count("call('EXPIRE', past,")
    assert "'TIME'" in key_scripts.PUT.text


async def test_nothing_about_sessions_and_claims_is_left_to_the_server_to_expire(tmp_path: Path) -> None:
    async with OnRedis(tmp_path) as sandbox:
        holder, member = await join(sandbox), await join(sandbox)
        held, _ = await holder.take("held")
        await holder.store.release((await holder.take("before"))[0])
        async with asyncio.TaskGroup() as group:
            waiting = await stand(group, member, "held")
            with redis.Redis(port=engine("redis").port) as client:
                keys = cast("list[bytes]", client.keys(f"{{{sandbox.namespace}}}:*"))
                expiring = [key for key in keys if client.pttl(key) != -1]
            assert len(keys) > 8
            assert all(b":past:" in key for key in expiring)
            assert await soon(holder.store.release(held))
            await granted(waiting)


async def test_a_follower_that_missed_changes_is_told_to_read_anew(tmp_path: Path) -> None:
    async with OnRedis(tmp_path) as sandbox:
        store = await sandbox.open()
        async with aclosing(cast("AsyncGenerator[Change, None]", store.follow())) as changes:
            assert (await anext(changes)).kind is Kind.SYNCED
            await store.put("a", b"1")
            await told_of(changes, Kind.KEY, "a")
            for _ in range(5):
                await store.put("b", b"2")
            with redis.Redis(port=engine("redis").port) as client:
                client.xtrim(f"{{{sandbox.namespace}}}:log", maxlen=1, approximate=False)
            with pytest.raises(CoordinationUnavailable, match="all is read anew"):
                await told_of(changes, Kind.KEY, "never")


async def test_a_follower_of_a_server_that_was_emptied_is_told_which_takes_a_second(tmp_path: Path) -> None:
    async with OnRedis(tmp_path) as sandbox:
        store = await sandbox.open()
        await store.put("a", b"1")
        async with aclosing(cast("AsyncGenerator[Change, None]", store.follow())) as changes:
            assert (await anext(changes)).kind is Kind.SYNCED
            with redis.Redis(port=engine("redis").port) as client:
                client.delete(*cast("list[bytes]", client.keys(f"{{{sandbox.namespace}}}:*")))
            with pytest.raises(CoordinationUnavailable, match="all is read anew"):
                await told_of(changes, Kind.KEY, "never")


async def test_a_wrong_password_is_told_in_words_and_never_shown() -> None:
    wrong = "s3cr3t-that-is-wrong"
    with start_redis() as server:
        with redis.Redis(port=server.port) as client:
            client.config_set("requirepass", "right")
        with pytest.raises(CoordinationError, match=r"refuses the login\. Mend coordination\.username") as told:
            async with backend(server.port, wrong).open():
                pass
        with pytest.raises(CoordinationError, match="refuses"):
            async with backend(server.port).open():
                pass
        async with backend(server.port, "right").open() as store:
            assert store.promises.backend.startswith("Redis ")
    shown = f"{told.value} {told.value.__cause__!r} {backend(server.port, wrong)!r}"
    assert wrong not in shown
    assert REDACTOR.text(f"it was {wrong}") == "it was ***"


async def test_without_persistence_tokens_begin_anew_and_the_promises_say_so() -> None:
    with start_redis("--appendonly", "no") as server:
        async with backend(server.port).open() as store:
            assert any("keeps nothing over a crash (appendonly no)" in caution for caution in store.promises.cautions)
            assert [await _next_token(store) for _ in range(3)] == [1, 2, 3]
        server.kill()
        server.restart()
        async with backend(server.port).open() as store:
            assert await _next_token(store) == 1


async def test_with_a_log_that_is_always_written_there_is_nothing_to_say_of_durability() -> None:
    with start_redis("--appendfsync", "always") as server:
        async with backend(server.port).open() as store:
            assert store.promises.cautions == ALWAYS


@pytest.mark.parametrize(
    ("info", "settings", "caution"),
    [
        (PRIMARY, {"appendonly": "no", "appendfsync": "always"}, "tokens begin again at 1"),
        (PRIMARY, {"appendonly": "yes", "appendfsync": "everysec"}, r"\(appendfsync everysec\)"),
        (PRIMARY, None, "does not show its settings"),
        (PRIMARY | {"maxmemory": "100", "maxmemory_policy": "allkeys-lru"}, {}, "maxmemory-policy allkeys-lru"),
    ],
)
def test_what_a_server_shows_of_itself_becomes_a_caution(
    info: dict[str, str], settings: dict[str, str] | None, caution: str
) -> None:
    assert any(re.search(caution, said) for said in learnt("Redis at h:1", info, settings).cautions)


@pytest.mark.parametrize(
    ("info", "error", "sentence"),
    [
        (PRIMARY | {"redis_version": "6.0.9"}, NotSupported, "6.2 is the oldest"),
        (PRIMARY | {"cluster_enabled": "1"}, NotSupported, "is a cluster"),
        (
            PRIMARY | {"role": "slave", "master_host": "db1"},
            CoordinationUnavailable,
            "is a replica of db1. Name the primary",
        ),
    ],
)
def test_what_cannot_coordinate_is_refused(info: dict[str, str], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        learnt("Redis at h:1", info, {})


def test_a_valkey_goes_by_its_own_version() -> None:
    info = facts(b"# Server\r\nredis_version:7.2.4\r\nvalkey_version:9.1.2\r\nrole:master\r\n")
    assert learnt("Redis at h:1", info, None).backend == "Valkey 9.1.2"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (lambda: RedisSettings(url="http://h"), "url cannot be read"),
        (lambda: RedisSettings(url="redis://"), "url cannot be read"),
        (lambda: RedisSettings(url="redis://h/first"), "url cannot be read"),
        (lambda: RedisSettings(url="redis://h:port"), "url cannot be read"),
        (lambda: RedisSettings(url="unix://"), "url cannot be read"),
        (lambda: RedisSettings(url="redis://:s3cret@h"), "url holds a login"),
        (lambda: RedisSettings(url="redis://h", password="env:X"), "would travel readable to h"),
        (lambda: RedisSettings(timeout=timedelta()), "timeout"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: Callable[[], RedisSettings], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        settings()
    assert "s3cret" not in str(told.value)


def test_a_prefix_has_bounds_that_nothing_else_falls_into() -> None:
    lower, upper = bounds("lock/")
    assert (lower, upper) == (b"[lock/", b"(lock/\xff")
    assert bounds("lock/", "lock/b")[0] == b"(lock/b"
    assert bounds("lock/", "key/z")[0] == b"[lock/"


async def _next_token(store: Store) -> Token | None:
    session = await store.begin(WHO, LONG, lambda name, token: None)
    claim = Claim(session, "held", "once")
    token = await store.claim(claim)
    await store.end(session)
    return token
