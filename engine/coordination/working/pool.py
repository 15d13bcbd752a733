"""A pool of workers: follows the tasks, takes those whose time has come, takes over from workers that disappeared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Final

from engine.coordination.alarm import Alarm
from engine.coordination.ground import Attend, Ground, Presence
from engine.coordination.naming import TASK
from engine.coordination.standing import Change, Entry, Kind
from engine.coordination.working.attempting import AGAIN, Attempting, Engagement, Step, Why
from engine.coordination.working.handling import Handler
from engine.coordination.working.lifecycle import orphaned, same_attempt
from engine.coordination.working.task import TaskId, TaskState
from engine.coordination.working.task_book import TaskBook, read_task
from engine.coordination.working.waiting import Sighting, Waiting
from engine.errors import CoordinationUnavailable, KeyChanged
from engine.together import together

LOOK: Final = timedelta(seconds=5)
"""How often the sessions of other workers are looked at, beside whenever one is told to have changed."""


class Pool:
    """Works at up to `workers` tasks at once, on one session after another."""

    def __init__(self, ground: Ground, attend: Attend, handlers: Mapping[str, Handler], workers: int) -> None:
        self._ground = ground
        self._attend = attend
        self._handlers = handlers
        self._workers = workers
        self._mine: dict[TaskId, Engagement] = {}
        self._aside: dict[TaskId, Sighting] = {}
        """Tasks that wait again before the attempt that gave them back was quite over here."""
        self._book = TaskBook(ground.store)
        self._attempting = Attempting(ground, self._book)
        self._waiting = Waiting()
        self._elsewhere: dict[TaskId, Sighting] = {}
        """Tasks that run, as far as was heard."""
        self._next = Alarm()
        self._sessions = Alarm()

    async def run(self) -> None:
        """Work until cancelled; a backend that is away is waited for."""
        while True:
            try:
                session = await self._attend()
            except CoordinationUnavailable:
                await self._ground.clock.sleep(AGAIN)
            else:
                await self._serve(session)

    async def _serve(self, session: Presence) -> None:
        """Work until the session is lost; then stop every handler, and return when they have ended."""
        async with together() as group:
            always = [
                group.create_task(self._follow()),
                group.create_task(self._dispatch(session, group)),
                group.create_task(self._reclaim(session)),
            ]
            await session.wait_lost()
            for task in always:
                task.cancel()
            for engaged in self._mine.values():
                engaged.stop(Why.LOST)

    async def _follow(self) -> None:
        async with aclosing(self._ground.feed.changes(TASK, sessions=True)) as changes:
            async for change in changes:
                if change.kind is Kind.SYNCED:
                    await self._read_all()
                elif change.kind is Kind.SESSION:
                    self._sessions.ring()
                else:
                    self._hear(change)

    async def _read_all(self) -> None:
        while True:
            try:
                entries = [entry async for entry in self._book.entries()]
            except CoordinationUnavailable:
                await self._ground.clock.sleep(AGAIN)
                continue
            self._waiting.clear()
            self._elsewhere.clear()
            for entry in entries:
                self._see(entry)
            self._sessions.ring()
            self._next.ring()
            return

    def _hear(self, change: Change) -> None:
        if change.entry is None:
            task_id = TaskId(change.name.removeprefix(TASK))
            self._waiting.forget(task_id)
            self._elsewhere.pop(task_id, None)
        else:
            self._see(change.entry)
            self._next.ring()

    def _see(self, entry: Entry) -> None:
        task = read_task(entry)
        if task is None:
            return
        sighting = Sighting(task, entry.revision)
        if task.state is TaskState.RUNNING:
            self._elsewhere[task.id] = sighting
            mine = self._mine.get(task.id)
            if task.cancel_asked and mine is not None and same_attempt(task, mine.task):
                mine.stop(Why.CANCELLED)
        else:
            self._elsewhere.pop(task.id, None)
        if task.state is TaskState.WAITING and task.name in self._handlers:
            self._note(sighting)
        else:
            self._waiting.forget(task.id)

    def _note(self, sighting: Sighting) -> None:
        self._waiting.see(sighting, self._ground.clock.now(), self._ground.clock.monotonic())

    async def _dispatch(self, session: Presence, group: asyncio.TaskGroup) -> None:
        while True:
            moment = self._ground.clock.monotonic()
            for engaged in self._mine.values():
                if engaged.deadline is not None and engaged.deadline <= moment:
                    engaged.stop(Why.TIMEOUT)
            while self._busy < self._workers:
                sighting = self._waiting.take(moment, self._ground.chance())
                if sighting is None:
                    break
                if sighting.task.id in self._mine:
                    self._aside[sighting.task.id] = sighting
                    continue
                engaged = self._mine[sighting.task.id] = Engagement(sighting, session)
                group.create_task(self._work(engaged))
            await self._next.wait(self._ground.clock, self._pause(moment))

    def _pause(self, moment: float) -> timedelta | None:
        """Return how long nothing has to be done unless something happens."""
        moments = [engaged.deadline for engaged in self._mine.values() if engaged.deadline is not None]
        ripe = self._waiting.next_moment()
        if ripe is not None and self._busy < self._workers:
            moments.append(ripe)
        return timedelta(seconds=max(min(moments) - moment, 0.001)) if moments else None

    @property
    def _busy(self) -> int:
        """Return how many workers have something to do. One whose work is done takes the next task while the end of
        the last is still being written: where writing is slow both are written in one go."""
        return sum(not engaged.over for engaged in self._mine.values())

    async def _work(self, engaged: Engagement) -> None:
        task = engaged.task
        try:
            if not await self._take(engaged):
                return
            self._next.ring()  # the attempt's time-out is to be kept from now on
            step = await self._attempting.handle(engaged, self._handlers[task.name])
            engaged.over = True
            self._next.ring()
            if step is not None:
                await self._end(engaged, step)
        finally:
            del self._mine[task.id]
            if (again := self._aside.pop(task.id, None)) is not None:
                self._note(again)
            self._next.ring()

    async def _take(self, engaged: Engagement) -> bool:
        """Begin an attempt, unless others were quicker; leave nothing half taken when asked to stop just then."""
        try:
            first = await self._attempting.take(engaged)
        except asyncio.CancelledError:
            await self._attempting.give_back(engaged)
            raise
        if first:
            self._waiting.won_race()
        else:
            self._waiting.lost_race()
        return first

    async def _end(self, engaged: Engagement, step: Step) -> None:
        """Write the end of an attempt, also when this process is asked to stop just then."""
        try:
            await self._attempting.end(engaged, step)
        except asyncio.CancelledError:
            await self._attempting.end(engaged, step, patient=False)
            raise

    async def _reclaim(self, session: Presence) -> None:
        """Give tasks back whose worker's session is over, and those of this session that nobody here works at: their
        taking was done, and the answer lost."""
        while True:
            await self._sessions.wait(self._ground.clock, LOOK)
            with suppress(CoordinationUnavailable):
                for sighting in await self._orphans(session):
                    await self._give_back(sighting)

    async def _orphans(self, session: Presence) -> list[Sighting]:
        suspects = [each for each in self._elsewhere.values() if each.task.id not in self._mine]
        if not suspects:
            return []
        # Asked after the suspects were noted: each of their sessions began before its task did.
        living = {each.id for each in await self._ground.store.sessions()} - {session.id}
        return [each for each in suspects if each.task.attempt is None or each.task.attempt.session not in living]

    async def _give_back(self, sighting: Sighting) -> None:
        after = orphaned(sighting.task, self._ground.clock.now(), self._ground.chance())
        with suppress(KeyChanged):  # others were quicker, or the worker is alive after all
            await self._book.write(after, sighting.revision)
