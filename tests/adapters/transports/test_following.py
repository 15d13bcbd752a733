"""Lines that are kept open: told at once, told to the end, and closed when the server stops."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from engine.clock import SystemClock
from tests.adapters.transports.asking import refusal, talk
from tests.adapters.transports.nodes import TOKEN, Node, running_node


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
    asking = f"GET /follow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n".encode()
    async with talk(node, asking) as (reader, _):
        async with http.stream("GET", "/follow") as awake:
            lines = awake.aiter_lines()
            for written in range(10, 210, 10):
                await node.write(10)
                assert await told_of(lines, written)
        told = b""
        while b":200}" not in told:
            told += await reader.read(1_000)


async def test_only_so_many_may_follow_and_a_place_that_gets_free_is_given_again(
    node: Node, http: httpx.AsyncClient
) -> None:
    async with AsyncExitStack() as open_lines:
        for path in ("/follow", "/follow", "/sse", "/follow"):
            await open_lines.enter_async_context(http.stream("GET", path))
        full = await http.get("/follow")
        assert (full.status_code, refusal(full)) == (503, "busy")
    statuses = [503]
    while statuses[-1] == 503:
        async with http.stream("GET", "/follow") as answer:
            statuses.append(answer.status_code)
    assert statuses[-1] == 200


async def test_the_server_stops_within_seconds_although_lines_are_open(tmp_path: Path) -> None:
    clock = SystemClock()
    async with (
        httpx.AsyncClient(timeout=10, headers={"authorization": f"Bearer {TOKEN}"}) as http,
        AsyncExitStack() as open_lines,
    ):
        async with running_node(tmp_path) as node:
            following = [http.stream("GET", f"{node.url}{path}") for path in ("/follow", "/sse", "/follow")]
            answers = [await open_lines.enter_async_context(line) for line in following]
            began = clock.monotonic()
        assert clock.monotonic() - began < 3
        for answer in answers:
            await answer.aread()
