"""A node without a screen: how it starts, what it says, what it refuses, and how it ends."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import monotonic

import httpx
import pytest
import trustme
import zstandard

from tests.journeys.command import Command
from tests.journeys.serving import TOKEN, served, workspace

WITH_TOKEN = 'server: {tokens: ["env:OUR_TOKEN"]}\n'
KNOWN = {"authorization": f"Bearer {TOKEN}"}
SECRET = {"OUR_TOKEN": TOKEN}


def eventually(holds: Callable[[], bool], *, within: float = 20) -> bool:
    """Look again until something holds."""
    end, pause = monotonic() + within, threading.Event()
    while not holds():
        if monotonic() > end:
            return False
        pause.wait(0.02)
    return True


def append(folder: Path, aggregate: str, data: str) -> None:
    ended = Command(folder)("events", "append", "--type", "user.changed", "--aggregate", aggregate, "--data", data)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_node_says_where_it_serves_and_ends_politely(tmp_path: Path, how: signal.Signals) -> None:
    with served(workspace(tmp_path, "berlin-1")) as node:
        health = httpx.get(f"{node.url}/health").json()
        assert datetime.fromisoformat(health.pop("at")).tzinfo is not None
        assert health == {"ok": True, "node": "berlin-1", "protocol": 1}
        assert node.stop(how) == 0
    assert node.said == f"Serving berlin-1 on {node.url}\n"
    assert [line["message"].split()[0] for line in node.log] == ["serving", "stopping:", "stopped"]
    assert {"at", "level", "from", "message", "node", "url"} <= node.log[0].keys()


def test_a_node_ends_within_seconds_although_somebody_follows(tmp_path: Path) -> None:
    with served(workspace(tmp_path, "berlin-1")) as node, httpx.stream("GET", f"{node.url}/follow") as line:
        assert next(line.iter_lines()).startswith("data:")
        began = monotonic()
        assert node.stop() == 0
        assert monotonic() - began < 5


def test_with_json_the_first_line_is_an_object(tmp_path: Path) -> None:
    with served(workspace(tmp_path, "berlin-1"), "--json") as node:
        assert node.said.startswith('{"node":"berlin-1","url":"http://127.0.0.1:')
        assert node.stop() == 0


def test_a_token_is_asked_for_and_said_nowhere(tmp_path: Path) -> None:
    with served(workspace(tmp_path, "berlin-1", WITH_TOKEN), "--verbose", environment=SECRET) as node:
        assert httpx.get(f"{node.url}/pull").status_code == 401
        assert httpx.get(f"{node.url}/pull", headers=KNOWN).status_code == 200
        assert httpx.get(f"{node.url}/pull", params={"token": TOKEN}).status_code == 401
        assert node.stop() == 0
    assert [line["status"] for line in node.log if "status" in line and line["level"] == "debug"] == [401, 200, 401]
    assert TOKEN not in str(node.log) + node.said


def test_what_a_command_appends_is_served_at_once(tmp_path: Path) -> None:
    with served(workspace(tmp_path, "berlin-1")) as node:
        append(tmp_path, "user:1", '{"name": "Ann"}')
        pulled = httpx.get(f"{node.url}/pull").json()
        assert [entry["event"]["data"] for entry in pulled] == [{"name": "Ann"}]
        event = {"id": "kit-1", "type": "user.changed", "aggregate_id": "user:1", "data": {"name": "Bea"}}
        assert httpx.post(f"{node.url}/push", json=[{"event": event, "version": "1"}]).json()["status"] == "ok"
        shown = Command(tmp_path)("events", "--aggregate", "user:1", "--json")
        assert len(shown.rows) == 2
        assert node.stop() == 0


def test_two_nodes_keep_in_step_by_themselves(tmp_path: Path) -> None:
    with served(workspace(tmp_path / "a", "berlin-1", WITH_TOKEN), environment=SECRET) as berlin:
        peer = f'peers: {{berlin: {{url: "{berlin.url}", token: "env:OUR_TOKEN", every: 60s}}}}\n'
        with served(workspace(tmp_path / "b", "munich-1", peer), environment=SECRET) as munich:
            append(tmp_path / "a", "user:1", '{"name": "Ann"}')
            append(tmp_path / "b", "user:2", '{"name": "Bea"}')

            def known(url: str) -> set[str]:
                entries = httpx.get(f"{url}/pull", headers=KNOWN).json()
                return {entry["event"]["aggregate_id"] for entry in entries}

            assert eventually(lambda: {"user:1", "user:2"} <= known(berlin.url))
            assert eventually(lambda: {"user:1", "user:2"} <= known(munich.url))
            metrics = httpx.get(f"{munich.url}/metrics").text
            assert 'syncdeck_sync_events_total{direction="pulled",peer="berlin"}' in metrics
            assert munich.stop() == 0
        assert berlin.stop() == 0
    assert any(line.get("peer") == "berlin" and line["message"].startswith("synced") for line in munich.log)
    assert TOKEN not in str(munich.log) + str(berlin.log)


def test_the_service_manager_is_told_when_a_node_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        folder = workspace(tmp_path / "node", "berlin-1")
        with served(folder, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as node:
            assert manager.recv(4_096).startswith(b"READY=1\nSTATUS=Serving berlin-1")
            assert node.stop() == 0
        assert manager.recv(4_096) == b"STOPPING=1"


# What stands in the way


def refused(folder: Path, *words: str) -> str:
    """Return the one sentence that a node says instead of serving."""
    ended = Command(folder)("serve", *words)
    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith("syncdeck: ")
    return ended.err


def test_a_second_node_on_the_same_port_is_refused(tmp_path: Path) -> None:
    with served(workspace(tmp_path, "berlin-1")) as node:
        port = node.url.rpartition(":")[2]
        assert f"Port {port} of 127.0.0.1 is taken" in refused(tmp_path, "--port", port)
        assert node.stop() == 0


def test_a_secret_that_is_missing_is_named(tmp_path: Path) -> None:
    assert "env:OUR_TOKEN" in refused(workspace(tmp_path, "berlin-1", WITH_TOKEN), "--port", "0")


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "berlin-1", "server: {tls_certificate: cert.pem, tls_key: key.pem}\n")
    assert "cert.pem does not exist" in refused(folder, "--port", "0")
    (folder / "cert.pem").write_text("hello")
    (folder / "key.pem").write_text("hello")
    assert "cert.pem with the key" in refused(folder, "--port", "0")


def test_other_machines_are_not_served_without_tokens(tmp_path: Path) -> None:
    assert "there are no tokens" in refused(workspace(tmp_path, "berlin-1"), "--host", "0.0.0.0", "--port", "0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "70000"), "0 to 65535"),
        (("--read-only",), "without --read-only"),
        (("--host", "192.0.2.1"), "192.0.2.1"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    folder = workspace(tmp_path, "berlin-1", 'server: {tokens: ["file:secret"]}\n')
    (folder / "secret").write_text(TOKEN)
    assert said in refused(folder, *words)


def test_a_node_serves_over_tls_to_whoever_trusts_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    folder = workspace(tmp_path, "berlin-1", "server: {tls_certificate: cert.pem, tls_key: key.pem}\n")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with served(folder) as node:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        assert httpx.get(f"{node.url}/health", verify=trusting).json()["ok"]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{node.url}/health")
        assert node.stop() == 0


# Hostile callers


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process ever had (proc(5), VmHWM)."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_hostile_callers_fill_no_memory_and_stop_nobody(tmp_path: Path) -> None:
    bombs = [
        zstandard.ZstdCompressor(level=3).compress(bytes(1 << 30)),
        b"[" * 9_000_000,
        b"\xdd" + b"\xff" * 9_000_000,
    ]
    with served(workspace(tmp_path, "berlin-1")) as node, httpx.Client(base_url=node.url, timeout=60) as http:
        http.get("/pull")
        before = peak_bytes(node.process.pid)
        for path, media in (("/push", "application/json"), ("/v1/push", "application/msgpack")):
            for _ in range(3):
                for bomb in bombs:
                    encoding = {"content-encoding": "zstd"} if bomb is bombs[1] else {}
                    answer = http.post(path, content=bomb, headers={"content-type": media, **encoding})
                    assert answer.status_code in {400, 413}
        grown = peak_bytes(node.process.pid) - before
        assert grown < 100 * 1024 * 1024, f"{grown / 1024 / 1024:.0f} MB"
        assert http.get("/latest-version").json() == "0"
        assert node.stop() == 0
