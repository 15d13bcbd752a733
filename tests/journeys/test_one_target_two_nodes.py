"""Two nodes, each with a state file of its own, and one target: coordination alone keeps them from writing at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.command import ROOT, Command
from tests.journeys.slow_team import PATIENCE, TEAM, HeldUp, team_of_nobody
from tests.servers.collection import TOKEN, Collection
from tests.servers.http import LocalServer

NAMES = [f"p{number}@acme.example" for number in range(12)]
SETTINGS = (
    """\
syncdeck: 1
node: {node}
coordination: {{type: sqlite, path: {shared}, ttl: 1s}}
"""
    + TEAM
)
ONE_AT_A_TIME = 1
"""What is under way when a process is stopped goes on with it."""


@dataclass(frozen=True)
class Nodes:
    """Two nodes on one backend, and the team that both write to."""

    berlin: Command
    hamburg: Command
    team: LocalServer

    def written(self) -> int:
        """How many calls have arrived that write."""
        return sum(asked.writes for asked in self.team.asked)

    def members(self) -> list[str]:
        collection = self.team.application
        assert isinstance(collection, Collection)
        return sorted(item["email"] for item in collection.members)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setenv("TEAM_TOKEN", TOKEN)
    with team_of_nobody(NAMES) as server:

        def node(name: str) -> Command:
            (tmp_path / name).mkdir()
            command = Command(tmp_path / name)
            command.write("people.csv", "\n".join(["email", *NAMES, ""]))
            shared = tmp_path / "shared.db"
            settings = SETTINGS.format(node=name, shared=shared, url=server.url, concurrency=ONE_AT_A_TIME)
            command.write("syncdeck.yaml", settings)
            return command

        yield Nodes(node("berlin"), node("hamburg"), server)


@contextmanager
def _applying(node: Command) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "console", "apply", "engineering", "--yes"],
        cwd=node.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_target_that_another_node_writes_to_is_left_alone_and_the_answer_says_who_is_at_it(nodes: Nodes) -> None:
    nodes.team.mischief = held_up = HeldUp()
    with _applying(nodes.berlin) as first:
        assert held_up.arrived.wait(PATIENCE), "no call was made"

        second = nodes.hamburg("apply", "engineering", "--yes")

        assert second.code == 7
        assert "on berlin" in second.err
        assert f"process {first.pid}" in second.err
        held_up.let_through.set()
        first.communicate(timeout=PATIENCE)
    assert first.returncode == 2
    assert nodes.members() == sorted(NAMES)
    assert nodes.written() == len(NAMES), "the other node wrote nothing"


def test_a_run_that_was_stopped_for_longer_than_the_ttl_writes_no_more_while_another_node_does(nodes: Nodes) -> None:
    nodes.team.mischief = held_up = HeldUp()
    with _applying(nodes.berlin) as first:
        assert held_up.arrived.wait(PATIENCE), "no call was made"
        first.send_signal(signal.SIGSTOP)
        held_up.let_through.set()  # what had arrived is carried out; its answers are not read
        waited = nodes.hamburg("lock", "target:team", "--wait", "20s", "--", "true")
        assert waited.code == 0, waited.err
        assert nodes.hamburg("apply", "engineering", "--yes").code == 2
        before = nodes.written()

        first.send_signal(signal.SIGCONT)
        _, errors = first.communicate(timeout=PATIENCE)

    assert first.returncode == 7
    assert "lost its hold on team" in errors
    assert "Traceback" not in errors
    assert nodes.written() == before, "a write after the lock was somebody else's"
    assert before == len(NAMES), "nobody was added twice"
    (run,) = nodes.berlin("runs", "--json").rows
    assert run["counts"]["pending"], "no intent was written for what was not begun"

    assert nodes.berlin("runs", "resume", str(run["run"])).code in (0, 2)

    assert nodes.members() == sorted(NAMES)
    assert nodes.written() == len(NAMES), "what the other node did is found done"
