"""What a node does by itself while it serves: it fires schedules if it leads, and works at tasks in any case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import to_builtins

from engine.clock import Clock
from engine.coordination.coordination import Coordination
from engine.coordination.working.commands import Resolve, command_handlers
from engine.coordination.working.handling import Handler
from engine.coordination.working.task import Attempt, Task
from engine.errors import SyncdeckError
from engine.notices import Notice, Notices
from engine.planned_work import SYNC, scheduled
from engine.reconcile.automatic import Automatic
from engine.reconcile.results import AutomaticEnding
from engine.settings.model import Workspace
from engine.together import together

WORKERS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Aids:
    """What commands need: their secrets, the time, and the board on which is told how they end."""

    resolve: Resolve
    clock: Clock
    notices: Notices


class NodeWork:
    """The work of this node. `run` is what `syncdeck serve` does beside serving.

    Publishes `task.started`, `task.done` and `task.failed` (subject: the task's id, detail: a sentence).
    """

    def __init__(self, workspace: Workspace, coordination: Coordination, automatic: Automatic, aids: Aids) -> None:
        self._coordination = coordination
        self._automatic = automatic
        handlers = {
            **command_handlers(workspace.tasks, workspace.folder, aids.resolve, aids.clock),
            **{SYNC + sync.name: self._sync for sync in scheduled(workspace)},
        }
        self.handlers: Mapping[str, Handler] = {name: told(handler, aids.notices) for name, handler in handlers.items()}
        """What this node can do, by the names of tasks."""

    async def run(self, workers: int = WORKERS) -> None:
        """Do all of it until cancelled."""
        async with together() as group:
            group.create_task(self._coordination.cron.run())
            group.create_task(self.tasks(workers))
            group.create_task(self._coordination.clock.run())

    async def tasks(self, workers: int = WORKERS) -> None:
        """Work at tasks only."""
        await self._coordination.tasks.run(self.handlers, workers=workers)

    async def _sync(self, task: Task, _: Attempt) -> Any:
        run = await self._automatic.run(task.name.removeprefix(SYNC))
        if run.ending is AutomaticEnding.FAILED:
            raise SyncFailed(run.said)
        return to_builtins(run)


def told(handler: Handler, notices: Notices) -> Handler:
    """Return a handler that tells how each attempt begins and ends."""

    async def handle(task: Task, attempt: Attempt) -> Any:
        def tell(topic: str, said: str) -> None:
            notices.publish(Notice(topic=topic, subject=task.id, detail=f"{task.name}: {said}"))

        tell("task.started", f"attempt {attempt.number} of {task.most_attempts}")
        try:
            result = await handler(task, attempt)
        except Exception as error:
            tell("task.failed", f"attempt {attempt.number} of {task.most_attempts} failed: {error}")
            raise
        tell("task.done", f"done in attempt {attempt.number}")
        return result

    return handle


class SyncFailed(SyncdeckError):
    """An automatic sync could not be planned, or not all of it be written; the target's own row of failures counts."""
