"""Which task is next. Pure: a worker's picture of the tasks that wait, in moments of its own clock of elapsed time.

A task's `due` is a wall time; it is turned into a moment of elapsed time when the task is first seen, so that a wall
clock that is set afterwards neither delays nor hurries anything.
"""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import Final

from msgspec import Struct

from engine.coordination.standing import Revision
from engine.coordination.working.task import Task, TaskId

WIDEST: Final = 16
"""Of how many tasks at the head one is picked, at most, when others are after the same ones."""


class Sighting(Struct, frozen=True):
    """A task that waits, as it was seen."""

    task: Task
    revision: Revision


class Waiting:
    """The tasks that wait: those whose time has come, greater priority first, then the longest due; and the others."""

    def __init__(self) -> None:
        self._seen: dict[TaskId, Sighting] = {}
        self._ready: list[tuple[int, datetime, TaskId, Revision]] = []
        self._later: list[tuple[float, TaskId, Revision]] = []
        self._width = 1

    def __len__(self) -> int:
        return len(self._seen)

    def clear(self) -> None:
        """Forget everything."""
        self._seen, self._ready, self._later = {}, [], []

    def see(self, sighting: Sighting, now: datetime, moment: float) -> None:
        """Note a task that waits. One without a delay is due at once, whatever the clock of who submitted it says."""
        task = sighting.task
        before = self._seen.get(task.id)
        if before is not None and before.revision >= sighting.revision:
            return
        self._seen[task.id] = sighting
        if task.due <= now or task.due <= task.submitted:
            self._make_ready(sighting)
        else:
            heapq.heappush(self._later, (moment + (task.due - now).total_seconds(), task.id, sighting.revision))

    def forget(self, task_id: TaskId) -> None:
        """Note that a task does not wait any more."""
        self._seen.pop(task_id, None)

    def take(self, moment: float, chance: float) -> Sighting | None:
        """Return a task whose time has come, and forget it; None: there is none."""
        self._ripen(moment)
        head: list[tuple[int, datetime, TaskId, Revision]] = []
        while self._ready and len(head) < self._width and (not head or self._ready[0][0] == head[0][0]):
            place = heapq.heappop(self._ready)
            if self._current(place[2], place[3]):
                head.append(place)
        if not head:
            return None
        picked = head.pop(int(chance * len(head)))
        for place in head:
            heapq.heappush(self._ready, place)
        return self._seen.pop(picked[2])

    def next_moment(self) -> float | None:
        """Return when the next one ripens; None: nothing waits for its time."""
        while self._later and not self._current(*self._later[0][1:]):
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def lost_race(self) -> None:
        """Others are after the same tasks: pick from a wider head."""
        self._width = min(self._width * 2, WIDEST)

    def won_race(self) -> None:
        """Go back towards the strict order."""
        self._width = max(self._width - 1, 1)

    def _ripen(self, moment: float) -> None:
        while self._later and self._later[0][0] <= moment:
            _, task_id, revision = heapq.heappop(self._later)
            if self._current(task_id, revision):
                self._make_ready(self._seen[task_id])

    def _make_ready(self, sighting: Sighting) -> None:
        task = sighting.task
        heapq.heappush(self._ready, (-task.priority, task.due, task.id, sighting.revision))

    def _current(self, task_id: TaskId, revision: Revision) -> bool:
        seen = self._seen.get(task_id)
        return seen is not None and seen.revision == revision
