"""Who may come in: the token, and without one this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.transports.http_server import Served, build_app
from engine.clock import SystemClock
from engine.errors import StorageError
from engine.events.replicating.responder import Responder
from engine.settings.replication import ServerSettings
from tests.adapters.transports.asking import ADDRESSES, refusal
from tests.adapters.transports.nodes import TOKEN, Node, running_node


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
    told = answer.json()
    assert told.pop("at")
    assert told == {"ok": True, "node": "berlin", "protocol": 1}


async def test_a_node_that_is_not_well_says_why(
    node: Node, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> Any:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(node.log, "bounds", broken)
    answer = await http.get("/health")
    assert answer.status_code == 503
    told = answer.json()
    assert told.pop("at")
    assert told == {"ok": False, "node": "berlin", "protocol": 1, "why": "The disk is full."}


async def test_without_tokens_only_this_machine_is_served(tmp_path: Path) -> None:
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
async def test_without_tokens_a_name_that_was_made_to_point_here_is_refused(tmp_path: Path, host: str) -> None:
    async with running_node(tmp_path, tokens=()) as node, httpx.AsyncClient(base_url=node.url) as http:
        answer = await http.get("/pull", headers={"host": host})
        assert (answer.status_code, refusal(answer)) == (403, "unauthorised")
        for ours in ("localhost", "localhost:8470", "127.0.0.1", "[::1]:8470"):
            assert (await http.get("/pull", headers={"host": ours})).status_code == 200


async def test_without_tokens_no_web_page_can_push(tmp_path: Path) -> None:
    async with running_node(tmp_path, tokens=()) as node, httpx.AsyncClient(base_url=node.url) as http:
        for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
            answer = await http.post("/push", content=b"[]", headers={"origin": origin})
            assert (answer.status_code, refusal(answer)) == (403, "unauthorised")
