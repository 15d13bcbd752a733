"""Whatever bytes come over the network, the real server answers in words, stores whole events or none, and goes on."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.events.event import Origin
from engine.events.replicating import wire
from engine.events.replicating.messages import Batch, Hello, Identity, Item, Limits, Pull, Skip
from tests.adapters.transports.nodes import TOKEN, Node, running_node

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = ("hello", "pull", "push", "gaps", "chains", "digest")
SURE = {200, 400, 409, 413, 415, 422}


class Running:
    """A node in a thread of its own, so that examples come one after another from outside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.node: Node | None = None

    async def serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with running_node(self._folder) as self.node:
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> httpx.Client:
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()))
        self._thread.start()
        assert self._ready.wait(30)
        assert self.node is not None
        self._client = httpx.Client(base_url=self.node.url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=30)
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with Running(tmp_path_factory.mktemp("fuzzed")) as http:
        yield http


def sure(answer: httpx.Response) -> None:
    """An answer that somebody foresaw: success, or a refusal in words."""
    assert answer.status_code in SURE, answer.text
    if answer.status_code != 200:
        told = answer.json()
        assert told["error"]
        assert told["kind"]


ORIGINS = st.sampled_from(["berlin~00000001", "munich~00000002", "", "x" * 200, "a\x00b", "é~0000"]).map(Origin)
NUMBERS = st.one_of(st.integers(-2, 5), st.sampled_from([2**31, 2**63 - 1, 2**64 - 1]))
TEXTS = st.one_of(st.text(max_size=12), st.sampled_from(["{}", '{"a":1}', "null", "[", "{" * 300, "x" * 2_000]))
ITEMS = st.builds(
    Item,
    origin=ORIGINS,
    seq=NUMBERS,
    id=TEXTS,
    type=TEXTS,
    aggregate=TEXTS,
    data=TEXTS,
    metadata=TEXTS,
    context=TEXTS,
    hlc=NUMBERS,
    chain=st.binary(max_size=40),
    hashes=st.binary(max_size=70),
)
SKIPS = st.builds(Skip, origin=ORIGINS, first=NUMBERS, last=NUMBERS, chain=st.binary(max_size=40))
VECTORS = st.dictionaries(ORIGINS, NUMBERS, max_size=4)


@FEW
@given(
    word=st.sampled_from(WORDS),
    body=st.binary(max_size=400),
    encoding=st.sampled_from(["", "gzip", "zstd", "deflate", "br"]),
)
def test_random_bytes_at_every_call(http: httpx.Client, word: str, body: bytes, encoding: str) -> None:
    headers = {"content-type": "application/msgpack", "content-encoding": encoding}
    sure(http.post(f"/v1/{word}", content=body, headers={name: value for name, value in headers.items() if value}))


@FEW
@given(items=st.lists(st.one_of(ITEMS, SKIPS), max_size=4), vector=VECTORS)
def test_batches_that_are_well_formed_and_make_no_sense(
    http: httpx.Client, items: list[Any], vector: dict[Origin, int]
) -> None:
    before = http.get("/latest-version").json()
    try:
        body = wire.encode(Batch(items=tuple(items), vector=vector))
    except (OverflowError, UnicodeEncodeError):
        return
    answer = http.post("/v1/push", content=body, headers={"content-type": "application/msgpack"})
    sure(answer)
    if answer.status_code != 200:
        assert http.get("/latest-version").json() == before


@FEW
@given(vector=VECTORS, count=NUMBERS, size=NUMBERS, origin=ORIGINS)
def test_questions_that_are_well_formed_and_make_no_sense(
    http: httpx.Client, vector: dict[Origin, int], count: int, size: int, origin: Origin
) -> None:
    headers = {"content-type": "application/msgpack"}
    pull = Pull(vector=vector, limits=Limits(items=count, bytes=size))
    sure(http.post("/v1/pull", content=wire.encode(pull), headers=headers))
    sure(
        http.post("/v1/hello", content=wire.encode(Hello(identity=Identity(node="x", origin=origin))), headers=headers)
    )


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.sampled_from(["a", "b"]), JSON),
        "type": st.one_of(st.just("t"), JSON),
        "aggregate_id": st.one_of(st.just("a:1"), JSON),
        "data": JSON,
        "metadata": JSON,
        "more": JSON,
    },
)


@FEW
@given(entries=st.one_of(JSON, st.lists(st.fixed_dictionaries({"event": FIELDS, "version": JSON}), max_size=3)))
@example(entries=[{"event": {"id": "a", "type": "t", "aggregate_id": "a:1", "data": 2**70}, "version": "1"}])
@example(entries=[{"event": {"id": "a", "type": "t", "aggregate_id": "a:1", "data": 1e308}, "version": "1"}])
def test_any_json_at_a_kits_push_is_kept_whole_or_refused(http: httpx.Client, entries: Any) -> None:
    before = int(http.get("/latest-version").json())
    answer = http.post("/push", content=json.dumps(entries).encode(), headers={"content-type": "application/json"})
    sure(answer)
    after = int(http.get("/latest-version").json())
    stored = answer.json()["stored"] if answer.status_code == 200 else 0
    assert after - before == stored


@FEW
@given(
    cursor=st.one_of(JSON, st.fixed_dictionaries({"kind": st.sampled_from(["integer", "vector", "x"]), "data": JSON})),
    limit=JSON,
)
def test_any_json_as_a_cursor(http: httpx.Client, cursor: Any, limit: Any) -> None:
    sure(http.get("/pull", params={"since": json.dumps(cursor)}))
    body = json.dumps({"since": cursor, "limit": limit}).encode()
    sure(http.post("/pull-cursor", content=body, headers={"content-type": "application/json"}))


@FEW
@given(
    said=st.one_of(
        st.binary(max_size=300), st.text(max_size=100).map(lambda path: f"GET /{path} HTTP/1.1\r\n\r\n".encode())
    )
)
def test_any_bytes_instead_of_http(http: httpx.Client, said: bytes) -> None:
    port = int(str(http.base_url).rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
    assert http.get("/health").json()["ok"]


def test_after_all_that_the_log_still_holds_together(http: httpx.Client) -> None:
    answer = http.post(
        "/v1/pull", content=wire.encode(Pull()), headers={"content-type": "application/msgpack", "accept-encoding": ""}
    )
    batch = wire.decode(answer.content, Batch)
    assert sum(batch.vector.values()) >= len(batch.items)
    assert len(http.get("/pull").json()) == int(http.get("/latest-version").json())
    assert msgspec.json.decode(http.get("/health").content)["ok"]
