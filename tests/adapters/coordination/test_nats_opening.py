"""How NATS is reached, what it refuses and how that is said, and which servers cannot be used at all."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from adapters.coordination.nats.backend import Nats
from adapters.coordination.nats.jetstream import Config
from adapters.coordination.nats.promises import PROMISES, learnt
from engine.clock import SystemClock
from engine.coordination.promises import Feature
from engine.coordination.standing import Claim, Fence, SessionId, Token, Who
from engine.coordination.store import Store
from engine.errors import (
    CoordinationError,
    CoordinationUnavailable,
    NotSupported,
    SettingsError,
)
from engine.settings.context import AdapterContext
from tests.adapters.coordination.nats_bucket import administrator
from tests.contracts.store_case import soon, until
from tests.doubles.nats_server import greeting
from tests.servers.engines import engine
from tests.servers.nats import start_nats

PASSWORD = "correct horse battery"
BIG = b"x" * 50_000
SOMEBODY = Who(node="n", actor="a@h", pid=1)


def nats(url: str, namespace: str = "opening", secret: str = PASSWORD, **settings: object) -> Nats:
    given = {"url": url, "timeout": timedelta(seconds=2), **settings}
    context = AdapterContext(adapter="coordination", folder=Path("/"), secrets=lambda reference, folder: secret)
    return Nats(Nats.Settings(**given), context, SystemClock(), namespace)  # type: ignore[arg-type]


async def refused(backend: Nats) -> CoordinationError:
    """Return why it cannot be opened."""
    with pytest.raises(CoordinationError) as told:
        async with backend.open():
            pass
    return told.value


@contextmanager
def configured(folder: Path, text: str) -> Iterator[str]:
    """A server with a configuration of its own."""
    file = folder / "own.conf"
    file.write_text(f'jetstream {{ store_dir: "{folder}/data" }}\n{text}\n')
    with start_nats("-c", str(file)) as server:
        yield server.url


@pytest.mark.parametrize("version", ["2.10.27", "2.9.10", "1.4.1", "2.10.27-RC.1"])
async def test_a_server_that_forgets_times_to_live_is_refused_by_its_version(version: str) -> None:
    async with greeting(version) as server:
        said = await refused(nats(f"nats://{server.url}"))
    assert isinstance(said, NotSupported)
    assert f"NATS {version.partition('-')[0]}, which ignores times to live" in str(said)
    assert "2.11 or later is needed" in str(said)
    assert not any("JS.API" in line for line in server.received), "nothing was asked of it"


async def test_a_server_that_greets_and_says_nothing_more_is_given_up() -> None:
    async with greeting("2.12.0") as server:
        said = await refused(nats(f"nats://{server.url}", timeout=timedelta(milliseconds=300)))
    assert isinstance(said, CoordinationUnavailable)
    assert "did not answer within 0.3 s" in str(said)


async def test_a_server_without_jetstream_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "own.conf"
    file.write_text("")
    with start_nats("-c", str(file)) as server:
        said = await refused(nats(server.url))
    assert isinstance(said, NotSupported)
    assert "has no JetStream" in str(said)


async def test_the_version_is_known_once_it_is_open_and_what_the_server_shows_is_said() -> None:
    backend = nats(engine("nats").url)
    assert backend.promises == PROMISES
    async with backend.open() as store:
        assert store.promises.backend.startswith("NATS 2.")
        assert any("replicas 1" in caution for caution in store.promises.cautions)
        assert any("sync_interval: always" in caution for caution in store.promises.cautions)


async def test_a_bucket_that_is_kept_on_fewer_servers_than_asked_for_is_used_and_said_to_be() -> None:
    async with nats(engine("nats").url, "kept-on-one").open() as store:
        assert not any("coordination.replicas" in caution for caution in store.promises.cautions)
    async with nats(engine("nats").url, "kept-on-one", replicas=3).open() as store:
        assert any("coordination.replicas says 3" in caution for caution in store.promises.cautions)


def test_of_a_cluster_it_is_said_how_long_it_takes_to_choose() -> None:
    (choosing, *_) = learnt("2.12.0", Config(num_replicas=3), 3).cautions
    assert "take 4 to 10 s to choose" in choosing
    assert not any("to choose" in caution for caution in learnt("2.12.0", Config(num_replicas=1), 1).cautions)


async def test_more_replicas_than_there_are_servers_are_refused_in_words() -> None:
    said = await refused(nats(engine("nats").url, "replicated", replicas=3))
    assert "replicas" in str(said)


@pytest.mark.parametrize(
    ("server", "settings"),
    [
        ('authorization { user: anna, password: "correct horse battery" }', {"user": "anna", "password": "env:NATS"}),
        ('authorization { token: "correct horse battery" }', {"token": "env:NATS"}),
    ],
    ids=["a user", "a token"],
)
async def test_whoever_may_log_in_does_and_nobody_else(server: str, settings: dict[str, str], tmp_path: Path) -> None:
    with configured(tmp_path, server) as url:
        async with nats(url, **settings).open() as store:
            assert await soon(store.put("k", b"")) > 0
        for wrong in (nats(url, secret="wrong", **settings), nats(url)):
            said = await refused(wrong)
            assert not isinstance(said, CoordinationUnavailable), "trying again is pointless"
            assert "coordination.user" in str(said)
            assert PASSWORD not in str(said)


async def test_what_a_user_may_not_do_is_said_at_once(tmp_path: Path) -> None:
    rights = """
        authorization { users: [
            { user: anna, password: "correct horse battery", permissions: {
                publish: { deny: ["$KV.*.key.>"] }, subscribe: ">" } },
            { user: none, password: "correct horse battery", permissions: { publish: ["nothing"], subscribe: ">" } },
            { user: deaf, password: "correct horse battery", permissions: { publish: ">", subscribe: ["nothing"] } }
        ] }"""
    with configured(tmp_path, rights) as url:
        for user in ("none", "deaf"):
            said = await refused(nats(url, user=user, password="env:NATS"))
            assert "does not allow this" in str(said)
        async with nats(url, user="anna", password="env:NATS").open() as store:
            with pytest.raises(CoordinationError, match="does not allow this") as told:
                await soon(store.put("k", b""))
            assert not isinstance(told.value, CoordinationUnavailable)
            assert await soon(store.get("k")) is None, "the line is as good as before"


async def test_something_else_at_the_address_is_told_in_words() -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 mail.acme.example ESMTP\r\n")
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    async with server:
        said = await refused(nats(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert "cannot be reached" in str(said)


async def test_an_address_where_nothing_listens_is_told_with_the_reason() -> None:
    said = await refused(nats("nats://127.0.0.1:1"))
    assert isinstance(said, CoordinationUnavailable)
    assert "NATS at 127.0.0.1:1 cannot be reached" in str(said)
    assert "refused" in str(said) or "Connect call failed" in str(said)


async def test_a_server_that_says_nothing_costs_its_share_of_the_time_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"nats://127.0.0.1:{silent.getsockname()[1]}"
        backend = nats(url, more_urls=(engine("nats").url,), timeout=timedelta(seconds=1))
        async with backend.open() as store:
            assert await soon(store.sessions()) is not None
        said = await refused(nats(url, more_urls=(url,), timeout=timedelta(milliseconds=400)))
    assert f"NATS at {url.removeprefix('nats://')} and another did not answer" in str(said)


async def test_another_server_is_tried_when_the_first_cannot_be_reached() -> None:
    async with nats("nats://127.0.0.1:1", more_urls=(engine("nats").url,)).open() as store:
        assert await soon(store.sessions()) is not None


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"max_msgs_per_subject": 5}, CoordinationError), ({"allow_msg_ttl": False}, NotSupported)],
    ids=["keeps more than the last", "without times to live"],
)
async def test_a_bucket_that_somebody_else_made_is_not_used(
    change: dict[str, object], kind: type[CoordinationError]
) -> None:
    namespace = f"foreign-{len(json.dumps(change))}"
    async with administrator(namespace) as admin:
        made = {"allow_msg_ttl": True, "max_msgs_per_subject": 1} | change
        config = {"name": admin.layout.stream, "subjects": [admin.layout.all], "storage": "file", **made}
        if made["allow_msg_ttl"]:
            config |= {"subject_delete_marker_ttl": 10**9, "allow_rollup_hdrs": True}
        assert "error" not in await admin.told(f"STREAM.CREATE.{admin.layout.stream}", config)
        said = await refused(nats(engine("nats").url, namespace))
    assert isinstance(said, kind)
    assert admin.layout.stream in str(said)


async def test_a_bucket_that_is_deleted_is_made_anew_and_what_was_held_is_lost() -> None:
    told: list[tuple[str, Token]] = []
    async with nats(engine("nats").url, "deleted").open() as store, administrator("deleted") as admin:
        session = await store.begin(SOMEBODY, timedelta(minutes=1), lambda name, token: told.append((name, token)))
        assert "error" not in await admin.told(f"STREAM.DELETE.{admin.layout.stream}")

        async def emptied() -> bool:
            try:
                return await store.sessions() == []
            except CoordinationUnavailable:
                return False

        await until(emptied)
        with pytest.raises(CoordinationError, match=session):
            await store.renew(session)


async def test_foreign_messages_in_the_bucket_hide_nothing() -> None:
    async with nats(engine("nats").url, "foreign").open() as store, administrator("foreign") as admin:
        layout, odd = admin.layout, SessionId("odd")
        queues = (f"{layout.queues}.odd", layout.part("odd", odd))
        for subject in (*queues, layout.session(odd), f"{layout.all[:-2]}.other", layout.keys):
            await admin.put(subject, b"\xff not JSON", {})
        session = await store.begin(SOMEBODY, timedelta(minutes=1), lambda name, token: None)
        assert session in {each.id for each in await store.sessions()}
        assert await soon(store.claims()) is not None
        await soon(store.put("k", b"fine"))
        assert [entry.key for entry in await soon(store.entries())] == ["k"]


async def test_more_than_the_server_takes_at_once_is_refused_in_words(tmp_path: Path) -> None:
    with configured(tmp_path, "max_payload: 10000") as url:
        async with nats(url).open() as store:
            with pytest.raises(CoordinationError, match="max_payload") as told:
                await store.put("k", b"x" * 10_001)
            assert not isinstance(told.value, CoordinationUnavailable)


@pytest.mark.parametrize(
    ("jetstream", "more"),
    [
        ("max_file_store: 1MB", ""),
        ("", "accounts { A { users: [ { user: a, password: b } ], jetstream { max_file: 1MB } } }\nno_auth_user: a"),
    ],
    ids=["the server", "the account"],
)
async def test_no_room_is_said_and_what_was_acknowledged_is_there(jetstream: str, more: str, tmp_path: Path) -> None:
    file, acknowledged = tmp_path / "own.conf", set[str]()
    file.write_text(f'jetstream {{ store_dir: "{tmp_path}/data", {jetstream} }}\n{more}\n')
    with start_nats("-c", str(file)) as server:
        async with nats(server.url).open() as store:
            session = await store.begin(SOMEBODY, timedelta(minutes=1), lambda name, token: None)
            token = await soon(store.claim(Claim(session, "held", "1")))
            with pytest.raises(CoordinationUnavailable, match="no room left") as told:
                await _fill(store, acknowledged)
            assert not told.value.maybe_done
            assert "max_file_store" in str(told.value)
            assert {entry.key for entry in await soon(store.entries("k/"))} == acknowledged
            assert await _holder(store, "held") == token
        file.write_text(f'jetstream {{ store_dir: "{tmp_path}/data" }}\n{more.replace("1MB", "1GB")}\n')
        server.restart()
        async with nats(server.url).open() as store:
            assert await _holder(store, "held") == token, "there was nobody who could have taken it"
            assert {entry.key for entry in await soon(store.entries("k/"))} == acknowledged
            assert await soon(store.put("k/more", BIG)) > 0


async def _fill(store: Store, acknowledged: set[str]) -> None:
    for number in range(100):
        await soon(store.put(f"k/{number:02}", BIG))
        acknowledged.add(f"k/{number:02}")


async def _holder(store: Store, name: str) -> Token | None:
    (found,) = await soon(store.claims(name))
    return found.holder.token if found.holder is not None else None


async def test_a_bucket_that_is_full_is_said_to_be() -> None:
    async with nats(engine("nats").url, "full").open() as store, administrator("full") as admin:
        config = (await admin.told(f"STREAM.INFO.{admin.layout.stream}"))["config"]
        await admin.told(f"STREAM.UPDATE.{admin.layout.stream}", {**config, "max_bytes": 10_000})
        with pytest.raises(CoordinationUnavailable, match="no room left"):
            await soon(store.put("k", b"x" * 20_000))


async def test_a_fenced_write_is_refused_before_anything_is_asked() -> None:
    async with nats(engine("nats").url).open() as store:
        for act in (store.put("k", b"", fence=Fence("n", Token(1))), store.delete("k", fence=Fence("n", Token(1)))):
            with pytest.raises(NotSupported) as told:
                await act
            assert str(told.value) == PROMISES.refusals[Feature.FENCED_WRITE]


def test_a_backend_shows_no_secret() -> None:
    assert PASSWORD not in repr(nats("nats://127.0.0.1", user="anna", password="env:NATS"))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"url": "http://nats:4222"}, "url"),
        ({"url": "nats://anna:secret@nats:4222"}, "login"),
        ({"url": "nats://nats:port"}, "cannot be read"),
        ({"timeout": "PT0S"}, "timeout"),
        ({"user": "anna"}, "belong together"),
        ({"password": "env:X"}, "belong together"),
        ({"user": "anna", "password": "env:X", "token": "env:Y"}, "instead"),
        ({"url": "nats://nats.example:4222", "token": "env:Y"}, "readable"),
        ({"more_urls": ["nats://nats.example:4222"], "user": "anna", "password": "env:Y"}, "readable"),
        ({"replicas": 0}, "replicas"),
        ({"bucket": "mine"}, "bucket"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], fault: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=fault):
        msgspec.convert(settings, Nats.Settings)


def test_credentials_may_travel_to_this_machine_or_where_the_way_is_said_to_be_safe() -> None:
    for given in ({"url": "nats://localhost"}, {"url": "tls://n.example"}, {"url": "nats://n", "allow_plain": True}):
        assert msgspec.convert({**given, "token": "env:Y"}, Nats.Settings).token == "env:Y"


async def test_certificates_that_cannot_be_read_are_named_by_their_setting(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for settings in ({"ca": str(tmp_path / "none.pem")}, {"client_certificate": str(tmp_path / "empty.pem")}):
        with pytest.raises(SettingsError, match=f"coordination.{next(iter(settings))}"):
            async with nats("tls://127.0.0.1", **settings).open():
                pass
