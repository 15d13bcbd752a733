"""Progress of a run: bars on a terminal, a plain line now and then in a pipe, nothing with --json."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from console.commands.session import Session
from console.commands.table import span
from engine.assembly import Engine
from engine.reconcile.history import TargetRun

Show = Callable[[TargetRun], None]
PIPE_EVERY_PERCENT = 10


@asynccontextmanager
async def following(engine: Engine, session: Session) -> AsyncIterator[None]:
    """Show `run.progress` notices while the block runs."""
    if session.json:
        yield
        return
    with engine.notices.subscribe("run.progress") as notices:

        async def show_all(show: Show) -> None:
            async for notice in notices:
                if isinstance(notice.detail, TargetRun):
                    show(notice.detail)

        with bars() if session.colour else lines() as show:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(show_all(show))
                try:
                    yield
                finally:
                    watcher.cancel()


class lines:  # noqa: N801 - used as a function
    """One line whenever a target has gone another tenth of its way."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def __enter__(self) -> Show:
        return self._show

    def __exit__(self, *_: object) -> None:
        return None

    def _show(self, live: TargetRun) -> None:
        percent = 100 * live.finished // live.total if live.total else 100
        step = percent // PIPE_EVERY_PERCENT
        if self._told.get(live.target, -1) < step:
            self._told[live.target] = step
            failed = f", {live.failed:,} failed" if live.failed else ""
            print(f"  {live.target}: {live.finished:,} of {live.total:,} ({percent} %){failed}  {live.batch}".rstrip())


class bars:  # noqa: N801 - used as a function
    """A bar for each target, with rate, time left and what is under way."""

    def __enter__(self) -> Show:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn

        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("  {task.fields[name]}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}  {task.fields[words]}", markup=False),
            console=Console(file=sys.stdout),
            transient=True,
        )
        self._progress.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _show(self, live: TargetRun) -> None:
        left = f"{span(live.left)} left  " if live.left else ""
        words = f"{live.per_second:,.0f}/s  {left}{live.batch}"
        if live.target not in self._tasks:
            self._tasks[live.target] = self._progress.add_task("", total=live.total, name=live.target, words=words)
        self._progress.update(self._tasks[live.target], total=live.total, completed=live.finished, words=words)
