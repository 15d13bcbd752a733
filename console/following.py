"""What changes at the coordination backend, brought from the engine's thread to a screen: pushed, never piled up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.standing import Change


GROUP = "following"
"""Workers that go on for as long as their screen is in front; nobody waits for their end."""


class Tidings:
    """The newest change of each thing since somebody looked. `told` is called on the engine's thread when there are
    some after there were none; however many follow before they are fetched, nothing more is posted."""

    def __init__(self, told: Callable[[], object]) -> None:
        self._told = told
        self._changes: dict[tuple[str, str], Change] = {}
        self._guard = threading.Lock()

    async def follow(self, engine: Engine) -> None:
        """Take in every change, until this is cancelled."""
        async with aclosing(engine.coordination.changes("", sessions=True)) as changes:
            async for change in changes:
                self.note(change)

    def note(self, change: Change) -> None:
        """Take in one change."""
        with self._guard:
            first = not self._changes
            self._changes[change.kind, change.name] = change
        if first:
            self._told()

    def fetch(self) -> list[Change]:
        """Return what changed since the last call."""
        with self._guard:
            changes, self._changes = list(self._changes.values()), {}
        return changes
