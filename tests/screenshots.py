"""Pictures of every screen, drawn from the sample workspace: `make screenshots` writes them, a test compares them.

Time stands still, the actor has a fixed name, and what differs from run to run (ids, chains, incarnations, measured
milliseconds) is blanked, so that a picture changes only when a screen does.

    python -m tests.screenshots              draw all
    python -m tests.screenshots plan run     draw some
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from adapters.registry import Registry
from adapters.secrets import resolve
from console.app import SyncdeckApp
from console.commands.demo import give_history
from console.sample.nodes import folder_of, share_history
from console.sample.workspace import build_sample
from engine import ground
from engine.assembly import Engine, open_engine
from engine.coordination.coordination import Coordination
from engine.errors import ReplicationRefused
from engine.ground import Extensions
from engine.settings.reading import load_workspace
from tests.console.settling import settled, until
from tests.doubles.clock import ManualClock
from tests.doubles.coordination import ScriptedCoordination
from tests.doubles.remote import Faults, RespondingRemote
from tests.pictured_coordination import pictured

PICTURES = Path(__file__).parents[1] / "screenshots"
SIZES = ((80, 24), (160, 50))
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ACTOR = "ann@desk"


@dataclass(frozen=True, slots=True)
class Scene:
    """A screen and the keys that lead to it from the overview. `applied`: the sync that was applied before, if any;
    `offices`: whether the other nodes have exchanged their history with this one; `synced`: and Hamburg was synced with
    as a peer, while Lisbon did not take the token; `gone`: the coordination backend does not answer.

    (Two targets of a sync are written at once: the events between them come in any order, and make no picture.)
    """

    name: str
    keys: tuple[str, ...]
    applied: str = ""
    offices: bool = False
    synced: bool = False
    gone: bool = False


TO_ENGINEERING = ("4", "j", "j", "j", "j")
"""From the overview to the engineering plan in the list of plans, newest first."""

TO_LONGEST = ("7", "G", "enter")
"""From the overview to the conflict with the most fields in the queue."""

SCENES = (
    Scene("overview", ()),
    Scene("adapters", ("2",)),
    Scene("adapter", ("2", "enter")),
    Scene("syncs", ("3",)),
    Scene("sync", ("3", "enter")),
    Scene("plans", ("4",)),
    Scene("plan", (*TO_ENGINEERING, "enter")),
    Scene("refused", ("4", "j", "enter")),
    Scene("approve", (*TO_ENGINEERING, "enter", "A")),
    Scene("runs", ("5",), applied="engineering"),
    Scene("run", ("5", "enter"), applied="engineering"),
    Scene("events", ("6",), applied="everyone-chat"),
    Scene("nodes", ("6", "enter"), offices=True),
    Scene("aggregate", ("6", "a"), offices=True),
    Scene("peers", ("8",), offices=True, synced=True),
    Scene("peer", ("8", "enter"), offices=True, synced=True),
    Scene("peer-settings", ("8", "e")),
    Scene("conflicts", ("7",), offices=True),
    Scene("conflict", (*TO_LONGEST, "l"), offices=True),
    Scene("settle", (*TO_LONGEST, "H", "A"), offices=True),
    Scene("rule", (*TO_LONGEST, "m"), offices=True),
    Scene("many", ("7", "A", "t"), offices=True),
    Scene("locks", ("9", "j")),
    Scene("release", ("9", "X")),
    Scene("gone", ("9",), gone=True),
    Scene("leaders", ("9", "d")),
    Scene("tasks", ("9", "t", "j", "j", "j")),
    Scene("cron", ("9", "c", "G")),
    Scene("keys", ("9", "s", "j")),
    Scene("key", ("9", "s", "j", "e")),
    Scene("clock", ("9", "o")),
    Scene("streams", ("9", "m")),
    Scene("help", ("question_mark",)),
    Scene("palette", ("ctrl+p",)),
)

RUN_TO_RUN = (
    (re.compile(r"terminal-\d+"), "terminal"),
    (re.compile(r"(berlin|hamburg|lisbon)~[0-9a-f]{8}"), r"\1~00000000"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "0" * 36),
    (re.compile(r"\b[0-9a-f]{64}\b"), "0" * 64),
    (re.compile(r"chain&#160;[0-9a-f]{24}"), f"chain&#160;{'0' * 24}"),
)


def steady(svg: str) -> str:
    """Return a picture with everything blanked that differs from run to run."""
    for pattern, blank in RUN_TO_RUN:
        svg = pattern.sub(blank, svg)
    return svg


@asynccontextmanager
async def sample_engine(
    folder: Path, clock: ManualClock, extensions: Extensions | None = None
) -> AsyncIterator[Engine]:
    """Open the engine on a workspace at a time that stands still."""
    workspace = load_workspace(folder / "syncdeck.yaml", Registry())
    vars(ground)["os"] = SimpleNamespace(getpid=lambda: 4711, getuid=os.getuid)  # in a holder's text
    try:
        opened = open_engine(workspace, Registry(), resolve, actor=ACTOR, clock=clock, extensions=extensions)
        async with opened as engine:
            yield engine
    finally:
        vars(ground)["os"] = os


async def prepare(folder: Path, clock: ManualClock, *, applied: str, offices: bool = False) -> None:
    """Build the sample workspace and its little history."""
    build_sample(folder)
    async with sample_engine(folder, clock) as engine:
        await give_history(engine, folder)
        if applied:
            stored = (await engine.reconcile.plans(sync=applied))[0]
            await engine.reconcile.apply(stored.digest, confirmed=True)
        if offices:
            await share_history(engine, folder, lambda office: sample_engine(office, clock))


async def sync_offices(folder: Path, clock: ManualClock) -> None:
    """Sync with the peers as the console does, over ways in memory."""
    no_token = Faults(refuse=ReplicationRefused("lisbon does not take our token.", kind="unauthorised"))
    async with (
        sample_engine(folder_of(folder, "hamburg"), clock) as hamburg,
        sample_engine(folder_of(folder, "lisbon"), clock) as lisbon,
    ):
        ways = {
            "hamburg": RespondingRemote(hamburg.responder),
            "lisbon": RespondingRemote(lisbon.responder, faults=no_token),
        }
        extensions = Extensions(transport=lambda peer, _context, _clock: ways[peer.name])
        async with sample_engine(folder, clock, extensions) as berlin:
            await berlin.replication.sync_all()


async def draw(scene: Scene, size: tuple[int, int]) -> str:
    """Return the picture of one scene."""
    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock(NOON)
        await prepare(Path(folder), clock, applied=scene.applied, offices=scene.offices)
        if scene.synced:
            await sync_offices(Path(folder), clock)
        app = SyncdeckApp(lambda: pictured_engine(Path(folder), clock, gone=scene.gone))
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            for key in scene.keys:
                await pilot.press(key)
                await settled(pilot)
            if scene.gone and app.engine is not None:
                cast("ScriptedCoordination", app.engine.coordination).lose()
                await until(pilot, lambda: app.pulse.backend_gone)
                await settled(pilot)
            return steady(app.export_screenshot(title="Syncdeck"))


@asynccontextmanager
async def pictured_engine(folder: Path, clock: ManualClock, *, gone: bool) -> AsyncIterator[Engine]:
    """Open the engine on a workspace, with a company at work around it."""
    async with sample_engine(folder, clock) as engine:
        coordination = pictured(clock, engine.notices, remote=gone)
        yield replace(engine, coordination=cast("Coordination", coordination))


def use_utc() -> None:
    """Show local times in UTC, wherever the pictures are drawn."""
    os.environ["TZ"] = "UTC"
    time.tzset()


def file_of(scene: Scene, size: tuple[int, int]) -> Path:
    """Return where a scene's picture is kept."""
    return PICTURES / f"{scene.name}-{size[0]}x{size[1]}.svg"


async def main(names: Sequence[str]) -> None:
    """Draw the named scenes, or all."""
    use_utc()
    for scene in SCENES:
        if names and scene.name not in names:
            continue
        for size in SIZES:
            file_of(scene, size).write_text(await draw(scene, size), encoding="utf-8")
            print(file_of(scene, size).name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
