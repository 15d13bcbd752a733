"""SIGTERM, as service managers and shutdowns send it: an apply stops in good order, and can be gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journeys.command import ROOT, Command
from tests.journeys.slow_team import PATIENCE, TEAM, HeldUp, team_of_nobody
from tests.servers.collection import TOKEN, Collection
from tests.servers.http import LocalServer

NAMES = [f"p{number}@acme.example" for number in range(40)]  # enough that some are left while a signal is on its way
SETTINGS = "syncdeck: 1\n" + TEAM
IN_THE_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""As a shell starts what a script puts into the background."""


@pytest.fixture
def team() -> Iterator[LocalServer]:
    """A team of nobody that knows everybody."""
    with team_of_nobody(NAMES) as server:
        yield server


@pytest.fixture
def syncdeck(tmp_path: Path, team: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in a workspace with that team."""
    monkeypatch.setenv("TEAM_TOKEN", TOKEN)
    command = Command(tmp_path)
    command.write("people.csv", "\n".join(["email", *NAMES, ""]))
    command.write("syncdeck.yaml", SETTINGS.format(url=team.url, concurrency=4))
    return command


@contextmanager
def _under_way(syncdeck: Command, behind: Sequence[str], *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*behind, sys.executable, "-m", "console", *words],
        cwd=syncdeck.folder,
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


def _held(team: LocalServer) -> set[str]:
    collection = team.application
    assert isinstance(collection, Collection)
    return {item["email"] for item in collection.members}


@pytest.mark.parametrize("behind", [(), IN_THE_BACKGROUND], ids=["", "where Ctrl-C is ignored"])
def test_an_apply_that_is_told_to_end_stops_after_the_calls_under_way_and_is_resumed(
    syncdeck: Command, team: LocalServer, behind: Sequence[str]
) -> None:
    team.mischief = held_up = HeldUp()
    with _under_way(syncdeck, behind, "apply", "engineering", "--yes") as process:
        assert held_up.arrived.wait(PATIENCE), "no call was made"
        process.send_signal(signal.SIGTERM)
        _until_it_is_heard(process.pid)
        held_up.let_through.set()
        _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert "The run stopped after the calls under way" in errors
    assert "Traceback" not in errors
    assert set() < _held(team) < set(NAMES)
    (run,) = syncdeck("runs", "--json").rows
    assert run["state"] == "cancelled"
    assert "intent" not in run["counts"], "what was under way has ended, and is known"

    assert syncdeck("runs", "resume", str(run["run"])).code == 2

    assert _held(team) == set(NAMES)
    added = [asked for asked in team.asked if asked.writes]
    assert len(added) == len(NAMES), "nobody is added twice"


def _until_it_is_heard(pid: int) -> None:
    """Return when the signal is not pending any more: the process has taken it before the call's answer is sent."""
    status = Path(f"/proc/{pid}/status")
    bit = 1 << (signal.SIGTERM - 1)

    def pending() -> bool:
        lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        return bool((int(lines["ShdPnd"], 16) | int(lines["SigPnd"], 16)) & bit)

    while pending():
        os.sched_yield()
