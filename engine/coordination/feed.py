"""One feed of the backend's changes for everybody in this process: followed while anybody listens, and again when it
broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

from engine.coordination.line import Line
from engine.coordination.means import Means
from engine.coordination.standing import Change, Kind
from engine.errors import CoordinationUnavailable, SyncdeckError

MOST_PENDING = 10_000
"""Changes that a listener may have in store; one that is slower still is told to read everything again."""

FIRST_PAUSE = timedelta(milliseconds=50)
LONGEST_PAUSE = timedelta(seconds=2)
"""Before following again: doubled each time in vain."""

SYNCED = Change(kind=Kind.SYNCED)


class Listener:
    """What one listener has not taken yet: of each thing the last change, in the order of those."""

    def __init__(self, prefixes: tuple[str, ...], *, sessions: bool) -> None:
        self._prefixes = prefixes
        self._sessions = sessions
        self._pending: dict[tuple[Kind, str], Change] = {}
        self._arrived = asyncio.Event()
        self._fault: SyncdeckError | None = None

    def offer(self, change: Change) -> None:
        """Keep a change if it is wanted."""
        if not self._wants(change):
            return
        thing = (change.kind, change.name)
        self._pending.pop(thing, None)
        if len(self._pending) >= MOST_PENDING:
            self._pending.clear()
            thing, change = (Kind.SYNCED, ""), SYNCED
        self._pending[thing] = change
        self._arrived.set()

    def fail(self, error: SyncdeckError) -> None:
        """End with an error, after what is pending."""
        self._fault = error
        self._arrived.set()

    async def take(self) -> Change:
        """Return the next change, waiting for it."""
        while not self._pending:
            if self._fault is not None:
                raise self._fault
            self._arrived.clear()
            await self._arrived.wait()
        return self._pending.pop(next(iter(self._pending)))

    def _wants(self, change: Change) -> bool:
        if change.kind is Kind.SYNCED:
            return True
        if change.kind is Kind.SESSION:
            return self._sessions
        return change.name.startswith(self._prefixes)


class Feed:
    """Hands every change to all who listen, and never waits for any of them."""

    def __init__(self, line: Line, means: Means) -> None:
        self._line = line
        self._clock = means.clock
        self._group: asyncio.TaskGroup | None = None
        self._following: asyncio.Task[None] | None = None
        self._listeners: list[Listener] = []
        self._synced = False

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run in this group from now on."""
        self._group = group

    async def close(self) -> None:
        """Follow no longer, and tell nobody anything any more."""
        self._group = None
        self._stop()

    async def changes(self, *prefixes: str, sessions: bool = False) -> AsyncGenerator[Change, None]:
        """Give `SYNCED` as soon as the line is up, and each time it is again; in between changes of the keys and claims
        that begin with one of the prefixes (none: no keys and claims), and of sessions if they are asked for."""
        listener = Listener(prefixes, sessions=sessions)
        self._listeners.append(listener)
        try:
            if self._synced:
                listener.offer(SYNCED)
            self._follow_if_needed()
            while True:
                yield await listener.take()
        finally:
            self._listeners.remove(listener)
            if not self._listeners:
                self._stop()

    def _follow_if_needed(self) -> None:
        if self._group is not None and self._following is None:
            self._following = self._group.create_task(self._follow())

    def _stop(self) -> None:
        self._synced = False
        if self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with aclosing(self._line.follow()) as changes:
                    async for change in changes:
                        if change.kind is Kind.SYNCED:
                            self._synced, pause = True, FIRST_PAUSE
                        for listener in self._listeners:
                            listener.offer(change)
            except CoordinationUnavailable:
                pass  # the line has told it
            except SyncdeckError as error:
                self._fail(error)
                return
            self._synced = False
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _fail(self, error: SyncdeckError) -> None:
        """Nothing will ever come: the backend cannot tell changes, or refuses us."""
        self._following, self._synced = None, False
        for listener in self._listeners:
            listener.fail(error)
