"""A client of go-sync-kit v0.16 can push, pull and ask; what the kit's own server gets wrong is impossible here."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.transports.kit_wire import PAGE_BYTES
from engine.events.event import NewEvent, Position
from engine.events.replicating.messages import Pull
from tests.adapters.transports.nodes import GENTLE, Node, running_node
from tests.doubles.kit_client import KitClient, KitError, KitNode


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with running_node(tmp_path, patience=GENTLE) as node:
        yield node


@pytest.fixture
async def http(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with node.client() as http:
        yield http


@pytest.fixture
def kit(http: httpx.AsyncClient) -> KitClient:
    return KitClient(http)


def entry(identity: str, data: Any = None, *, aggregate: str = "order:1", **more: Any) -> dict[str, Any]:
    told = {"id": identity, "type": "order.placed", "aggregate_id": aggregate, "data": data, "metadata": None, **more}
    return {"event": told, "version": "0"}


@pytest.mark.parametrize("base", ["", "/sync"])
async def test_what_is_pushed_can_be_pulled(http: httpx.AsyncClient, base: str) -> None:
    kit = KitClient(http, base)
    events = [entry(f"kit-{number}", {"amount": number}, metadata={"actor": "ann"}) for number in range(1, 4)]
    await kit.push(events)
    pulled = await kit.pull(0)
    assert [each["event"] for each in pulled] == [each["event"] for each in events]
    assert [each["version"] for each in pulled] == ["1", "2", "3"]
    assert await kit.latest_version() == 3
    assert [each["version"] for each in (await kit.pull_cursor(None, 2))[0]] == ["1", "2"]
    async with aclosing(kit.subscribe()) as frames:
        assert len(await anext(frames)) == 3


async def test_a_pull_goes_on_after_the_version_it_is_given(kit: KitClient) -> None:
    await kit.push([entry(f"kit-{number}", {}) for number in range(5)])
    assert [each["version"] for each in await kit.pull(3)] == ["4", "5"]
    assert await kit.pull(5) == []
    assert await kit.pull(10**18) == []


async def test_large_pushes_come_packed(kit: KitClient, node: Node) -> None:
    await kit.push([entry(f"kit-{number}", {"note": os.urandom(30).hex()}) for number in range(100)])
    assert await node.size() == 100


async def test_a_node_that_only_pushes_and_one_that_only_pulls_have_all(kit: KitClient, node: Node) -> None:
    writer, reader = KitNode(kit), KitNode(kit)
    for number in range(1, 251):
        writer.add(f"kit-{number}", f"order:{number % 7}", {"amount": number})
    await writer.push(latest=0)
    for number in range(251, 300):
        writer.add(f"kit-{number}", f"order:{number % 7}", {"amount": number})
    await writer.push()
    while await reader.pull():
        pass
    assert [each["event"] for each in reader.events] == [each["event"] for each in writer.events]


# Sent again: the kit does so whenever the server's latest version is below its own


async def test_a_push_sent_again_changes_nothing(kit: KitClient, node: Node) -> None:
    events = [entry(f"kit-{number}", {"amount": number}) for number in range(10)]
    await kit.push(events)
    await kit.push(events)
    await kit.push([*events[3:], entry("kit-new", {})])
    assert await node.size() == 11


async def test_what_was_pulled_and_is_pushed_back_is_known(kit: KitClient, node: Node) -> None:
    """Go keeps every number as a 64-bit float, and nothing as null."""
    await node.log.append(
        [
            NewEvent(type="user.changed", aggregate_id="user:1", data={"id": 2**53 + 1, "share": 1.0, "tags": {}}),
            NewEvent(type="user.changed", aggregate_id="user:1", data=None, metadata={"actor": "ann"}),
            NewEvent(type="user.changed", aggregate_id="user:1", data={"password": "hunter2hunter2"}),
        ]
    )
    await kit.push(await kit.pull(0))
    assert await node.size() == 3


async def test_the_journal_that_was_pulled_is_known_too(kit: KitClient, node: Node) -> None:
    await node.log.append([NewEvent(type="run.started", aggregate_id="run:1")], own=True)
    await kit.push(await kit.pull(0))
    assert await node.size() == 1


async def test_what_came_from_another_node_is_known_when_a_kit_brings_it_too(
    node: Node, kit: KitClient, tmp_path: Path
) -> None:
    async with running_node(tmp_path / "munich") as munich, munich.client() as other:
        await munich.write(5)
        async with munich.transport().connect() as remote:
            await node.replica.receive(await remote.pull(Pull()))
        await kit.push(await KitClient(other).pull(0))
    assert await node.size() == 5


async def test_a_secret_sent_again_is_known_although_it_was_hidden(kit: KitClient, node: Node) -> None:
    event = entry("kit-1", {"password": "hunter2hunter2"})
    await kit.push([event])
    await kit.push([event])
    assert "hunter2" not in json.dumps(await kit.pull(0))


async def test_an_event_without_data_changes_nothing_and_removes_nothing(kit: KitClient, node: Node) -> None:
    await kit.push([entry("kit-1", {"amount": 1}), entry("kit-2", None), entry("kit-2", None)])
    assert [event.data for event in await node.log.page(Position(0), 10)] == [{"amount": 1}, {}]


# The kit drops what it cannot parse or store, and answers 200 {"status": "ok"}

REFUSED: dict[str, list[Any]] = {
    "another content under a known id": [entry("kit-0", {"amount": 2})],
    "two contents under one id": [entry("kit-8", {"amount": 1}), entry("kit-8", {"amount": 2})],
    "an event of this node's own journal": [entry("kit-9", {}, aggregate="run:1")],
    "an event without an id": [entry("", {})],
    "an event without a type": [entry("kit-9", {}, type="")],
    "an event without an aggregate": [entry("kit-9", {}, aggregate="")],
    "an id without end": [entry("k" * 5_000, {})],
    "a number as a type": [entry("kit-9", {}, type=7)],
    "a list as metadata": [entry("kit-9", {}, metadata=[1])],
    "no event": [{"version": "1"}],
    "a text": ["hello"],
    "more than the log can keep": [entry("kit-9", {"note": "x" * (5 * 1024 * 1024)})],
    "nesting without end": [entry("kit-9", json.loads("[" * 400 + "]" * 400))],
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_push_with_one_bad_event_stores_none_and_says_so(kit: KitClient, node: Node, fault: str) -> None:
    await kit.push([entry("kit-0", {"amount": 1})])
    good = [entry("good-1", {}), entry("good-2", {})]
    with pytest.raises(KitError, match=r"status 4\d\d.*error"):
        await kit.push([good[0], *REFUSED[fault], good[1]])
    assert await node.size() == 1
    await kit.push(good)
    assert await node.size() == 3


async def test_a_push_that_cannot_be_stored_is_no_success(kit: KitClient, node: Node) -> None:
    def full(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'disk full'); END")

    await node.database.write(full)
    with pytest.raises(KitError, match="status 5"):
        await kit.push([entry("kit-1", {})])
    assert await node.size() == 0


async def test_a_closed_log_is_no_success(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, node.client() as http:
        await node.database.close_readers()
        assert node.database.writer is not None
        await node.database.writer.close()
        with pytest.raises(KitError, match="status 5"):
            await KitClient(http).push([entry("kit-1", {})])
        assert (await http.get("/health")).status_code in {500, 503}


# The kit loads its whole backlog for every page


class Reads:
    """Counts the rows that the log is asked for."""

    def __init__(self, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        page = node.log.page

        async def counting(after: Position, limit: int, *rest: Any, **more: Any) -> Any:
            found = await page(after, limit, *rest, **more)
            self.rows += len(found)
            return found

        monkeypatch.setattr(node.log, "page", counting)


async def test_paging_through_a_backlog_reads_every_event_once(
    kit: KitClient, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.write(2_000)
    reads = Reads(node, monkeypatch)
    cursor, seen = None, 0
    while page := await kit.pull_cursor(cursor, 100):
        events, cursor = page
        seen += len(events)
        if not events:
            break
    assert seen == 2_000
    assert reads.rows == 2_000


async def test_following_a_backlog_reads_every_event_once(
    kit: KitClient, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.write(2_000)
    reads = Reads(node, monkeypatch)
    seen = 0
    async with aclosing(kit.subscribe()) as frames:
        async for events in frames:
            seen += len(events)
            if seen == 2_000:
                break
    assert reads.rows == 2_000


# The kit's server sends more than its client takes, which then fails on every pull


@pytest.mark.parametrize("size", [2_000, 400_000])
async def test_a_backlog_beyond_the_clients_limits_comes_in_pieces_that_fit(
    kit: KitClient, node: Node, size: int
) -> None:
    count = 24 * 1024 * 1024 // size
    kept = [NewEvent(type="file.kept", aggregate_id="file:1", data={"bytes": os.urandom(size // 2).hex()})]
    for first in range(0, count, 500):
        await node.log.append(kept * min(500, count - first))
    reader, pulls = KitNode(kit), 0
    while await reader.pull():
        pulls += 1
    assert [each["version"] for each in reader.events] == [str(number) for number in range(1, count + 1)]
    assert pulls >= 24 * 1024 * 1024 // PAGE_BYTES


async def test_the_largest_event_there_can_be_still_fits(kit: KitClient, node: Node) -> None:
    await node.log.append([NewEvent(type="f", aggregate_id="f:1", data="x" * (4 * 1024 * 1024 - 10))])
    (only,) = await kit.pull(0)
    assert len(only["event"]["data"]) == 4 * 1024 * 1024 - 10


# An empty log


async def test_an_empty_log_tells_the_truth_and_takes_the_first_push(kit: KitClient, http: httpx.AsyncClient) -> None:
    """ "1" would please the kit's parser, and its manager would then never push its first event: a silent loss for a
    loud fault. The transport's own push asks for no version, and after it every version can be parsed."""
    assert (await http.get("/latest-version")).json() == "0"
    with pytest.raises(KitError, match="zero"):
        await kit.latest_version()
    assert await kit.pull(0) == []
    await kit.push([entry("kit-1", {})])
    assert await kit.latest_version() == 1


# Following without a cursor never works in the kit


async def test_following_without_a_cursor_starts_at_the_beginning_and_goes_on(kit: KitClient, node: Node) -> None:
    await node.write(3)
    versions: list[str] = []
    async with aclosing(kit.subscribe()) as frames:
        async for events in frames:
            versions += [each["version"] for each in events]
            if len(versions) == 3:
                await node.write(2)
            if len(versions) == 5:
                break
    assert versions == ["1", "2", "3", "4", "5"]


async def test_following_an_empty_log_waits_for_the_first_event(kit: KitClient, node: Node) -> None:
    async with node.client() as http, http.stream("GET", f"{kit.base}/sse") as answer:
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith(":")
        await node.write(1)
        told = await _data(lines)
    assert json.loads(told)["events"][0]["version"] == "1"


async def test_a_line_that_broke_goes_on_where_it_was(kit: KitClient, node: Node) -> None:
    await node.write(5)
    before = {"last-event-id": '{"kind":"integer","data":3}'}
    async with node.client() as http, http.stream("GET", f"{kit.base}/sse", headers=before) as answer:
        lines = answer.aiter_lines()
        identity = await anext(lines)
        told = json.loads(await _data(lines))
    assert [each["version"] for each in told["events"]] == ["4", "5"]
    assert told["next_cursor"] == {"kind": "integer", "data": 5}
    assert json.loads(identity.removeprefix("id: ")) == told["next_cursor"]


async def _data(lines: AsyncIterator[str]) -> str:
    async for line in lines:
        if line.startswith("data: "):
            return line.removeprefix("data: ")
    return ""


# Versions other than "1" and "2" become 0 on the kit's line


async def test_every_version_on_a_line_is_the_events_own(kit: KitClient, node: Node) -> None:
    await node.write(300)
    versions: list[int] = []
    async with aclosing(kit.subscribe('{"kind":"integer","data":1}')) as frames:
        async for events in frames:
            versions += [kit.version(each["version"]) for each in events]
            if len(versions) == 299:
                break
    assert versions == list(range(2, 301))


# Cursors


async def test_a_vector_cursor_gives_what_its_holder_lacks(kit: KitClient, node: Node) -> None:
    await node.write(10)
    (origin,) = await node.log.vector()
    events, following = await kit.pull_cursor({"kind": "vector", "data": {origin: 7}}, 2)
    assert [each["version"] for each in events] == ["8", "9"]
    assert following == {"kind": "vector", "data": {origin: 9}}
    rest = await kit.pull(f'{{"kind":"vector","data":{{"{origin}":9}}}}')  # type: ignore[arg-type]
    assert [each["version"] for each in rest] == ["10"]


@pytest.mark.parametrize("limit", [0, -1, 1_001])
async def test_a_limit_that_cannot_be_means_200(node: Node, http: httpx.AsyncClient, limit: int) -> None:
    await node.write(300)
    page = (await http.post("/pull-cursor", json={"limit": limit})).json()
    assert len(page["events"]) == 200
    assert page["next"] == {"kind": "integer", "data": 200}


BAD_CURSORS = {
    "an unknown kind": {"kind": "clock", "data": 1},
    "a text as an integer": {"kind": "integer", "data": "7"},
    "a negative one": {"kind": "integer", "data": -1},
    "one beyond 64 bits": {"kind": "integer", "data": 2**64},
    "a number as a vector": {"kind": "vector", "data": 7},
    "a vector of texts": {"kind": "vector", "data": {"a": "b"}},
}


@pytest.mark.parametrize("fault", BAD_CURSORS)
async def test_a_cursor_that_cannot_be_is_refused_in_words(http: httpx.AsyncClient, fault: str) -> None:
    for answer in (
        await http.post("/pull-cursor", json={"since": BAD_CURSORS[fault]}),
        await http.get("/pull", params={"since": json.dumps(BAD_CURSORS[fault])}),
        await http.get("/sse", params={"cursor": json.dumps(BAD_CURSORS[fault])}),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]


@pytest.mark.parametrize("since", ["", "0", "{}", "007"])
async def test_nothing_is_the_start(node: Node, http: httpx.AsyncClient, since: str) -> None:
    await node.write(8)
    assert [each["version"] for each in (await http.get("/pull", params={"since": since})).json()][-1] == "8"
