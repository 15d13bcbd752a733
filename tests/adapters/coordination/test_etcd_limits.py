"""etcd that is full, and admissions that run out while a store is in use."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.coordination.etcd import wire
from adapters.coordination.etcd.backend import Etcd
from engine.clock import SystemClock
from engine.coordination.standing import Claim, Kind, Who
from engine.coordination.store import Store
from engine.errors import CoordinationUnavailable
from engine.settings.context import AdapterContext
from tests.adapters.coordination.over_http import counted
from tests.contracts.store_case import soon, until
from tests.servers.etcd import start_etcd

PASSWORD = "correct horse battery"
ME = Who(node="berlin-1", actor="anna@berlin-1", pid=1)


def told(url: str, path: str, message: wire.Message) -> Any:
    """Tell a server something as an administrator would."""
    request = urllib.request.Request(f"{url}/v3/{path}", wire.encode(message))
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read().splitlines()[0])


def backend(url: str, *, user: str = "") -> Etcd:
    settings = Etcd.Settings(url=url, user=user, password="env:ETCD" if user else "", timeout=timedelta(seconds=2))
    context = AdapterContext(adapter="coordination", folder=Path("/"), secrets=lambda reference, folder: PASSWORD)
    return Etcd(settings, context, SystemClock(), "one")


async def fill(store: Store, kept: list[str]) -> None:
    """Write until no more is taken."""
    for number in range(100):
        await soon(store.put(f"key {number:03}", bytes(200_000)))
        kept.append(f"key {number:03}")


async def test_a_full_etcd_says_so_and_loses_nothing() -> None:
    with start_etcd("--quota-backend-bytes", str(2 * 1024 * 1024)) as server:
        async with backend(server.url).open() as store:
            session = await soon(store.begin(ME, timedelta(minutes=1), lambda name, token: None))
            held = Claim(session, "a name", "1")
            token = await soon(store.claim(held))
            kept: list[str] = []
            with pytest.raises(CoordinationUnavailable, match=r"full \(NOSPACE\).*etcdctl alarm disarm") as full:
                await fill(store, kept)
            assert full.value.maybe_done, "the write that crosses the quota is done and refused all the same"
            refused = Claim(session, "another name", "2")
            with pytest.raises(CoordinationUnavailable, match="NOSPACE"):
                await soon(store.claim(refused))
            await soon(store.release(refused))
            found = [entry.key for entry in await soon(store.entries())]
            assert kept
            assert found[: len(kept)] == kept
            assert await soon(store.renew(session)) == {("a name", token)}, "who holds something goes on"
            assert await soon(store.release(held)), "and can give it back"

            told(server.url, "kv/deleterange", {"key": b"one/keys/", "range_end": b"one/keys0"})
            revision = int(told(server.url, "kv/range", {"key": b"x"})["header"]["revision"])
            told(server.url, "kv/compaction", {"revision": revision, "physical": True})
            told(server.url, "maintenance/defragment", {})
            for alarm in told(server.url, "maintenance/alarm", {"action": "GET"})["alarms"]:
                told(server.url, "maintenance/alarm", {"action": "DEACTIVATE", **alarm})
            later = await soon(store.claim(Claim(session, "a name", "3")))
            assert later is not None
            assert token is not None
            assert later > token


def signing_keys(folder: Path) -> tuple[Path, Path]:
    """Return files with a private key and its public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = folder / "private.pem", folder / "public.pem"
    plain = serialization.NoEncryption()
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


async def test_an_admission_that_runs_out_is_got_anew_without_anybody_noticing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = counted(monkeypatch)
    private, public = signing_keys(tmp_path)
    tokens = f"jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=1s"
    with start_etcd("--auth-token", tokens) as server:
        for path, message in (
            ("auth/user/add", {"name": "root", "password": PASSWORD}),
            ("auth/role/add", {"name": "root"}),
            ("auth/user/grant", {"user": "root", "role": "root"}),
            ("auth/enable", {}),
        ):
            told(server.url, path, message)
        async with backend(server.url, user="root").open() as store:
            feed = store.follow()
            assert (await soon(anext(feed))).kind is Kind.SYNCED
            session = await soon(store.begin(ME, timedelta(minutes=1), lambda name, token: None))
            token = await soon(store.claim(Claim(session, "a name", "1")))

            async def admitted_thrice() -> bool:
                assert await soon(store.renew(session)) == {("a name", token)}
                return requests.sent.count("/v3/auth/authenticate") >= 3

            await until(admitted_thrice)
            await soon(store.put("key", b"value"))
            assert "key" in {(await soon(anext(feed))).name for _ in range(3)}
