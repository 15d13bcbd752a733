"""Real nodes, each a process with a state file, over lines that delay, cut, freeze and repeat: they end the same, keep
their memory, and do not answer trouble with a storm of requests.

`SYNCDECK_STORMS` sets how many storms there are (1 in the normal run; `make soak` takes more nodes and more storms).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.journeys.command import Command
from tests.journeys.serving import Served, served, workspace
from tests.journeys.test_serve import eventually
from tests.servers.fault_proxy import CALM, FaultProxy, Weather, start_proxy

STORMS = int(os.environ.get("SYNCDECK_STORMS", "1"))
MOST_MEMORY = 200 * 1024 * 1024
STORM = Weather(refused=0.1, cut=0.4, frozen=0.08, repeated=0.3, longest_delay=0.1, throttled=0.2, cut_within=3_000)
ROUNDS = 8
"""How often applications write in each part of the story, at least."""
MOST_ROUNDS = 200
FAULTS = 6
"""What makes a storm."""
EVENTS = 10
"""Written at each node, each time."""


@dataclass
class Mesh:
    """Running nodes in a line, each behind a proxy of its own; every one but the first syncs with the one before."""

    folders: list[Path]
    nodes: list[Served]
    proxies: list[FaultProxy]

    def write_by_command(self) -> None:
        """Let a script write at every node."""
        for number, folder in enumerate(self.folders):
            ended = Command(folder)("events", "append", "-", typed=json.dumps(_event("script", number, 0)))
            assert ended.code == 0, ended.err

    def write(self, part: str, until: Callable[[], bool]) -> int:
        """Let applications write at every node, again and again, about the same aggregates; return how often."""
        for turn in range(MOST_ROUNDS):
            if turn >= ROUNDS and until():
                return turn
            before = [proxy.moved for proxy in self.proxies]
            for number, node in enumerate(self.nodes):
                events = [_event(part, number, turn * EVENTS + each) for each in range(EVENTS)]
                body = [
                    {"event": {"id": f"{part}-{number}-{turn}-{place}", **event}, "version": "1"}
                    for place, event in enumerate(events)
                ]
                assert httpx.post(f"{node.url}/push", json=body, timeout=10).status_code == 200
            eventually(lambda: [proxy.moved for proxy in self.proxies] != before, within=0.5)  # noqa: B023
        raise AssertionError(f"after {MOST_ROUNDS} rounds it has not come to what was waited for")

    def vectors(self) -> list[dict[str, int]]:
        """Ask every node how far it knows everybody."""
        return [_vector(node.url) for node in self.nodes]

    def requests(self) -> int:
        """Return how many requests all proxies have seen, open lines apart."""
        return sum(count for proxy in self.proxies for path, count in proxy.requests.items() if path != "/follow")

    def faults(self) -> int:
        """Return how much went wrong so far."""
        return sum(proxy.faults.total() for proxy in self.proxies)

    def set_weather(self, weather: Weather) -> None:
        for proxy in self.proxies:
            proxy.weather = weather


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Callable[[int], Mesh]]:
    """Return what starts nodes."""
    with ExitStack() as stack:

        def start(size: int) -> Mesh:
            mesh = Mesh([], [], [])
            peers = ""
            for number in range(size):
                folder = workspace(tmp_path / f"node-{number}", f"node-{number}", peers)
                mesh.folders.append(folder)
                mesh.nodes.append(stack.enter_context(served(folder)))
                port = int(mesh.nodes[-1].url.rpartition(":")[2])
                mesh.proxies.append(stack.enter_context(start_proxy(port, number)))
                before = f'"http://127.0.0.1:{mesh.proxies[-1].port}"'
                peers = f"peers: {{before: {{url: {before}, every: 2s, timeout: 2s, batch: 25}}}}\n"
            return mesh

        yield start


@pytest.mark.soak
@pytest.mark.timeout(120 + 120 * STORMS)
def test_nodes_end_the_same_after_a_storm_which_takes_twenty_seconds(mesh: Callable[[int], Mesh]) -> None:
    nodes = mesh(3 if STORMS == 1 else 5)
    nodes.write_by_command()
    turns = nodes.write("calm", until=lambda: True)
    _wait_until_the_same(nodes)
    ideal = nodes.requests() / turns
    for number in range(STORMS):
        asked, met = nodes.requests(), nodes.faults()
        nodes.set_weather(STORM)
        turns = nodes.write(f"storm-{number}", until=lambda: nodes.faults() - met >= FAULTS)  # noqa: B023
        nodes.set_weather(CALM)
        _wait_until_the_same(nodes)

        assert nodes.requests() - asked <= 2 * ideal * turns
    for folder in nodes.folders[1:]:
        compared = Command(folder)("peers", "compare", "before", "--json")
        assert compared.code == 0, compared.out
    for node in nodes.nodes:
        assert _peak_bytes(node.process.pid) < MOST_MEMORY
        assert node.stop() == 0


def _event(part: str, number: int, each: int) -> dict[str, object]:
    return {"type": "user.changed", "aggregate_id": f"user:{each % 7}", "data": {"by": number, part: each}}


def _wait_until_the_same(nodes: Mesh, within: float = 90) -> None:
    end, pause = monotonic() + within, threading.Event()
    while any(vector != found[0] for found in [nodes.vectors()] for vector in found):
        assert monotonic() < end, f"still different after {within} s: {nodes.vectors()}"
        pause.wait(0.1)


def _vector(url: str) -> dict[str, int]:
    with httpx.stream("GET", f"{url}/follow", timeout=10) as line:
        for text in line.iter_lines():
            if text.startswith("data:"):
                vector: dict[str, int] = json.loads(text.removeprefix("data:"))["vector"]
                return vector
    raise AssertionError(f"{url} did not say what it knows")


def _peak_bytes(pid: int) -> int:
    """Return the most memory that a process ever had (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
