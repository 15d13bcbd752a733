"""Tasks as keys: each is one, and every step of it is a compare-and-set."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

import msgspec

from engine.coordination.naming import TASK
from engine.coordination.standing import ABSENT, UNREADABLE, Entry, Revision
from engine.coordination.store import LONGEST_VALUE, Store
from engine.coordination.working.task import Task, TaskId, TaskState
from engine.errors import CoordinationError, KeyChanged, NothingFound

TRIES: Final = 50
PAGE: Final = 500

_write = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(Task).decode


class Header(msgspec.Struct, frozen=True):
    """What lists and counts look at of every task: the rest of it costs twice the time to read."""

    id: TaskId
    name: str
    state: TaskState
    submitted: datetime


_read_header = msgspec.json.Decoder(Header).decode


def read_task(entry: Entry) -> Task | None:
    """Return the task that an entry holds; None for one that this version cannot read: it is left alone."""
    try:
        return _read(entry.value)
    except UNREADABLE:
        return None


class TaskBook:
    """All tasks of the namespace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, task_id: TaskId) -> tuple[Task, Revision] | None:
        """Return a task with its revision; None if there is none. Raises `CoordinationError` if it is unreadable."""
        entry = await self._store.get(TASK + task_id)
        if entry is None:
            return None
        task = read_task(entry)
        if task is None:
            raise CoordinationError(
                f"The task {task_id} cannot be read: a newer version wrote it, or it is damaged. Upgrade this node, or "
                f"delete it with syncdeck tasks delete {task_id}."
            )
        return task, entry.revision

    async def look_up(self, text: str) -> TaskId:
        """Return the id that a text is, or begins. Raises `NothingFound`."""
        if text and await self._store.get(TASK + text) is not None:
            return TaskId(text)
        found = await self._store.entries(TASK + text, limit=4) if text else ()
        ids = [TaskId(entry.key.removeprefix(TASK)) for entry in found]
        if not ids:
            raise NothingFound(f"There is no task {text}. See syncdeck tasks for those that are kept.")
        if len(ids) > 1:
            raise NothingFound(f"Several tasks begin with {text}: {', '.join(ids[:3])}. Give one more character.")
        return ids[0]

    async def write(self, task: Task, expected: Revision) -> Revision:
        """Write a task if it has this revision. Raises `KeyChanged`."""
        value = _write(task)
        if len(value) > LONGEST_VALUE:
            raise CoordinationError(
                f"The task {task.id} ({task.name}) has {len(value):,} bytes; {LONGEST_VALUE:,} are the most. Keep "
                "large data elsewhere, and its address in the payload."
            )
        return await self._store.put(TASK + task.id, value, expected=expected)

    async def add(self, task: Task) -> Task:
        """Write a new task, or return the one there is with its id."""
        while True:
            try:
                await self.write(task, ABSENT)
                return task
            except KeyChanged:
                found = await self.find(task.id)
                if found is not None:
                    return found[0]

    async def step(self, task_id: TaskId, step: Callable[[Task], Task]) -> Task:
        """Take a task one step on, from whatever others made of it meanwhile. Raises `NothingFound`."""
        for _ in range(TRIES):
            found = await self.find(task_id)
            if found is None:
                break
            task, revision = found
            after = step(task)
            if after == task:
                return task
            try:
                await self.write(after, revision)
                return after
            except KeyChanged:
                continue
        raise NothingFound(f"The task {task_id} is gone, or changes all the time. See syncdeck tasks.")

    async def remove(self, task_id: TaskId, revision: Revision | None) -> bool:
        """Delete a task, if it has this revision."""
        return await self._store.delete(TASK + task_id, expected=revision)

    async def remove_as_it_is(self, task_id: TaskId, refuse: Callable[[Task], None]) -> Task | None:
        """Delete a task unless `refuse` raises for it; return what it was, None for an unreadable one."""
        for _ in range(TRIES):
            entry = await self._store.get(TASK + task_id)
            if entry is None:
                break
            task = read_task(entry)
            if task is not None:
                refuse(task)
            try:
                await self._store.delete(entry.key, expected=entry.revision)
                return task
            except KeyChanged:
                continue
        raise NothingFound(f"The task {task_id} is gone, or changes all the time. See syncdeck tasks.")

    async def newest(self, wanted: Callable[[Header], bool], limit: int) -> tuple[list[Task], dict[TaskState, int]]:
        """Return the last submitted tasks of those that are wanted, newest first, and how many of all are in each
        state."""
        states: dict[TaskState, int] = {}
        heap: list[tuple[datetime, TaskId, Entry]] = []
        async for entry in self.entries():
            try:
                header = _read_header(entry.value)
            except UNREADABLE:
                continue
            states[header.state] = states.get(header.state, 0) + 1
            if wanted(header):
                heapq.heappush(heap, (header.submitted, header.id, entry))
                if len(heap) > limit:
                    heapq.heappop(heap)
        found = (read_task(entry) for *_, entry in sorted(heap, key=lambda each: each[:2], reverse=True))
        return [task for task in found if task is not None], states

    async def all(self) -> AsyncIterator[tuple[Task, Revision]]:
        """Give every readable task, by id."""
        async for entry in self.entries():
            task = read_task(entry)
            if task is not None:
                yield task, entry.revision

    async def entries(self) -> AsyncIterator[Entry]:
        """Give every task as it is kept, by id."""
        after = ""
        while True:
            page = await self._store.entries(TASK, after=after, limit=PAGE)
            for entry in page:
                yield entry
            if len(page) < PAGE:
                return
            after = page[-1].key
