"""What is refused, and how: in words, at the limit, and with nothing stored."""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from adapters.transports.packing import pack
from engine.events.replicating import wire
from engine.events.replicating.messages import Pull
from tests.adapters.transports.asking import ADDRESSES, HELLO, JSON, MSGPACK, SMALL, refusal
from tests.adapters.transports.nodes import Node


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
