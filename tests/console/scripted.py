"""The console on a scripted engine, at the sizes people have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from console.app import SyncdeckApp
from console.messages import Open
from tests.console.settling import settled
from tests.doubles.engine import ScriptedEngine


@asynccontextmanager
async def scripted_console(
    engine: ScriptedEngine, size: tuple[int, int] = (80, 24), *, read_only: bool = False
) -> AsyncIterator[Pilot[None]]:
    """Run the console on a scripted engine until the block ends."""
    app = SyncdeckApp(engine.opening, read_only=read_only)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        yield pilot


async def open_thing(pilot: Pilot[None], kind: str, name: str) -> None:
    """Open the screen of one thing, as a list does."""
    pilot.app.screen.post_message(Open(kind, name))
    await settled(pilot)
