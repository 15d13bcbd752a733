"""Callers that keep the server waiting, or come all at once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.adapters.transports.asking import ended, refusal, talk
from tests.adapters.transports.nodes import QUICK, TOKEN, Node, running_node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with running_node(tmp_path, patience=QUICK) as node:
        yield node


HEAD = f"POST /push HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n".encode()


@pytest.mark.parametrize("said", [b"", b"POST /pu", HEAD])
async def test_a_head_that_never_ends_is_not_waited_for(node: Node, said: bytes) -> None:
    async with talk(node, said) as (reader, _):
        assert await reader.read() == b""


async def test_a_body_that_never_ends_is_refused_in_time_and_then_hung_up(node: Node) -> None:
    async with talk(node, HEAD, b"content-length: 5000\r\n\r\n[") as (reader, _):
        told = await reader.read()
    assert told.startswith(b"HTTP/1.1 408")
    assert b'"kind":"timeout"' in told
    assert await node.size() == 0


async def test_a_request_that_breaks_off_stores_nothing_and_harms_nobody(node: Node, http: httpx.AsyncClient) -> None:
    event = b'[{"event":{"id":"1","type":"t","aggregate_id":"a:1"}}]'
    for cut in range(0, len(event), 7):
        async with talk(node, HEAD, b"content-length: %d\r\n\r\n" % len(event), event[:cut]):
            pass
    assert (await http.get("/latest-version")).json() == "0"


async def test_a_crowd_that_says_nothing_keeps_nobody_else_out_for_long(node: Node, http: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as open_lines:
        crowd = [await open_lines.enter_async_context(talk(node, HEAD)) for _ in range(QUICK.connections + 20)]
        for reader, _ in crowd:
            await reader.read()
        assert (await http.get("/latest-version")).json() == "0"


async def test_nonsense_instead_of_http_is_answered_and_hung_up(node: Node) -> None:
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200),
        b"hello\r\n\r\n",
        b"A" * 300_000,
    ):
        async with talk(node) as (reader, writer):
            writer.write(nonsense)
            assert (await ended(reader))[:12] in {b"HTTP/1.1 400", b""}


async def test_more_requests_than_are_worked_on_at_once_wait_or_are_told_to_come_again(
    node: Node, http: httpx.AsyncClient
) -> None:
    async with AsyncExitStack() as open_lines:
        slow = [
            await open_lines.enter_async_context(talk(node, HEAD, b"content-length: 5000\r\n\r\n["))
            for _ in range(QUICK.at_once)
        ]
        busy = await http.get("/latest-version")
        assert (busy.status_code, refusal(busy)) == (503, "busy")
        assert int(busy.headers["retry-after"]) >= 1
        for reader, _ in slow:
            await reader.read()
    assert (await http.get("/latest-version")).status_code == 200
