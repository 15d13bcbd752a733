"""What Consul alone does: tokens and policies, snapshots, keys that go with a session, what an agent says of itself."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.coordination.consul.backend import PROMISES, Consul, duration
from adapters.coordination.consul.keys import LONGEST_EXPIRY
from engine.clock import SystemClock
from engine.coordination.promises import Feature
from engine.coordination.standing import Kind
from engine.errors import CoordinationError, NotSupported, SettingsError
from engine.settings.context import AdapterContext
from tests.contracts.coordination_sandboxes.consul import SHORTEST, OnConsul
from tests.contracts.store_case import join, soon, standing
from tests.servers.consul import start_consul
from tests.servers.engines import engine
from tests.servers.http import Given, LocalServer

MASTER = "11111111-2222-3333-4444-555555555555"
WRONG = "99999999-2222-3333-4444-555555555555"
GUARDED = f'acl {{ enabled = true, default_policy = "allow", tokens {{ master = "{MASTER}" }} }}'


def told(url: str, method: str, path: str, body: bytes = b"", token: str = "") -> bytes:
    """Tell an agent something as an administrator would."""
    request = urllib.request.Request(
        f"{url}/v1/{path}", body or None, headers={"X-Consul-Token": token} if token else {}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return bytes(answer.read())


def sessions_at(url: str) -> list[Any]:
    found: list[Any] = json.loads(told(url, "GET", "session/list?consistent"))
    return found


def backend(url: str, *, token: str = "", shortest: timedelta = SHORTEST) -> Consul:
    settings = Consul.Settings(
        url=url, token="env:CONSUL" if token else "", shortest_ttl=shortest, timeout=timedelta(seconds=1)
    )
    context = AdapterContext(adapter="coordination", folder=Path("/"), secrets=lambda reference, folder: token)
    return Consul(settings, context, SystemClock(), "one")


async def test_a_token_is_needed_where_policies_say_so_and_never_shown() -> None:
    with start_consul(GUARDED) as server:
        rules = {"Name": "reader", "Rules": 'key_prefix "" { policy = "read" } session_prefix "" { policy = "read" }'}
        told(server.url, "PUT", "acl/policy", json.dumps(rules).encode(), MASTER)
        reader = json.dumps({"Policies": [{"Name": "reader"}]}).encode()
        reading = json.loads(told(server.url, "PUT", "acl/token", reader, MASTER))["SecretID"]
        denying = {
            "Name": "writer",
            "Rules": 'key_prefix "" { policy = "deny" } session_prefix "" { policy = "write" } '
            'agent_prefix "" { policy = "deny" }',
        }
        told(server.url, "PUT", "acl/policy", json.dumps(denying).encode(), MASTER)
        writer = json.dumps({"Policies": [{"Name": "writer"}]}).encode()
        writing = json.loads(told(server.url, "PUT", "acl/token", writer, MASTER))["SecretID"]
        async with backend(server.url, token=MASTER).open() as store:
            assert await soon(store.put("key", b"1"))
        with pytest.raises(CoordinationError, match=r"coordination\.token") as refused:
            async with backend(server.url, token=WRONG).open():
                pass
        assert WRONG not in str(refused.value)
        async with backend(server.url, token=reading).open() as store:
            with pytest.raises(CoordinationError, match=r"coordination\.token.*policy"):
                await soon(store.put("key", b"2"))
        with pytest.raises(CoordinationError, match=r"coordination\.token.*policy"):
            async with backend(server.url, token=writing).open() as store:
                await soon(store.put("key", b"2"))


async def test_a_restored_snapshot_is_told_as_changes() -> None:
    with start_consul() as server:
        async with backend(server.url).open() as store:
            await soon(store.put("key", b"before"))
            snapshot = told(server.url, "GET", "snapshot")
            feed = store.follow()
            assert (await soon(anext(feed))).kind is Kind.SYNCED
            await soon(store.put("key", b"after"))
            await soon(anext(feed))
            told(server.url, "PUT", "snapshot", snapshot)
            change = await soon(anext(feed), 20)
            assert change.entry is not None
            assert change.entry.value == b"before"


async def test_the_health_of_a_node_ends_no_session(tmp_path: Path) -> None:
    async with OnConsul(tmp_path) as sandbox:
        member = await join(sandbox)
        (session,) = [each for each in sessions_at(engine("consul").url) if each["ID"] == member.session]
        assert not session["NodeChecks"]
        assert session["LockDelay"] == 0


async def test_expiring_keys_that_are_written_again_leave_no_session_behind(tmp_path: Path) -> None:
    async with OnConsul(tmp_path) as sandbox:
        store = await sandbox.open()
        url = engine("consul").url
        before = len(sessions_at(url))
        for _ in range(10):
            await soon(store.put("key", b"", expires=timedelta(minutes=5)))
        assert len(sessions_at(url)) == before + 1
        await soon(store.delete("key"))
        assert len(sessions_at(url)) == before


async def test_a_write_that_is_refused_leaves_no_session_behind(tmp_path: Path) -> None:
    async with OnConsul(tmp_path) as sandbox:
        store = await sandbox.open()
        revision = await soon(store.put("key", b""))
        before = len(sessions_at(engine("consul").url))
        for _ in range(5):
            with pytest.raises(CoordinationError, match="revision"):
                await soon(store.put("key", b"", expected=type(revision)(1), expires=timedelta(minutes=5)))
        assert len(sessions_at(engine("consul").url)) == before


async def test_a_key_cannot_stay_longer_than_a_session_can(tmp_path: Path) -> None:
    async with OnConsul(tmp_path) as sandbox:
        store = await sandbox.open()
        with pytest.raises(NotSupported, match="24 hours"):
            await store.put("key", b"", expires=LONGEST_EXPIRY + timedelta(seconds=1))
        await soon(store.put("key", b"", expires=LONGEST_EXPIRY))
        found = await soon(store.get("key"))
        assert found is not None
        assert found.left is not None
        assert timedelta(hours=23) < found.left <= LONGEST_EXPIRY
        await soon(store.delete("key"))


async def test_a_key_that_is_written_with_the_same_value_has_another_revision(tmp_path: Path) -> None:
    async with OnConsul(tmp_path) as sandbox:
        store = await sandbox.open()
        first = await soon(store.put("key", b"same"))
        assert await soon(store.put("key", b"same")) > first


async def test_a_token_of_a_grant_does_not_change_with_what_its_holder_says(tmp_path: Path) -> None:
    async with OnConsul(tmp_path) as sandbox:
        member = await join(sandbox)
        claim, token = await member.take("a name")
        assert await soon(member.store.proclaim(claim, b"new"))
        held = (await standing(member.store, "a name")).holder
        assert held is not None
        assert (held.token, held.value) == (token, b"new")
        assert await soon(member.store.renew(member.session)) == {("a name", token)}


async def test_what_the_agent_says_of_the_shortest_ttl_holds_where_it_is_longer_than_what_was_set() -> None:
    tiny = timedelta(milliseconds=10)
    with start_consul() as server:
        async with backend(server.url, shortest=tiny).open() as store:
            assert store.promises.shortest_ttl == timedelta(seconds=1)
            assert store.promises.backend.startswith("Consul 1.")
        async with backend(server.url, shortest=timedelta(seconds=30)).open() as store:
            assert store.promises.shortest_ttl == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 0), ("10s", 10), ("1m30s", 90), ("1h0m0s", 3600), ("500ms", 0.5), ("1.5s", 1.5)]
)
def test_durations_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("said", [b"<html>login</html>", b"[1, 2]"])
async def test_what_is_no_consul_is_refused_in_words(said: bytes) -> None:
    with (
        LocalServer(lambda asked: Given(body=said)).running() as server,
        pytest.raises(CoordinationError, match="not as"),
    ):
        async with backend(server.url).open():
            pass


async def test_a_token_does_not_travel_readable_to_another_host() -> None:
    with pytest.raises(SettingsError, match="use https"):
        async with backend("http://consul.example:8500", token=MASTER).open():
            pass


def test_streams_are_refused_before_anything_is_connected() -> None:
    assert "sqlite" in PROMISES.refusals[Feature.STREAM]
