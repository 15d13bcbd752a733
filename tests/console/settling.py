"""Waiting for the real app: until its engine is open and everything asked of it was answered and drawn."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from console.app import SyncdeckApp
from console.following import GROUP as FOLLOWING
from console.warmth import GROUP

ROUNDS = 400


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app go on until the condition holds."""
    for _ in range(ROUNDS):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("the app did not get there")


def answered(pilot: Pilot[None]) -> bool:
    """Tell whether nothing is under way except what is done ahead or goes on by itself, which nobody waits for."""
    return all(worker.is_finished or worker.group in {GROUP, FOLLOWING} for worker in pilot.app.workers)


async def settled(pilot: Pilot[None]) -> None:
    """Let the app go on until nothing is under way."""
    app = pilot.app
    assert isinstance(app, SyncdeckApp)
    await until(pilot, lambda: app.engine is not None)
    for _ in range(3):
        await pilot.pause()
        await until(pilot, lambda: answered(pilot))
    await pilot.pause()
