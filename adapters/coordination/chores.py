"""What an open store does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from engine.errors import CoordinationUnavailable

T = TypeVar("T")


class Chores:
    """Tasks that end with the store, if not before."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, chore: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something that nobody waits for; it takes care of its own errors."""
        task = self._group.create_task(chore)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def ask(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Do something that goes on to its end even if whoever waits for the answer leaves."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.begin(_answered(work, answer))
        return answer

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


async def _answered(work: Coroutine[Any, Any, T], answer: asyncio.Future[T]) -> None:
    try:
        answer.set_result(await work)
    except asyncio.CancelledError:
        answer.set_exception(CoordinationUnavailable("The store was closed meanwhile.", maybe_done=True))
        raise
    except Exception as error:  # noqa: BLE001 - raised where the answer is awaited
        answer.set_exception(error)
    finally:
        if answer.done() and not answer.cancelled():
            answer.exception()  # whoever asked may have left
