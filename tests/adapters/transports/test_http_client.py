"""The way to a peer, against servers that answer anything: every fault becomes a sentence with its next step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
import zstandard

from adapters.transports.http_client import LARGEST_NEWS_BYTES, LARGEST_UNPACKED, HttpTransport
from adapters.transports.packing import pack
from engine.clock import SystemClock
from engine.errors import (
    RemoteRefused,
    RemoteUnavailable,
    ReplicationRefused,
    SecretUnavailable,
    SettingsError,
)
from engine.events.event import Origin
from engine.events.replicating import wire
from engine.events.replicating.messages import Batch, Greeting, Hello, Identity, Item, Pull, Receipt
from engine.events.replicating.ports import Remote
from engine.settings.context import AdapterContext
from engine.settings.replication import PeerSettings
from tests.adapters.transports.tls_peer import tls_peer
from tests.servers.http import LOST, Given, LocalServer, always, in_turn, json_answer

TOKEN = "sesame-open-wide"
BERLIN = Identity(node="berlin", origin=Origin("berlin~00000001"))
HELLO = Hello(identity=BERLIN)
GREETING = Greeting(identity=BERLIN)
RECEIPT = Receipt(vector={Origin("berlin~00000001"): 7}, taken=7)
MSGPACK = {"content-type": "application/msgpack"}


def message(answer: msgspec.Struct) -> Given:
    return Given(200, wire.encode(answer), MSGPACK)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A server that greets and takes everything."""
    answers = {"/v1/hello": GREETING, "/v1/push": RECEIPT, "/v1/pull": Batch(), "/follow": GREETING}
    with LocalServer(lambda asked: message(answers[asked.path])).running() as running:
        yield running


def way_to(url: str, folder: Path = Path(), *, reference: str = "env:HAMBURG", **settings: Any) -> HttpTransport:
    """Return the transport to a peer at this address."""

    def secrets(reference: str, _folder: Path) -> str:
        if reference == "env:MISSING":
            raise SecretUnavailable(f"{reference} is not set.")
        return TOKEN

    peer = PeerSettings(name="hamburg", url=url, token=reference, **settings)
    return HttpTransport(peer, AdapterContext(adapter="peer hamburg", folder=folder, secrets=secrets), SystemClock())


def large_batch(count: int = 200) -> Batch:
    """Return a batch well above the size from which bodies are packed."""
    items = [
        Item(
            BERLIN.origin, seq, f"id-{seq}", "user.changed", f"user:{seq}", '{"a":1}', "{}", "{}", seq << 16, bytes(32)
        )
        for seq in range(1, count + 1)
    ]
    return Batch(items=tuple(items))


async def test_a_message_goes_out_with_the_token_and_its_answer_comes_back(server: LocalServer) -> None:
    async with way_to(server.url).connect() as remote:
        assert await remote.greet(HELLO) == GREETING
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert wire.decode(asked.body, Hello) == HELLO


async def test_one_connection_serves_many_calls(server: LocalServer) -> None:
    async with way_to(server.url).connect() as remote:
        for _ in range(3):
            await remote.greet(HELLO)
        assert len(server.asked) == 3


async def test_without_a_token_none_is_sent(server: LocalServer) -> None:
    async with way_to(server.url, reference="").connect() as remote:
        await remote.greet(HELLO)
    assert "authorization" not in server.asked[0].headers


async def test_large_messages_are_packed_and_small_ones_are_not(server: LocalServer) -> None:
    async with way_to(server.url).connect() as remote:
        await remote.push(large_batch())
        await remote.greet(HELLO)
    pushed, greeted = server.asked
    assert pushed.headers["content-encoding"] == "zstd"
    assert len(wire.decode(zstandard.decompress(pushed.body, 10**7), Batch).items) == 200
    assert "content-encoding" not in greeted.headers


async def test_a_peer_that_takes_no_zstd_is_sent_gzip_from_then_on(server: LocalServer) -> None:
    server.mischief = in_turn(Given(415, b"{}", {"accept-encoding": "gzip"}))
    async with way_to(server.url).connect() as remote:
        await remote.push(large_batch())
        await remote.push(large_batch())
    assert [asked.headers["content-encoding"] for asked in server.asked] == ["zstd", "gzip", "gzip"]


async def test_a_peer_that_takes_nothing_packed_is_sent_plain_bodies(server: LocalServer) -> None:
    server.mischief = in_turn(Given(415, b"{}"))
    async with way_to(server.url).connect() as remote:
        assert await remote.push(large_batch()) == RECEIPT
    assert "content-encoding" not in server.asked[1].headers


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
async def test_packed_answers_are_unpacked(server: LocalServer, encoding: str) -> None:
    packed, used = pack(wire.encode(large_batch()), {encoding})
    server.mischief = always(Given(200, packed, {**MSGPACK, "content-encoding": used}))
    async with way_to(server.url).connect() as remote:
        assert await remote.pull(Pull()) == large_batch()


FAULTS = {
    "a wrong token": (json_answer({"error": "Not known."}, 401), RemoteRefused, "peers.hamburg.token"),
    "a forbidden address": (json_answer({"error": "Loopback only."}, 403), RemoteRefused, "Loopback only"),
    "another server": (Given(404, b"<html>nothing</html>"), RemoteRefused, "no address of a Syncdeck node"),
    "a redirect": (Given(302, b"", {"location": "https://login.example"}), RemoteRefused, "sends elsewhere"),
    "a fork": (json_answer({"error": "It parted.", "kind": "fork"}, 409), ReplicationRefused, "It parted"),
    "a broken server": (Given(500, b"oops"), RemoteUnavailable, "failed"),
    "a busy gateway": (Given(502, b"oops"), RemoteUnavailable, "busy or away"),
    "a login page": (Given(200, b"<html>", {"content-type": "text/html"}), RemoteRefused, "as a login page does"),
    "another message": (message(RECEIPT), ReplicationRefused, "'greeting'"),
    "a damaged message": (Given(200, b"\x93\x01", MSGPACK), ReplicationRefused, "no 'greeting'"),
    "an answer cut in the middle": (
        Given(200, wire.encode(GREETING), {**MSGPACK, "content-length": "999"}, cut_at=10),
        RemoteUnavailable,
        "connection broke",
    ),
    "no answer at all": (LOST, RemoteUnavailable, "connection broke"),
    "another packing": (Given(200, b"x", {"content-encoding": "br"}), RemoteUnavailable, "packed as br"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_in_words_with_its_next_step(server: LocalServer, fault: str) -> None:
    answer, error, words = FAULTS[fault]
    server.mischief = always(answer)
    async with way_to(server.url).connect() as remote:
        with pytest.raises(error, match=words) as told:
            await remote.greet(HELLO)
    assert "peer hamburg" in str(told.value)
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize("kind", ["fork", "clone", "too_large", "malformed", "protocol"])
async def test_what_a_peer_refuses_keeps_its_kind(server: LocalServer, kind: str) -> None:
    server.mischief = always(json_answer({"error": "No.", "kind": kind}, 400))
    async with way_to(server.url).connect() as remote:
        with pytest.raises(ReplicationRefused) as refused:
            await remote.push(Batch())
    assert refused.value.kind == kind


async def test_a_busy_peer_is_left_alone_as_long_as_it_asks(server: LocalServer) -> None:
    server.mischief = always(json_answer({"error": "Busy.", "kind": "busy"}, 503, retry_after="7"))
    async with way_to(server.url).connect() as remote:
        with pytest.raises(RemoteUnavailable) as busy:
            await remote.push(Batch())
    assert busy.value.retry_after == timedelta(seconds=7)
    assert not busy.value.maybe_done


async def test_a_push_whose_answer_got_lost_may_be_done(server: LocalServer) -> None:
    server.mischief = always(LOST)
    async with way_to(server.url).connect() as remote:
        with pytest.raises(RemoteUnavailable) as lost:
            await remote.push(Batch())
        with pytest.raises(RemoteUnavailable) as lost_pull:
            await remote.pull(Pull())
    assert lost.value.maybe_done
    assert not lost_pull.value.maybe_done


async def test_a_peer_that_does_not_answer_is_given_up(server: LocalServer) -> None:
    server.mischief = server.silence
    async with way_to(server.url, timeout=timedelta(seconds=0.2)).connect() as remote:
        with pytest.raises(RemoteUnavailable, match=r"did not answer within 0\.2 s|no sign of life"):
            await remote.greet(HELLO)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "Connection refused"),
        ("https://nowhere.invalid:1", r"no connection \([A-Z][a-z ]+\)\."),
    ],
)
async def test_nobody_there_is_told_as_the_system_says_it(url: str, words: str) -> None:
    async with way_to(url).connect() as remote:
        with pytest.raises(RemoteUnavailable, match=words) as told:
            await remote.greet(HELLO)
    assert "syncdeck serve runs there, and peers.hamburg.url here" in str(told.value)


async def test_a_port_that_breaks_off_is_told_with_what_to_look_at(server: LocalServer) -> None:
    server.mischief = always(LOST)
    async with way_to(server.url).connect() as remote:
        with pytest.raises(RemoteUnavailable, match=r"port in peers\.hamburg\.url, and whether the peer serves https"):
            await remote.greet(HELLO)


WHAT_IT_IS_ABOUT = {
    "a wrong token": "token",
    "a forbidden address": "token",
    "another server": "address",
    "a redirect": "address",
    "a login page": "address",
}


@pytest.mark.parametrize("fault", WHAT_IT_IS_ABOUT)
async def test_a_refusal_says_which_step_of_a_connection_test_it_fails(server: LocalServer, fault: str) -> None:
    server.mischief = always(FAULTS[fault][0])
    async with way_to(server.url).connect() as remote:
        with pytest.raises(RemoteRefused) as told:
            await remote.greet(HELLO)
    assert told.value.about == WHAT_IT_IS_ABOUT[fault]


# The kit cuts an answer at its limit without a word, and fails on every later pull.


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
async def test_an_answer_beyond_the_limit_is_refused_and_never_cut(server: LocalServer, encoding: str) -> None:
    body, used = pack(bytes(LARGEST_UNPACKED + 1), {encoding})
    server.mischief = always(Given(200, body, {**MSGPACK, "content-encoding": used}))
    async with way_to(server.url).connect() as remote:
        with pytest.raises(ReplicationRefused, match="larger than 20 MB") as refused:
            await remote.pull(Pull())
    assert refused.value.kind == "too_large"


# The token


async def test_a_token_is_in_no_repr_and_no_message(server: LocalServer) -> None:
    transport = way_to(server.url)
    async with transport.connect() as remote:
        assert TOKEN not in repr(transport) + repr(remote) + str(vars(transport))


async def test_a_token_does_not_travel_readable_to_another_machine() -> None:
    with pytest.raises(SettingsError, match="readable"):
        async with way_to("http://hamburg.example:8470").connect():
            pass
    async with way_to("http://hamburg.example:8470", allow_plain=True).connect():
        pass


async def test_a_missing_secret_is_told_before_any_call(server: LocalServer) -> None:
    with pytest.raises(SecretUnavailable, match="env:MISSING"):
        async with way_to(server.url, reference="env:MISSING").connect():
            pass
    assert server.asked == []


# TLS


async def test_an_own_authority_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_peer(authority.issue_cert("127.0.0.1"), wire.encode(GREETING)) as url:
        async with way_to(url, tmp_path, ca="ca.pem").connect() as remote:
            assert await remote.greet(HELLO) == GREETING
        async with way_to(url).connect() as remote:
            with pytest.raises(
                RemoteRefused, match=r"unable to get local issuer certificate\)\. Check peers\.hamburg\.ca"
            ) as told:
                await remote.greet(HELLO)
            assert told.value.about == "TLS"


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_peer(authority.issue_cert("munich.example"), wire.encode(GREETING)) as url:
        async with way_to(url, tmp_path, ca="ca.pem").connect() as remote:
            with pytest.raises(RemoteRefused, match="certificate is not trusted"):
                await remote.greet(HELLO)


async def test_https_to_a_server_without_tls_says_so(server: LocalServer) -> None:
    async with way_to(server.url.replace("http:", "https:")).connect() as remote:
        with pytest.raises(RemoteRefused, match=r"there is no TLS \(wrong version number\)") as told:
            await remote.greet(HELLO)
    assert told.value.about == "TLS"


async def test_certificates_that_cannot_be_read_are_a_fault_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for file in ("ca.pem", "missing.pem"):
        with pytest.raises(SettingsError, match=r"peers\.hamburg\.ca"):
            async with way_to("https://127.0.0.1:1", tmp_path, ca=file).connect():
                pass


# Following


def line(*pieces: bytes, status: int = 200) -> Given:
    return Given(status, b"".join(pieces), {"content-type": "text/event-stream"})


async def followed(remote: Remote) -> list[dict[Origin, int]]:
    async with aclosing(remote.follow()) as news:  # type: ignore[type-var]
        return [{**vector} async for vector in news]


async def test_a_line_gives_vectors_until_the_peer_ends_it(server: LocalServer) -> None:
    server.mischief = always(
        line(b'data: {"vector":{"a":1}}\n\n', b": still here\n\n", b'data: {"vector":{"a":5}}\n\n')
    )
    async with way_to(server.url).connect() as remote:
        assert await followed(remote) == [{"a": 1}, {"a": 5}]


LINE_FAULTS = {
    "no vector": (line(b"data: hello\n\n"), ReplicationRefused, "no vector"),
    "a page": (Given(200, b"<html>", {"content-type": "text/html"}), ReplicationRefused, "no vector"),
    "an event without an end": (
        line(b"data: " + os.urandom(LARGEST_NEWS_BYTES + 10).hex().encode()),
        ReplicationRefused,
        "larger",
    ),
    "too many followers": (json_answer({"error": "Full.", "kind": "busy"}, 503), RemoteUnavailable, "Full"),
    "a wrong token": (json_answer({"error": "No."}, 401), RemoteRefused, "token"),
    "a cut": (Given(200, b"data", {"content-type": "text/event-stream"}, cut_at=2), RemoteUnavailable, "broke"),
}


@pytest.mark.parametrize("fault", LINE_FAULTS)
async def test_a_line_that_says_nonsense_or_nothing_is_left_in_words(server: LocalServer, fault: str) -> None:
    answer, error, words = LINE_FAULTS[fault]
    server.mischief = always(answer)
    async with way_to(server.url).connect() as remote:
        with pytest.raises(error, match=words):
            await followed(remote)


async def test_a_silent_line_counts_as_lost(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.transports.http_client.SILENCE_SECONDS", 0.1)
    server.mischief = server.silence
    async with way_to(server.url).connect() as remote:
        with pytest.raises(RemoteUnavailable, match="no sign of life"):
            await followed(remote)
