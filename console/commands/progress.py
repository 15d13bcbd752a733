"""Progress of a run: bars on a terminal, a plain line now and then in a pipe, nothing with --json."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

from console.commands.session import Session
from console.commands.table import span
from engine.assembly import Engine
from engine.reconcile.history import TargetRun
from engine.together import together

Show = Callable[[TargetRun], None]
PIPE_EVERY_PERCENT = 10
STOPPED = "The run stopped after the calls under way. See it with: syncdeck runs; go on with: syncdeck runs resume RUN"


@asynccontextmanager
async def following(engine: Engine, session: Session) -> AsyncIterator[None]:
    """Show `run.progress` notices while the block runs. A polite end (SIGTERM) stops the run as Ctrl-C does: in good
    order, after the calls under way; also where Ctrl-C is ignored, as in the background of a script."""
    with _polite_end():
        try:
            async with _waits_told(engine, session), _told(engine, session):
                yield
        except asyncio.CancelledError:
            session.warn(STOPPED)
            raise


@contextmanager
def _polite_end() -> Iterator[None]:
    loop, verb = asyncio.get_running_loop(), cast("asyncio.Task[object]", asyncio.current_task())
    loop.add_signal_handler(signal.SIGTERM, verb.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@asynccontextmanager
async def _waits_told(engine: Engine, session: Session) -> AsyncIterator[None]:
    """Say for whom a run waits before it begins."""
    with engine.notices.subscribe("lock.silent") as notices:

        async def say_all() -> None:
            async for notice in notices:
                session.warn(str(notice.detail))

        async with together() as group:
            saying = group.create_task(say_all())
            try:
                yield
            finally:
                saying.cancel()


@asynccontextmanager
async def _told(engine: Engine, session: Session) -> AsyncIterator[None]:
    if session.json:
        yield
        return
    with engine.notices.subscribe("run.progress") as notices, _bars() if session.colour else _lines() as show:

        async def show_all() -> None:
            async for notice in notices:
                if isinstance(notice.detail, TargetRun):
                    show(notice.detail)

        watcher = asyncio.TaskGroup()
        async with watcher:
            watching = watcher.create_task(show_all())
            try:
                yield
            finally:
                watching.cancel()


@contextmanager
def _lines() -> Iterator[Show]:
    """Print one line whenever a target has gone another tenth of its way."""
    told: dict[str, int] = {}

    def show(live: TargetRun) -> None:
        percent = 100 * live.finished // live.total if live.total else 100
        step = percent // PIPE_EVERY_PERCENT
        if told.get(live.target, -1) < step:
            told[live.target] = step
            failed = f", {live.failed:,} failed" if live.failed else ""
            print(f"  {live.target}: {live.finished:,} of {live.total:,} ({percent} %){failed}  {live.batch}".rstrip())

    yield show


@contextmanager
def _bars() -> Iterator[Show]:
    """Draw a bar for each target, with rate, time left and what is under way."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn

    columns = (
        TextColumn("  {task.fields[name]}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}  {task.fields[words]}", markup=False),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(file=sys.stdout), transient=True) as progress:

        def show(live: TargetRun) -> None:
            left = f"{span(live.left)} left  " if live.left else ""
            words = f"{live.per_second:,.0f}/s  {left}{live.batch}"
            if live.target not in tasks:
                tasks[live.target] = progress.add_task("", total=live.total, name=live.target, words=words)
            progress.update(tasks[live.target], total=live.total, completed=live.finished, words=words)

        yield show
