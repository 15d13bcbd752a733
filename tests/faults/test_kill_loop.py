"""The real engine, killed at random moments while it writes to a service that lives on; SYNCDECK_KILLS says how often.

Whatever the moment, and whatever somebody else does at the service meanwhile: nothing is lost, nothing is done twice,
and nobody's reversal is overridden.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from engine.assembly import open_engine
from engine.reconcile.history import ItemState, RunId, RunState
from engine.reconcile.plan import Action
from tests.faults.remote_list import RemoteList, dawdle, serving
from tests.faults.victim import VictimCatalogue, workspace

KILLS = int(os.environ.get("SYNCDECK_KILLS", "10"))
KILLS_IN_A_STORY = 5
STORIES = -(-KILLS // KILLS_IN_A_STORY)
REQUESTS_ALIVE = 8
"""Most requests of a victim before it is killed; a story left alone makes some thirty."""

JOINERS = [f"joiner{number:02}" for number in range(45)]
STAYERS = [f"stayer{number:02}" for number in range(10)]
LEAVERS = [f"leaver{number:02}" for number in range(30)]


@pytest.mark.timeout(60 + 40 * KILLS_IN_A_STORY)
@pytest.mark.parametrize("seed", range(STORIES))
async def test_killed_at_any_moment_nothing_is_lost_repeated_or_overridden(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    remote = RemoteList(chance=chance, members={*STAYERS, *LEAVERS})
    (tmp_path / "people.json").write_text(json.dumps([*JOINERS, *STAYERS]))
    reversed_names: set[str] = set()
    killed = 0

    async with serving(remote) as port:
        for _ in range(KILLS_IN_A_STORY):
            killed += await _live_and_be_killed(tmp_path, port, remote)
            reversed_names |= _somebody_takes_one_back(remote, chance)
        victim = await _start(tmp_path, port)
        said, complaint = await victim.communicate()
        assert victim.returncode == 0, complaint.decode()
        await _judge(remote, reversed_names, tmp_path, port)

    assert killed >= KILLS_IN_A_STORY - 1
    assert said.decode().split()[-1] in {RunState.DONE, RunState.PARTIAL}


async def _start(folder: Path, port: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.victim", str(folder), str(port), stdout=PIPE, stderr=PIPE
    )


async def _live_and_be_killed(folder: Path, port: int, remote: RemoteList) -> bool:
    """Let a victim live for some requests and a moment more; tell whether it was killed before its end."""
    bell = remote.alarm(remote.chance.randint(1, REQUESTS_ALIVE))
    victim = await _start(folder, port)
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(victim.wait())
        rung = group.create_task(bell.wait())
        await asyncio.wait({ended, rung}, return_when=asyncio.FIRST_COMPLETED)
        rung.cancel()
        await dawdle(remote.chance)
        if not ended.done():
            victim.kill()
    return victim.returncode == -signal.SIGKILL


def _somebody_takes_one_back(remote: RemoteList, chance: Random) -> set[str]:
    """Reverse one of our changes, the newest as likely as any; one that came with others in its call, for only then
    can a call that took effect be told from one that never arrived."""
    ours = [(verb, names) for by, verb, names in remote.log if by == "us" and len(names) > 1]
    if not ours or chance.random() < 0.3:
        return set()
    verb, names = chance.choice([ours[-1], chance.choice(ours)])
    taken_back = {name for by, _, (name, *_) in remote.log if by == "outsider"}
    if taken_back & set(names):
        return set()
    name = chance.choice(names)
    remote.outsider(Action.REMOVE if verb == Action.ADD else Action.ADD, name)
    return {name}


async def _judge(remote: RemoteList, reversed_names: set[str], folder: Path, port: int) -> None:
    ours = Counter((verb, name) for by, verb, names in remote.log if by == "us" for name in names)
    assert set(ours.values()) == {1}, "something was done twice"
    assert reversed_names == {name for by, _, names in remote.log if by == "outsider" for name in names}
    async with open_engine(workspace(folder, port), VictimCatalogue(), lambda *_: "", read_only=True) as engine:
        items = await engine.reconcile.run_items(RunId(1))
    states = {item.spelling: item.state for item in items}
    assert set(states.values()) <= {ItemState.DONE, ItemState.ALREADY, ItemState.DRIFTED}, "something is left over"
    asked_about = {name for name, state in states.items() if state is ItemState.DRIFTED}
    assert asked_about <= reversed_names, "something was asked about that nobody touched"
    assert (remote.members & set(JOINERS)) - reversed_names == set(JOINERS) - reversed_names
    assert (remote.members & set(LEAVERS)) - reversed_names == set()
    assert {name for name in reversed_names if name in remote.members} == reversed_names & set(LEAVERS)
    assert set(STAYERS) <= remote.members
