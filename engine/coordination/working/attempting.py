"""One attempt at a task: taken with compare-and-set, handled, and its end written only by whoever is still entitled to.

Nothing is written for a session that is over, and what a presumed dead worker writes nevertheless is refused by the
store, because the task has another revision by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from engine.coordination.ground import Ground, Presence
from engine.coordination.interruption import Interruption
from engine.coordination.standing import Token
from engine.coordination.working.handling import GiveUp, Handler, kept_error, kept_result
from engine.coordination.working.lifecycle import (
    failed,
    pause_before_next,
    put_back,
    same_attempt,
    stopped,
    succeeded,
    taken,
)
from engine.coordination.working.task import Attempt, Task
from engine.coordination.working.task_book import TaskBook
from engine.coordination.working.waiting import Sighting
from engine.errors import CoordinationUnavailable, KeyChanged
from engine.settings.durations import duration_text

AGAIN: Final = timedelta(milliseconds=250)
"""Until the backend is asked again after it was away."""

Step = Callable[[Task], Task]


class Why(Enum):
    """Why a handler is stopped."""

    TIMEOUT = auto()
    CANCELLED = auto()
    LOST = auto()
    """The worker's session is over."""


class Engagement:
    """A task in this process's hands."""

    def __init__(self, sighting: Sighting, session: Presence) -> None:
        self.task = sighting.task
        self.revision = sighting.revision
        self.session = session
        self.attempt: Attempt
        """Once it was taken."""
        self.deadline: float | None = None
        """Of the handler, by the clock of elapsed time; None while it does not run, or is being stopped."""
        self.over = False
        """The handler has ended; what is left is to write that down."""
        self._running = False
        self._body = Interruption()
        self._why: Why | None = None

    def stop(self, why: Why) -> None:
        """Cancel the handler if it runs. Of several reasons the loss of the session counts, else the first."""
        if self._why is None or why is Why.LOST:
            self._why = why
        self.deadline = None
        if self._running:
            self._body.strike()

    async def handled_by(self, handler: Handler, deadline: float) -> object:
        """Return the handler's answer, or why it was stopped."""
        if self._why is not None:
            return self._why
        self._body.enter()
        self.deadline, self._running = deadline, True
        try:
            answer = await handler(self.task, self.attempt)
        except BaseException as error:
            if not self._leave(type(error)):
                raise
            return self._why
        self._leave(None)
        return answer

    def _leave(self, kind: type[BaseException] | None) -> bool:
        self.deadline, self._running = None, False
        return self._body.leave(kind)


class Attempting:
    """Makes attempts for a pool of workers."""

    def __init__(self, ground: Ground, book: TaskBook) -> None:
        self._ground = ground
        self._book = book

    async def take(self, engaged: Engagement) -> bool:
        """Begin an attempt; return whether this worker was the first. Waits for a backend that is away."""
        task, expected = engaged.task, engaged.revision
        attempt = Attempt(
            number=task.attempts + 1,
            session=engaged.session.id,
            who=self._ground.who,
            token=Token(expected),  # of a key, so it rises with every write: the next attempt's is greater
            started=self._ground.clock.now(),
        )
        engaged.task, engaged.attempt = taken(task, attempt), attempt
        while engaged.session.held:
            try:
                engaged.revision = await self._book.write(engaged.task, expected)
                return True
            except KeyChanged:
                return await self._is_ours(engaged, patient=True)
            except CoordinationUnavailable:
                await self._ground.clock.sleep(AGAIN)
        return False

    async def _is_ours(self, engaged: Engagement, *, patient: bool) -> bool:
        """Tell whether the change that came first was our own, whose answer was lost."""
        while engaged.session.held:
            try:
                found = await self._book.find(engaged.task.id)
            except CoordinationUnavailable:
                if not patient:
                    return False
                await self._ground.clock.sleep(AGAIN)
                continue
            if found is None or not same_attempt(found[0], engaged.task):
                return False
            engaged.task, engaged.revision = found
            return True
        return False

    async def handle(self, engaged: Engagement, handler: Handler) -> Step | None:
        """Run the handler; return the step that its end is, None if nothing may be written. When the caller itself is
        cancelled the task is put back for others."""
        deadline = self._ground.clock.monotonic() + engaged.task.timeout.total_seconds()
        try:
            answer = await engaged.handled_by(handler, deadline)
            return self._stopped(answer, engaged) if isinstance(answer, Why) else self._done(answer)
        except asyncio.CancelledError:
            await self.end(engaged, self._released, patient=False)
            raise
        except GiveUp as error:
            return self._failed(error, for_good=True)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the task's error
            return self._failed(error)

    async def give_back(self, engaged: Engagement) -> None:
        """Give a task back whose taking was broken off, in case it was done."""
        if await self._is_ours(engaged, patient=False):
            await self.end(engaged, self._released, patient=False)

    async def end(self, engaged: Engagement, step: Step, *, patient: bool = True) -> None:
        """Write how an attempt ended, unless the session is over, or others have taken the task away from it. Without
        patience a backend that is away is not waited for: the task is found again when the session has ended."""
        task, revision = engaged.task, engaged.revision
        while engaged.session.held:
            try:
                await self._book.write(step(task), revision)
                return
            except KeyChanged:
                if not await self._is_ours(engaged, patient=patient):
                    return
                task, revision = engaged.task, engaged.revision
            except CoordinationUnavailable:
                if not patient:
                    return
                await self._ground.clock.sleep(AGAIN)

    def _done(self, answer: object) -> Step:
        result = kept_result(answer, self._ground.redactor)
        now = self._ground.clock.now()
        return lambda task: succeeded(task, result, now)

    def _failed(self, error: Exception, *, for_good: bool = False) -> Step:
        return self._failing(kept_error(error, self._ground.redactor), for_good=for_good)

    def _failing(self, error: str, *, for_good: bool = False) -> Step:
        now, chance = self._ground.clock.now(), self._ground.chance()
        return lambda task: failed(task, error, now, pause=pause_before_next(task.attempts, chance), for_good=for_good)

    def _stopped(self, why: Why, engaged: Engagement) -> Step | None:
        now = self._ground.clock.now()
        match why:
            case Why.LOST:
                return None
            case Why.TIMEOUT:
                return self._failing(
                    f"Attempt {engaged.task.attempts} took longer than {duration_text(engaged.task.timeout)} and was "
                    "stopped. Give it a longer timeout, or less to do."
                )
            case Why.CANCELLED:
                return lambda task: stopped(task, task.cancel_asked, now)

    def _released(self, task: Task) -> Task:
        if task.cancel_asked:
            return stopped(task, task.cancel_asked, self._ground.clock.now())
        return put_back(task, "Its worker was stopped in good order before it was done.")
