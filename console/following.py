"""What changes at the coordination backend, brought from the engine's thread to a screen: pushed, never piled up."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.standing import Change
    from engine.coordination.stream import Message, Offset


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


class Tail:
    """The newest messages of a stream, kept up to date on the engine's thread. `told` is called there when there are
    some that nobody looked at, or as soon as it is known that there are none."""

    def __init__(self, stream: str, most: int, told: Callable[[], object]) -> None:
        self.stream = stream
        self._told = told
        self._messages: deque[Message] = deque(maxlen=most)
        self._unseen = False
        self._guard = threading.Lock()

    async def follow(self, engine: Engine, *, after: Offset) -> None:
        """Take in every message after an offset, until this is cancelled."""
        stream = engine.coordination.stream(self.stream)
        there = await stream.read(after, limit=self._messages.maxlen or 0)
        self._note(there)
        async with aclosing(stream.follow(there[-1].offset if there else after)) as messages:
            async for message in messages:
                self._note([message])

    def _note(self, messages: Sequence[Message]) -> None:
        with self._guard:
            first, self._unseen = not self._unseen, True
            self._messages.extend(messages)
        if first:
            self._told()

    def fetch(self) -> Sequence[Message]:
        """Return the newest messages, oldest first."""
        with self._guard:
            self._unseen = False
            return list(self._messages)
