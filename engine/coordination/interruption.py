"""A way to stop what a task is doing from outside, as `asyncio.timeout` does it when time is up."""

from __future__ import annotations

import asyncio


class Interruption:
    """From `enter` to `leave`, `strike` cancels the task that entered; `leave` says whether that is why it came."""

    __slots__ = ("_before", "_struck", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._before = 0
        self._struck = False

    def enter(self) -> None:
        self._task = asyncio.current_task()
        if self._task is not None:
            self._before = self._task.cancelling()

    def strike(self) -> None:
        """Cancel the task, once.

        A task that strikes itself goes on to where it next waits: a cancellation that it never came to see would hit
        whatever it does after leaving.
        """
        if self._task is None or not _runs_here(self._task):
            self._cancel()
        else:
            asyncio.get_running_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None and not self._struck:
            self._struck = True
            self._task.cancel()

    def leave(self, kind: type[BaseException] | None) -> bool:
        """Take the cancellation back. Tells whether an exception of this kind is due to it alone, and nobody else
        wants the task to end."""
        task, self._task = self._task, None
        if task is None or not self._struck:
            return False
        return task.uncancel() <= self._before and kind is asyncio.CancelledError


def _runs_here(task: asyncio.Task[object]) -> bool:
    """Tell whether this is said by the task itself. In a forked child no task runs, though it has copies of all."""
    try:
        return asyncio.current_task() is task
    except RuntimeError:
        return False
