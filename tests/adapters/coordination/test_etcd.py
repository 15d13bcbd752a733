"""What etcd alone does: compaction under a watch, silence, users and passwords, leases of keys, old versions."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.coordination.etcd import wire
from adapters.coordination.etcd.backend import CORRUPTING, Etcd
from adapters.coordination.etcd.layout import Layout
from adapters.coordination.etcd.turns import Turns
from adapters.coordination.etcd.watch import SILENCE
from engine.clock import SystemClock
from engine.coordination.standing import Kind, Who
from engine.coordination.store import Store
from engine.errors import CoordinationError, CoordinationUnavailable, NotSupported, SettingsError
from engine.settings.context import AdapterContext
from tests.adapters.coordination.over_http import counted
from tests.contracts.coordination_sandboxes.etcd import OnEtcd
from tests.contracts.store_case import granted, join, soon, stand, until
from tests.servers.engines import engine
from tests.servers.etcd import start_etcd
from tests.servers.http import Given, LocalServer

PASSWORD = "correct horse battery"


def told(url: str, path: str, message: wire.Message) -> Any:
    """Tell a server something as an administrator would."""
    request = urllib.request.Request(f"{url}/v3/{path}", wire.encode(message))
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def backend(url: str, *, password: str = "", user: str = "", timeout: timedelta = timedelta(seconds=2)) -> Etcd:
    settings = Etcd.Settings(url=url, user=user, password="env:ETCD" if user else "", timeout=timeout)
    context = AdapterContext(adapter="coordination", folder=Path("/"), secrets=lambda reference, folder: password)
    return Etcd(settings, context, SystemClock(), "one")


@asynccontextmanager
async def opened(etcd: Etcd) -> AsyncIterator[Store]:
    async with etcd.open() as store:
        yield store


async def test_a_feed_ends_in_words_when_etcd_forgets_what_it_did_not_tell_yet(tmp_path: Path) -> None:
    async with OnEtcd(tmp_path) as sandbox:
        store = await sandbox.open()
        feed = store.follow()
        assert (await soon(anext(feed))).kind is Kind.SYNCED
        url = engine("etcd").url
        revision = await soon(store.put("elsewhere", b""))
        await soon(anext(feed))
        told(url, "kv/put", {"key": b"another namespace", "value": b""})
        newest = int(told(url, "kv/put", {"key": b"another namespace", "value": b""})["header"]["revision"])
        assert newest > revision
        told(url, "kv/compaction", {"revision": newest})
        with pytest.raises(CoordinationUnavailable, match="compaction"):
            # The line is silent; when it is asked anew, from where it stopped, that is forgotten.
            await soon(anext(feed), SILENCE * 1.0 + 5)
        again = store.follow()
        assert (await soon(anext(again))).kind is Kind.SYNCED


async def test_who_waits_goes_on_waiting_when_etcd_forgets_what_it_did_not_tell_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is silent for long; when it is asked anew, from where it stopped, that is forgotten."""
    requests = counted(monkeypatch)
    async with OnEtcd(tmp_path) as sandbox, asyncio.TaskGroup() as group:
        sandbox.timeout = timedelta(milliseconds=200)
        holder, waiter = await join(sandbox), await join(sandbox)
        claim, token = await holder.take("a name")
        waiting = await stand(group, waiter, "a name")
        url, begun = engine("etcd").url, requests.sent.count("/v3/watch")
        newest = int(told(url, "kv/put", {"key": b"another namespace", "value": b""})["header"]["revision"])
        told(url, "kv/compaction", {"revision": newest})

        async def each_line_asked_twice_more() -> bool:
            return requests.sent.count("/v3/watch") >= begun + 4

        await until(each_line_asked_twice_more)
        await soon(holder.store.release(claim))
        assert await granted(waiting) > token


QUEUE = Layout("one").queue("a name")
BEFORE, OWN = QUEUE + b"before", QUEUE + b"own"


def gone(place: bytes, revision: int) -> wire.Happening:
    return wire.Happening(kv=wire.KeyValue(key=place, mod_revision=revision), type="DELETE")


@pytest.mark.parametrize(
    ("told_first", "told_later", "sure"),
    [
        ([], [gone(BEFORE, 8)], True),
        ([gone(BEFORE, 8)], [], True),
        ([gone(BEFORE, 5)], [gone(BEFORE, 8)], True),
        ([], [gone(BEFORE, 8), gone(OWN, 9)], False),
        ([gone(OWN, 8)], [], False),
    ],
    ids=[
        "the one before is gone",
        "it went while the question was under way",
        "it went, came again before the question, and went for good",
        "the own place was taken away as well",
        "the own place was taken away before anybody knew that it was there",
    ],
)
async def test_it_is_ones_turn_when(
    told_first: list[wire.Happening], told_later: list[wire.Happening], sure: bool
) -> None:
    turns = Turns(Layout("one"), lambda places: None)
    with turns.turn(OWN) as turn:
        turns.hear(told_first)
        async with asyncio.TaskGroup() as group:
            coming = group.create_task(turn.comes({BEFORE: 7}))
            await asyncio.sleep(0)
            assert coming.done() is not bool(told_later)
            turns.hear(told_later)
        assert coming.result() is sure


async def test_who_waits_looks_again_when_something_may_have_been_missed() -> None:
    turns = Turns(Layout("one"), lambda places: None)
    with turns.turn(OWN) as turn:
        async with asyncio.TaskGroup() as group:
            coming = group.create_task(turn.comes({BEFORE: 7}))
            await asyncio.sleep(0)
            assert not coming.done()
            turns.missed()
        assert not coming.result()


async def test_a_short_hold_is_not_written_down_and_a_longer_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = counted(monkeypatch)
    async with OnEtcd(tmp_path) as sandbox, asyncio.TaskGroup() as group:
        first, second = await join(sandbox), await join(sandbox)
        claim, _ = await first.take("a name")
        waiting = await stand(group, second, "a name")
        before = len(requests)
        await soon(first.store.release(claim))
        await granted(waiting)
        await soon(second.store.release(waiting.claim))
        assert len(requests) - before == 2, "given back, and given back"
        claim, _ = await first.take("a name")
        waiting = await stand(group, second, "a name")
        await soon(first.store.release(claim))
        await granted(waiting)

        async def written_down() -> bool:
            place = Layout(sandbox.namespace).place(waiting.claim)
            found = told(engine("etcd").url, "kv/range", {"key": place})["kvs"]
            return b'"granted":"' in b64decode(found[0]["value"])

        await until(written_down)


async def test_a_line_on_which_nothing_happens_is_not_taken_for_dead(tmp_path: Path) -> None:
    async with opened(backend(engine("etcd").url, timeout=timedelta(milliseconds=50))) as store:
        feed = store.follow()
        assert (await soon(anext(feed))).kind is Kind.SYNCED
        with pytest.raises(TimeoutError):
            await soon(anext(feed), SILENCE * 0.05 * 4)
        following = store.follow()
        assert (await soon(anext(following))).kind is Kind.SYNCED
        await soon(store.put("something", b"happens"))
        assert (await soon(anext(following))).name == "something"


async def test_a_watch_that_fell_silent_is_noticed_without_traffic(tmp_path: Path) -> None:
    async with OnEtcd(tmp_path) as sandbox:
        store = await sandbox.open()
        feed = store.follow()
        assert (await soon(anext(feed))).kind is Kind.SYNCED
        with sandbox.silent(), pytest.raises(CoordinationUnavailable):
            await soon(anext(feed), SILENCE * 1.0 + 5)


async def test_a_user_is_admitted_with_the_password_alone() -> None:
    with start_etcd() as server:
        for path, message in (
            ("auth/user/add", {"name": "root", "password": PASSWORD}),
            ("auth/role/add", {"name": "root"}),
            ("auth/user/grant", {"user": "root", "role": "root"}),
            ("auth/user/add", {"name": "guest", "password": PASSWORD}),
            ("auth/enable", {}),
        ):
            told(server.url, path, message)
        async with opened(backend(server.url, user="root", password=PASSWORD)) as store:
            assert await soon(store.put("key", b"1"))
            server.kill()
            server.restart()
            # The server has forgotten its admissions; this one gets another without anybody noticing.
            await until(lambda: _answers(store))
            feed = store.follow()
            assert (await soon(anext(feed))).kind is Kind.SYNCED
        with pytest.raises(CoordinationError, match=r"coordination\.user.*coordination\.password") as refused:
            async with opened(backend(server.url, user="root", password="wrong one")):
                pass
        assert "wrong one" not in str(refused.value)
        with pytest.raises(CoordinationError, match=r"asks for a user.*coordination\.password"):
            async with opened(backend(server.url)):
                pass
        with pytest.raises(CoordinationError, match="guest may not do this"):
            async with opened(backend(server.url, user="guest", password=PASSWORD)):
                pass


async def _answers(store: Store) -> bool:
    try:
        return await store.get("key") is not None
    except CoordinationUnavailable:
        return False


async def test_a_password_that_nobody_asks_for_is_said_to_be_one_too_many() -> None:
    with pytest.raises(CoordinationError, match="asks nobody for a password"):
        async with opened(backend(engine("etcd").url, user="root", password=PASSWORD)):
            pass


async def test_a_key_that_is_written_again_leaves_no_lease_behind(tmp_path: Path) -> None:
    async with OnEtcd(tmp_path) as sandbox:
        store = await sandbox.open()
        before = len(told(engine("etcd").url, "lease/leases", {}).get("leases", ()))
        for _ in range(20):
            await soon(store.put("key", b"", expires=timedelta(minutes=5)))
        await soon(store.put("key", b""))
        await soon(store.put("another", b"", expires=timedelta(minutes=5)))
        await soon(store.delete("another"))
        assert len(told(engine("etcd").url, "lease/leases", {}).get("leases", ())) == before


async def test_pages_show_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = counted(monkeypatch)
    async with OnEtcd(tmp_path) as sandbox:
        store = await sandbox.open()
        for number in range(250):
            await soon(store.put(f"key {number:03}", b""))
        before = len(requests)
        found = await soon(store.entries("key "))
        assert [entry.key for entry in found] == [f"key {number:03}" for number in range(250)]
        assert len(requests) - before == 3


@pytest.mark.parametrize(
    ("said", "error", "word"),
    [
        (b'{"etcdserver":"3.3.27","etcdcluster":"3.3.0"}', NotSupported, "too old"),
        (b"<html>login</html>", CoordinationError, "not as etcd"),
        (b'{"some":"service"}', CoordinationError, "not as etcd"),
    ],
)
async def test_what_is_no_etcd_of_today_is_refused_in_words(said: bytes, error: type[Exception], word: str) -> None:
    with LocalServer(lambda asked: Given(body=said)).running() as server, pytest.raises(error, match=word):
        async with opened(backend(server.url)):
            pass


async def test_the_version_is_learnt_and_versions_that_corrupt_are_named() -> None:
    async with opened(backend(engine("etcd").url)) as store:
        assert store.promises.backend.startswith("etcd 3.")
    assert (3, 5, 1) in CORRUPTING


async def test_another_member_is_asked_when_the_first_is_away(tmp_path: Path) -> None:
    settings = Etcd.Settings(url="http://127.0.0.1:9", more_urls=(engine("etcd").url,))
    context = AdapterContext(adapter="coordination", folder=tmp_path, secrets=lambda reference, folder: "")
    async with opened(Etcd(settings, context, SystemClock(), "one")) as store:
        assert await soon(store.get("nothing")) is None


async def test_a_password_does_not_travel_readable_to_another_host() -> None:
    etcd = backend("http://etcd.example:2379", user="root", password=PASSWORD)
    assert PASSWORD not in repr(etcd)
    with pytest.raises(SettingsError, match="use https"):
        async with opened(etcd):
            pass


async def test_a_session_that_could_not_be_written_down_leaves_no_lease(tmp_path: Path) -> None:
    async with OnEtcd(tmp_path) as sandbox:
        store = await sandbox.open()
        before = len(told(engine("etcd").url, "lease/leases", {}).get("leases", ()))
        too_large = Who(node="n" * 2_000_000, actor="a@h", pid=1)
        with pytest.raises(CoordinationError, match="too large"):
            await soon(store.begin(too_large, sandbox.long, lambda name, token: None))
        assert len(told(engine("etcd").url, "lease/leases", {}).get("leases", ())) == before
