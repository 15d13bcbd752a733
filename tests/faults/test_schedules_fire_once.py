"""Serving nodes on one backend, killed and stopped one after the other while they lead: every moment of a schedule is
taken exactly once, and every task it submitted is done.

[SYNCDECK_HOLDING: seconds of trouble for each backend]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from tests.architecture.sources import ROOT
from tests.faults.test_holding import GROUNDS, SECONDS, Ground
from tests.journeys.command import Command
from tests.servers.engines import engine

CLOCK = SystemClock()
NODES = ("north", "south", "west")
SETTINGS = """\
syncdeck: 1
node: {node}
server: {{port: 0}}
coordination: {{{coordination}, ttl: {ttl:g}s, namespace: {namespace}}}
tasks: {{note: {{run: [sh, -c, "echo $SYNCDECK_TASK >> {shared}/done"]}}}}
cron: {{often: {{every: 1s, task: note, missed: all, overlap: allow}}}}
"""


class Nodes:
    """The serving nodes of one story."""

    def __init__(self, ground: Ground, shared: Path, ends: ExitStack) -> None:
        self._shared = shared
        self._ends = ends
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        address = engine(ground.kind).address if ground.kind != "sqlite" else ""
        coordination = ground.settings.format(shared=shared, address=address, login="syncdeck")
        namespace = f"fire-{os.getpid()}-{ground.kind}"
        self._password = getattr(engine(ground.kind), "password", "") if ground.kind != "sqlite" else ""
        for node in NODES:
            (shared / node).mkdir()
            text = SETTINGS.format(
                node=node, coordination=coordination, ttl=ground.ttl, namespace=namespace, shared=shared
            )
            (shared / node / "syncdeck.yaml").write_text(text)
            self.start(node)

    def start(self, node: str) -> None:
        log = self._ends.enter_context((self._shared / node / "log").open("ab"))
        command = [sys.executable, "-m", "console", "serve"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PW": self._password}
        self._processes[node] = subprocess.Popen(
            command, cwd=self._shared / node, env=environment, stdout=log, stderr=log
        )

    def look(self, *words: str) -> list[dict[str, Any]]:
        """Return what the command says, asked in the first node's folder."""
        os.environ["PW"] = self._password
        ended = Command(self._shared / NODES[0])(*words, "--json")
        assert ended.code == 0, ended.err
        return ended.rows

    def leading(self) -> str | None:
        """Return the node that leads now."""
        held = [row["holder"] for row in self.look("leaders") if row["group"] == "cron"]
        return held[0]["node"] if held and held[0] else None

    def kill(self, node: str) -> None:
        self._processes[node].kill()
        self._processes[node].wait()
        self.start(node)

    def stop_for(self, node: str, seconds: float) -> None:
        self._processes[node].send_signal(signal.SIGSTOP)
        threading.Event().wait(seconds)
        self._processes[node].send_signal(signal.SIGCONT)

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


@contextmanager
def serving(ground: Ground, shared: Path) -> Iterator[Nodes]:
    with ExitStack() as ends:
        nodes = Nodes(ground, shared, ends)
        ends.callback(nodes.end)
        yield nodes


@pytest.mark.soak
@pytest.mark.parametrize(
    "ground",
    [ground for ground in GROUNDS if ground.kind in ("sqlite", "etcd")],
    ids=lambda ground: ground.kind,
)
def test_every_moment_is_taken_once_whoever_leads(ground: Ground, tmp_path: Path) -> None:
    with serving(ground, tmp_path) as nodes:
        end, turn = CLOCK.monotonic() + 2 * SECONDS, 0
        while CLOCK.monotonic() < end or turn < 3:
            leader = nodes.leading()
            if leader is None:
                continue
            if turn % 2:
                nodes.stop_for(leader, 1.5 * ground.ttl)
            else:
                nodes.kill(leader)
            turn += 1
        fires = _settled(nodes)
    moments = sorted(datetime.fromisoformat(fire["nominal"]) for fire in fires)
    whole = [moments[0] + timedelta(seconds=place) for place in range(len(moments))]
    assert moments == whole, "a moment was left out or taken twice"
    assert {fire["outcome"] for fire in fires} <= {"fired", "late"}
    assert len({fire["task"] for fire in fires}) == len(fires)


def _settled(nodes: Nodes) -> list[dict[str, Any]]:
    """Return the fires of the story once all their tasks are done."""
    until, deadline = CLOCK.now(), CLOCK.monotonic() + 60
    while CLOCK.monotonic() < deadline:
        (schedule,) = [row for row in nodes.look("cron") if row["name"] == "often"]
        fires: list[dict[str, Any]] = [
            fire for fire in schedule["fires"] if datetime.fromisoformat(fire["nominal"]) <= until
        ]
        done = {row["id"] for row in nodes.look("tasks", "--state", "done", "--limit", "500")}
        newest = max((datetime.fromisoformat(fire["nominal"]) for fire in fires), default=None)
        if newest is not None and until - newest < timedelta(seconds=1) and {fire["task"] for fire in fires} <= done:
            return fires
    raise AssertionError(f"not every fire's task was done: {fires}")
