"""The server before its node: who may come in, what is refused and how, and that nothing is ever stored in part."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trustme
import zstandard
from prometheus_client.parser import text_string_to_metric_families

from adapters.transports.http_server import Served, build_app
from adapters.transports.packing import pack
from adapters.transports.serving import serving
from engine.clock import SystemClock
from engine.errors import SettingsError, StorageError
from engine.events.event import Origin
from engine.events.replicating import wire
from engine.events.replicating.messages import Batch, Hello, Identity, Limits, Pull, Receipt
from engine.events.replicating.responder import Responder
from engine.settings.replication import ServerSettings
from tests.adapters.transports.nodes import QUICK, TOKEN, Node, running_node
from tests.doubles.clock import ManualClock

SMALL: dict[str, Any] = {"max_packed_bytes": 64 * 1024, "max_unpacked_bytes": 256 * 1024}
MSGPACK = {"content-type": "application/msgpack"}
JSON = {"content-type": "application/json"}
HELLO = wire.encode(Hello(identity=Identity(node="munich", origin=Origin("munich~00000001"))))

ADDRESSES = [
    *(("POST", f"/v1/{word}") for word in ("hello", "pull", "push", "gaps", "chains", "digest")),
    *(
        (method, f"{prefix}{path}")
        for prefix in ("", "/sync")
        for method, path in (
            ("POST", "/push"),
            ("GET", "/pull"),
            ("GET", "/latest-version"),
            ("POST", "/pull-cursor"),
            ("GET", "/sse"),
        )
    ),
    ("GET", "/follow"),
    ("GET", "/metrics"),
]
"""Every address there is, but /health."""


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with running_node(tmp_path, patience=QUICK, **SMALL) as node:
        yield node


@pytest.fixture
async def http(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with node.client() as http:
        yield http


def refusal(answer: httpx.Response) -> str:
    """Return the kind of a refusal, which is always of this form."""
    told = answer.json()
    assert set(told) == {"error", "kind"}
    assert told["error"].endswith((".", ")"))
    assert "Traceback" not in answer.text
    return str(told["kind"])


# Who may come in


@pytest.mark.parametrize(
    "said", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer {TOKEN}x", "Bearer é"]
)
async def test_without_a_known_token_every_address_is_closed(node: Node, said: str | None) -> None:
    headers = {} if said is None else {b"authorization": said.encode()}
    async with httpx.AsyncClient(base_url=node.url, headers=headers) as stranger:
        for method, path in [*ADDRESSES, ("GET", "/nothing"), ("DELETE", "/push")]:
            answer = await stranger.request(method, path)
            assert (answer.status_code, refusal(answer)) == (401, "unauthorised"), path
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_whether_a_node_is_well_everybody_may_ask(node: Node) -> None:
    async with httpx.AsyncClient() as stranger:
        answer = await stranger.get(f"{node.url}/health")
    assert answer.json() == {"ok": True, "node": "berlin", "protocol": 1}


async def test_a_node_that_is_not_well_says_why(
    node: Node, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> Any:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(node.log, "bounds", broken)
    answer = await http.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "node": "berlin", "protocol": 1, "why": "The disk is full."}


async def test_sk28_without_tokens_only_this_machine_is_served(tmp_path: Path) -> None:
    async with running_node(tmp_path, tokens=()) as node:
        async with httpx.AsyncClient(base_url=node.url) as http:
            assert (await http.get("/latest-version")).json() == "0"
        clock = SystemClock()
        served = Served(
            name="b", responder=Responder(node.replica), log=node.log, advances=node.replica.advances, clock=clock
        )
        app = build_app(served, ServerSettings())
        for client, status in (("127.0.0.1", 200), ("::1", 200), ("10.0.0.7", 403), ("2001:db8::1", 403)):
            transport = httpx.ASGITransport(app, client=(client, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                assert (await http.get("/latest-version")).status_code == status, client


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8470", "127.0.0.1.evil.example", "", "[::1"])
async def test_sk28_without_tokens_a_name_that_was_made_to_point_here_is_refused(tmp_path: Path, host: str) -> None:
    async with running_node(tmp_path, tokens=()) as node, httpx.AsyncClient(base_url=node.url) as http:
        answer = await http.get("/pull", headers={"host": host})
        assert (answer.status_code, refusal(answer)) == (403, "unauthorised")
        for ours in ("localhost", "localhost:8470", "127.0.0.1", "[::1]:8470"):
            assert (await http.get("/pull", headers={"host": ours})).status_code == 200


async def test_sk28_without_tokens_no_web_page_can_push(tmp_path: Path) -> None:
    async with running_node(tmp_path, tokens=()) as node, httpx.AsyncClient(base_url=node.url) as http:
        for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
            answer = await http.post("/push", content=b"[]", headers={"origin": origin})
            assert (answer.status_code, refusal(answer)) == (403, "unauthorised")


# What is refused, and how


async def test_what_does_not_exist_is_refused_in_words(http: httpx.AsyncClient) -> None:
    for path in ("/", "/nothing", "/push/", "/v1/", "/v2/hello", "/sync", "//push", "/..%2f..%2fetc%2fpasswd"):
        answer = await http.get(path)
        assert (answer.status_code, refusal(answer)) == (404, "unknown_address"), path


async def test_another_method_is_refused_and_the_right_one_named(http: httpx.AsyncClient) -> None:
    for method, path in ADDRESSES:
        answer = await http.request("PUT", path)
        assert (answer.status_code, refusal(answer)) == (405, "unknown_address")
        assert method in answer.headers["allow"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "?"])
async def test_another_media_type_is_refused(http: httpx.AsyncClient, media: str) -> None:
    for path in ("/push", "/pull-cursor", "/v1/hello", "/v1/push"):
        answer = await http.post(path, content=HELLO, headers={"content-type": media})
        assert (answer.status_code, refusal(answer)) == (415, "malformed")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": lambda body: pack(body, {"gzip"})[0],
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize(("path", "media"), [("/push", JSON), ("/v1/push", MSGPACK), ("/pull-cursor", JSON)])
async def test_a_bomb_is_given_up_at_the_limit(
    node: Node, http: httpx.AsyncClient, path: str, media: dict[str, str], encoding: str
) -> None:
    bomb = PACKERS[encoding](b" " * (50 * 1024 * 1024))[: SMALL["max_packed_bytes"]]
    answer = await http.post(path, content=bomb, headers={**media, "content-encoding": encoding})
    assert (answer.status_code, refusal(answer)) == (413, "too_large")
    assert "256 KB unpacked" in answer.text
    assert await node.size() == 0


async def test_too_much_is_refused_when_it_is_announced_and_when_it_comes(node: Node, http: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield os.urandom(2_000)

    for path, media in (("/push", JSON), ("/v1/push", MSGPACK)):
        for content in (os.urandom(SMALL["max_packed_bytes"] + 1), pieces()):
            answer = await http.post(path, content=content, headers=media)
            assert (answer.status_code, refusal(answer)) == (413, "too_large")
            assert "64 KB on the wire" in answer.text


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd, gzip", "nonsense"])
async def test_other_packings_are_refused_and_the_known_ones_named(http: httpx.AsyncClient, encoding: str) -> None:
    answer = await http.post("/v1/hello", content=HELLO, headers={**MSGPACK, "content-encoding": encoding})
    assert (answer.status_code, refusal(answer)) == (415, "malformed")
    assert answer.headers["accept-encoding"] == "zstd, gzip, deflate"


@pytest.mark.parametrize("encoding", PACKERS)
async def test_a_packed_body_that_ends_early_or_is_damaged_is_refused(
    node: Node, http: httpx.AsyncClient, encoding: str
) -> None:
    whole = PACKERS[encoding](
        json.dumps([{"event": {"id": str(n), "type": "t", "aggregate_id": "a:1"}} for n in range(99)]).encode()
    )
    for body in (whole[:-3], whole[: len(whole) // 2], b"junk" + whole, whole + b"junk"):
        answer = await http.post("/push", content=body, headers={**JSON, "content-encoding": encoding})
        assert (answer.status_code, refusal(answer)) == (400, "malformed")
    assert await node.size() == 0


NO_MESSAGES = {
    "nothing": b"",
    "random bytes": bytes(range(256)),
    "JSON": b'{"identity": {}}',
    "another message": wire.encode(Pull()),
    "another protocol": msgspec.msgpack.encode((99, "hello", {})),
    "a number": msgspec.msgpack.encode(7),
    "missing fields": msgspec.msgpack.encode((1, "hello", {})),
    "wrong types": msgspec.msgpack.encode((1, "hello", {"identity": "munich", "heads": 7})),
    "arrays in arrays": b"\x91" * 50_000,
    "maps in maps": b"\x93\x01\xa5hello" + b"\x81\xa1a" * 20_000,
    "an array of four thousand million": b"\xdd\xff\xff\xff\xff",
    "a text of four thousand million": b"\xdb\xff\xff\xff\xff",
    "a message cut short": HELLO[:-5],
    "a message with a tail": HELLO + b"tail",
}


@pytest.mark.parametrize("fault", NO_MESSAGES)
async def test_what_is_no_message_is_refused_at_every_call(node: Node, http: httpx.AsyncClient, fault: str) -> None:
    for word in ("hello", "push", "gaps", "chains", "digest"):
        answer = await http.post(f"/v1/{word}", content=NO_MESSAGES[fault], headers=MSGPACK)
        assert answer.status_code == 400
        assert refusal(answer) in {"malformed", "protocol"}
    assert await node.size() == 0


NO_JSON = {
    "nothing": b"",
    "half of it": b'[{"event": {"id": "1", "ty',
    "another type": b'{"event": 1}',
    "depth": b"[" * 60_000,
    "depth in data": b'[{"event":{"id":"1","type":"t","aggregate_id":"a:1","data":'
    + b"[" * 20_000
    + b"]" * 20_000
    + b"}}]",
    "no UTF-8": b'[{"event":{"id":"\xff\xfe","type":"t","aggregate_id":"a:1"}}]',
    "a number without end": b'[{"event":{"id":"1","type":"t","aggregate_id":"a:1","data":' + b"9" * 5_000 + b"}}]",
    "half a character": b'[{"event":{"id":"1","type":"t","aggregate_id":"a:1","data":"\\ud800"}}]',
}


@pytest.mark.parametrize("fault", NO_JSON)
async def test_what_is_no_json_of_ours_is_refused(node: Node, http: httpx.AsyncClient, fault: str) -> None:
    answer = await http.post("/push", content=NO_JSON[fault], headers=JSON)
    assert answer.status_code in {400, 422}
    assert refusal(answer) in {"malformed", "refused"}
    assert await node.size() == 0


async def test_what_is_unforeseen_is_no_news_for_strangers(
    node: Node, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*arguments: Any, **more: Any) -> Any:
        raise RuntimeError("password=hunter2hunter2 at line 7 of somewhere.py")

    monkeypatch.setattr(node.log, "page", broken)
    answer = await http.get("/pull")
    assert (answer.status_code, refusal(answer)) == (500, "internal")
    assert "somewhere" not in answer.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "RuntimeError" in record.getMessage()
    assert "hunter2" not in record.getMessage()
    assert record.exc_info is None


# Events that no honest node sends


async def batch_of(folder: Path, count: int, *, now: datetime | None = None) -> Batch:
    """Return events of another node, whose clock may be wrong."""
    clock = SystemClock() if now is None else ManualClock(now)
    async with running_node(folder, clock=clock) as other:
        await other.write(count)
        async with other.transport().connect() as remote:
            return await remote.pull(Pull(limits=Limits(items=1_000)))


async def test_events_arrive_once_however_often_they_are_pushed(node: Node, tmp_path: Path) -> None:
    batch = await batch_of(tmp_path / "other", 20)
    async with node.transport().connect() as remote:
        first, second = await remote.push(batch), await remote.push(batch)
    assert (first.taken, second.taken, await node.size()) == (20, 0, 20)
    assert first.vector == second.vector


async def test_an_event_from_the_future_is_left_out_and_named(node: Node, tmp_path: Path) -> None:
    batch = await batch_of(tmp_path / "other", 3, now=datetime.now(UTC) + timedelta(hours=1))  # noqa: TID251
    async with node.transport().connect() as remote:
        receipt = await remote.push(batch)
    assert [refused.kind for refused in receipt.refusals] == ["clock_ahead"]
    assert await node.size() == 0


async def test_one_changed_event_stops_its_origin_and_stores_no_part_of_it(
    node: Node, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    batch = await batch_of(tmp_path / "other", 5)
    forged = msgspec.structs.replace(batch.items[2], data='{"note":"forged"}')
    items = (*batch.items[:2], forged, *batch.items[3:])
    answer = await http.post("/v1/push", content=wire.encode(Batch(items=items, vector=batch.vector)), headers=MSGPACK)
    stored = await node.size()
    if answer.status_code == 200:
        receipt = wire.decode(answer.content, Receipt)
        assert receipt.refusals
        assert sum(receipt.vector.values()) == stored == 2
    else:
        assert refusal(answer) == "malformed"
        assert stored == 0


# Patience


async def talk(node: Node, *said: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and say something, in clear text."""
    host, _, port = node.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for each in said:
        writer.write(each)
    await writer.drain()
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return what still comes until the server ends the connection, in whatever way."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


HEAD = f"POST /push HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n".encode()


@pytest.mark.parametrize("said", [b"", b"POST /pu", HEAD])
async def test_a_head_that_never_ends_is_not_waited_for(node: Node, said: bytes) -> None:
    reader, writer = await talk(node, said)
    assert await reader.read() == b""
    writer.close()


async def test_a_body_that_never_ends_is_refused_in_time_and_then_hung_up(node: Node) -> None:
    reader, writer = await talk(node, HEAD, b"content-length: 5000\r\n\r\n[")
    told = await reader.read()
    assert told.startswith(b"HTTP/1.1 408")
    assert b'"kind":"timeout"' in told
    assert await node.size() == 0
    writer.close()


async def test_a_request_that_breaks_off_stores_nothing_and_harms_nobody(node: Node, http: httpx.AsyncClient) -> None:
    event = b'[{"event":{"id":"1","type":"t","aggregate_id":"a:1"}}]'
    for cut in range(0, len(event), 7):
        _, writer = await talk(node, HEAD, b"content-length: %d\r\n\r\n" % len(event), event[:cut])
        writer.transport.abort()
    assert (await http.get("/latest-version")).json() == "0"


async def test_a_crowd_that_says_nothing_keeps_nobody_else_out_for_long(node: Node, http: httpx.AsyncClient) -> None:
    crowd = [await talk(node, HEAD) for _ in range(QUICK.connections + 20)]
    for reader, writer in crowd:
        await reader.read()
        writer.close()
    assert (await http.get("/latest-version")).json() == "0"


async def test_nonsense_instead_of_http_is_answered_and_hung_up(node: Node) -> None:
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200),
        b"hello\r\n\r\n",
        b"A" * 300_000,
    ):
        reader, writer = await talk(node)
        writer.write(nonsense)
        assert (await ended(reader))[:12] in {b"HTTP/1.1 400", b""}
        writer.close()


async def test_more_requests_than_are_worked_on_at_once_wait_or_are_told_to_come_again(
    node: Node, http: httpx.AsyncClient
) -> None:
    slow = [await talk(node, HEAD, b"content-length: 5000\r\n\r\n[") for _ in range(QUICK.at_once)]
    busy = await http.get("/latest-version")
    assert (busy.status_code, refusal(busy)) == (503, "busy")
    assert int(busy.headers["retry-after"]) >= 1
    for reader, writer in slow:
        await reader.read()
        writer.close()
    assert (await http.get("/latest-version")).status_code == 200


# Following


async def told_of(lines: AsyncIterator[str], events: int) -> bool:
    """Wait until a line tells of so many events."""
    async for line in lines:
        if line.startswith("data: "):
            vector = json.loads(line.removeprefix("data: "))["vector"]
            if sum(vector.values()) == events:
                return True
    return False


async def test_a_follower_is_told_the_vector_at_once_and_whenever_it_advances(
    node: Node, http: httpx.AsyncClient
) -> None:
    await node.write(3)
    async with http.stream("GET", "/follow") as answer:
        lines = answer.aiter_lines()
        assert await told_of(lines, 3)
        await node.write(2)
        assert await told_of(lines, 5)


async def test_a_follower_gets_signs_of_life(node: Node, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/follow") as answer:
        assert [line async for line in first(answer.aiter_lines(), 4)] == [
            'data: {"vector":{}}',
            "",
            ": still here",
            "",
        ]


async def first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    for _ in range(count):
        yield await anext(lines)


async def test_a_follower_that_reads_nothing_holds_nobody_up_and_misses_nothing(
    node: Node, http: httpx.AsyncClient
) -> None:
    reader, writer = await talk(
        node, f"GET /follow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n".encode()
    )
    async with http.stream("GET", "/follow") as awake:
        lines = awake.aiter_lines()
        for written in range(10, 210, 10):
            await node.write(10)
            assert await told_of(lines, written)
    told = b""
    while b":200}" not in told:
        told += await reader.read(1_000)
    writer.close()


async def test_only_so_many_may_follow_and_a_place_that_gets_free_is_given_again(
    node: Node, http: httpx.AsyncClient
) -> None:
    lines = [http.stream("GET", path) for path in ("/follow", "/follow", "/sse", "/follow")]
    for line in lines:
        await line.__aenter__()
    full = await http.get("/follow")
    assert (full.status_code, refusal(full)) == (503, "busy")
    for line in lines:
        await line.__aexit__(None, None, None)
    statuses = [503]
    while statuses[-1] == 503:
        async with http.stream("GET", "/follow") as answer:
            statuses.append(answer.status_code)
    assert statuses[-1] == 200


async def test_the_server_stops_within_seconds_although_lines_are_open(tmp_path: Path) -> None:
    clock = SystemClock()
    async with httpx.AsyncClient(timeout=10, headers={"authorization": f"Bearer {TOKEN}"}) as http:
        async with running_node(tmp_path) as node:
            following = [http.stream("GET", f"{node.url}{path}") for path in ("/follow", "/sse", "/follow")]
            answers = [await line.__aenter__() for line in following]
            began = clock.monotonic()
        assert clock.monotonic() - began < 3
        for answer in answers:
            await answer.aread()
            await answer.aclose()


# Counts


async def test_metrics_tell_what_was_asked_and_how_it_ended(http: httpx.AsyncClient) -> None:
    await http.get("/latest-version")
    await http.post("/push", content=b"{", headers=JSON)
    for number in range(30):
        await http.get(f"/scan/{number}")
    text = (await http.get("/metrics")).text
    requests = {
        (sample.labels["path"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "syncdeck_http_requests_total"
    }
    assert requests == {("/latest-version", "200"): 1, ("/push", "400"): 1, ("other", "404"): 30}
    assert TOKEN not in text


# TLS, and what stands in the way of serving


def certificates(folder: Path, name: str = "127.0.0.1") -> trustme.CA:
    authority = trustme.CA()
    issued = authority.issue_cert(name)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return authority


async def test_a_node_serves_over_tls(tmp_path: Path) -> None:
    certificates(tmp_path)
    async with running_node(tmp_path, tls_certificate="cert.pem", tls_key="key.pem") as node:
        assert node.url.startswith("https://")
        async with node.transport(ca=str(tmp_path / "ca.pem")).connect() as remote:
            assert (await remote.greet(wire.decode(HELLO, Hello))).identity.node == "berlin"


BAD_CERTIFICATES = {
    "missing": ("nowhere.pem", "key.pem", "does not exist"),
    "no certificate": ("text.pem", "key.pem", "cannot be used"),
    "another's key": ("cert.pem", "other.pem", "cannot be used"),
}


@pytest.mark.parametrize("fault", BAD_CERTIFICATES)
async def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path, fault: str) -> None:
    certificate, key, words = BAD_CERTIFICATES[fault]
    certificates(tmp_path)
    (tmp_path / "text.pem").write_text("hello")
    trustme.CA().issue_cert("x").private_key_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises(SettingsError, match=words):
        async with running_node(tmp_path, tls_certificate=certificate, tls_key=key):
            pass


async def test_a_taken_port_is_one_sentence(node: Node, tmp_path: Path) -> None:
    port = int(node.url.rpartition(":")[2])
    served = Served(
        name="b", responder=Responder(node.replica), log=node.log, advances=node.replica.advances, clock=node.clock
    )
    settings = ServerSettings(port=port)
    with pytest.raises(SettingsError, match=rf"Port {port} of 127\.0\.0\.1 is taken"):
        async with serving(build_app(served, settings), settings, tmp_path):
            pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_an_address_that_is_not_ours_is_one_sentence(node: Node, tmp_path: Path, host: str) -> None:
    served = Served(
        name="b", responder=Responder(node.replica), log=node.log, advances=node.replica.advances, clock=node.clock
    )
    settings = ServerSettings(host=host, port=0, tokens=("env:X",))
    with pytest.raises(SettingsError, match=host):
        async with serving(build_app(served, settings), settings, tmp_path):
            pass


def test_a_server_beyond_this_machine_needs_tokens() -> None:
    with pytest.raises(ValueError, match="there are no tokens"):
        ServerSettings(host="0.0.0.0")
