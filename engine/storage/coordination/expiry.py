"""Ending what is over: at its deadline, or as soon as its process is seen to be gone.

Every transaction looks at deadlines by itself; this one makes sure that somebody does in time. Each process does it for
all, so that it does not matter which of them lives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from engine.clock import Clock
from engine.coordination.alarm import Alarm
from engine.errors import SyncdeckError
from engine.storage.coordination.bell import SELDOM, Bell
from engine.storage.coordination.reading import Reading
from engine.storage.coordination.sessions import end_overdue, nearest_deadline, processes
from engine.storage.coordination.waiting import Waiting
from engine.storage.coordination.watch import Watch
from engine.storage.coordination.writing import Changing


class Expiry:
    """One process's part of it."""

    def __init__(self, clock: Clock, reading: Reading, waiting: Waiting, bell: Bell) -> None:
        self._clock = clock
        self._reading = reading
        self._waiting = waiting
        self._bell = bell
        self._alarm = Alarm()
        self._due = math.inf
        self._version = 0
        self._dead: set[str] = set()
        self._changing: Changing | None = None
        self._watch: Watch | None = None

    def take_part(self, changing: Changing, watch: Watch) -> None:
        """End what is over, not only look."""
        self._changing = changing
        self._watch = watch

    def watch(self, marks: Iterable[str], lapses: float) -> None:
        """Look out for the end of some processes, and for a moment at which somebody's time may be over."""
        if self._watch is not None:
            self._watch.watch(marks)
        if lapses < self._due:
            self._due = lapses
            self._alarm.ring()

    def moved(self) -> None:
        """Sessions came or went, or keys got deadlines: look again for whom to watch."""
        if self._changing is not None:
            with suppress(SyncdeckError):
                self.watch(self._reading.now(processes, []), self._nearest())
        else:
            self._alarm.ring()

    def died(self, mark: str) -> None:
        """A process is gone: end what it had, now if that can be."""
        try:
            if self._changing is not None and self._changing.end_at_once(mark):
                return
        except SyncdeckError:  # whoever asks for something next is told
            pass
        self._dead.add(mark)
        self._alarm.ring()

    def _nearest(self) -> float:
        nearest = self._reading.now(nearest_deadline, None)
        return math.inf if nearest is None else nearest

    async def run(self) -> None:
        """Look, now and then and in time, until cancelled."""
        while True:
            pause = self._bell.pace
            left = self._due - self._clock.monotonic()
            if left < pause.total_seconds():
                pause = timedelta(seconds=max(left, 0))
            await self._alarm.wait(self._clock, pause)
            try:
                await self._look()
            except SyncdeckError:  # the file is away or held up: whoever asks for something is told
                self._due = self._clock.monotonic() + SELDOM.total_seconds()

    async def _look(self) -> None:
        self._bell.open_ear()
        version = self._reading.version()
        if version != self._version:
            self._version = version
            self._bell.sound()
            self._waiting.look_at_all()
        if self._watch is not None:
            self._watch.ask()
        await self.end_overdue()

    async def end_overdue(self) -> None:
        """End what is over by now."""
        if self._changing is None:
            return
        if self._dead or self._nearest() <= self._clock.monotonic():
            dead = tuple(self._dead)
            await self._changing.run(partial(end_overdue, dead=dead))
            self._dead.difference_update(dead)
        self._due = self._nearest()
