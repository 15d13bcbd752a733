"""`syncdeck tasks`: what was asked for, what runs, what died; submit, retry, cancel, delete, and work them off."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Sequence
from datetime import timedelta

from console.commands.arguments import Subparsers, Verb, add_act, add_verb
from console.commands.completing import completed
from console.commands.coordination_rows import task as row
from console.commands.session import CHANGES, DONE, ERROR, Session
from console.commands.stopping import stopped_by
from console.commands.typed import json_value, length
from console.commands.watching import Listing, show, watch
from console.commands.work_lines import task as task_lines
from console.commands.work_lines import tasks as task_table
from engine.coordinating import Coordinating
from engine.coordination.naming import TASK
from engine.coordination.working.lifecycle import ENDED
from engine.coordination.working.task import Task, TaskCounts, TaskId, TaskState
from engine.errors import SettingsError
from engine.settings.spelling import did_you_mean
from engine.together import together


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "tasks",
        list_tasks,
        examples=(
            "syncdeck tasks                        the newest, and how many there are",
            "syncdeck tasks --state dead           those that nobody will try again by itself",
            "syncdeck tasks --watch                live",
            "syncdeck tasks show 3f9a              one: attempts, worker, error, result",
            'syncdeck tasks submit export --payload \'{"day": "2026-11-21"}\' --key export-2026-11-21',
            "syncdeck tasks retry 3f9a             a dead one once more",
        ),
    )
    parser.add_argument(
        "--state",
        action="append",
        type=TaskState,
        choices=list(TaskState),
        metavar="STATE",
        default=[],
        help="only those in this state (may be repeated): " + ", ".join(TaskState),
    )
    parser.add_argument("--name", default="", metavar="COMMAND", help="only those of this command")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (default 50)")
    parser.add_argument("--watch", action="store_true", help="print it again whenever it changes")
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    _add(acts, "show", show_task, "Show everything known of a task.")
    _add_submit(acts)
    _add(acts, "retry", retry, "Let a dead or cancelled task be tried anew, with all its attempts.", "2 it waits again")
    _add(
        acts,
        "cancel",
        cancel,
        "End a task: one that waits at once, one that runs as soon as its worker hears of it.",
        "2 cancelled or asked to stop",
    )
    _add(acts, "delete", delete, "Forget a task that has ended.", "2 forgotten")
    working = add_act(
        acts,
        "work",
        work,
        "Work tasks off until stopped. (syncdeck serve does so as well.)",
        examples=("syncdeck tasks work --workers 8",),
    )
    working.add_argument("--workers", type=int, default=4, metavar="N", help="tasks at the same time (default 4)")


def _add(acts: Subparsers, name: str, run: Verb, summary: str, exits: str = "") -> None:
    act = add_act(acts, name, run, summary, examples=(f"syncdeck tasks {name} 3f9a",), exits=exits)
    act.add_argument("id", help="the task's id, or its beginning")


def _add_submit(acts: Subparsers) -> None:
    submitting = add_act(
        acts,
        "submit",
        submit,
        "Ask for a command of the section tasks to be run by whichever node has time.",
        examples=(
            "syncdeck tasks submit export",
            "syncdeck tasks submit export --payload '{\"full\": true}' --wait",
            "syncdeck tasks submit export --key export-2026-11-21 --delay 10m",
        ),
        exits="2 submitted; with --wait: 0 done, 1 dead or cancelled",
    )
    completed(submitting.add_argument("name", help="the command"), "tasks")
    submitting.add_argument(
        "--payload", type=json_value, default=None, metavar="JSON", help="given to the command on standard input"
    )
    submitting.add_argument("--key", default="", help="idempotency key: while a task with it exists, that one is meant")
    submitting.add_argument(
        "--delay", type=length, default=timedelta(), metavar="TIME", help="not before so long from now"
    )
    submitting.add_argument("--priority", type=int, default=0, metavar="N", help="greater first (default 0)")
    submitting.add_argument("--wait", action="store_true", help="wait until it has ended, and print how")


async def list_tasks(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        tasks = here.coordination.tasks
        counts = TaskCounts()

        async def look() -> Sequence[Task]:
            nonlocal counts
            page = await tasks.page(arguments.state, name=arguments.name, limit=arguments.limit)
            counts = page.counts
            return page.tasks

        listing = Listing(
            look=look,
            named=lambda each: each.id,
            row=row,
            lines=lambda rows: task_table(rows, counts, here.clock.now()),
        )
        if arguments.watch:
            return await watch(session, listing, here.coordination.changes(TASK))
        return await show(session, listing)


async def show_task(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        _tell(session, await here.coordination.tasks.get(arguments.id), here)
    return DONE


async def submit(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        known = here.workspace.tasks
        if arguments.name not in known:
            guess = did_you_mean(arguments.name, known) if known else "The section tasks of syncdeck.yaml has none."
            raise SettingsError(f"There is no command {arguments.name}. {guess}")
        command = known[arguments.name]
        task = await here.coordination.tasks.submit(
            arguments.name,
            arguments.payload,
            key=arguments.key,
            delay=arguments.delay,
            priority=arguments.priority,
            most_attempts=command.attempts,
            timeout=command.timeout,
        )
        if not arguments.wait:
            session.emit(row(task))
            session.say(f"{task.id} waits for a worker. Look: syncdeck tasks show {task.id[:10]}")
            return CHANGES
        ended = await _wait(here, task.id)
        _tell(session, ended, here)
    return DONE if ended.state is TaskState.DONE else ERROR


async def _wait(here: Coordinating, task: TaskId) -> Task:
    async for _ in here.coordination.changes(TASK + task):
        found = await here.coordination.tasks.get(task)
        if found.state in ENDED:
            return found
    raise AssertionError("changes never end")


def _tell(session: Session, task: Task, here: Coordinating) -> None:
    session.emit(row(task))
    for line in task_lines(task, here.clock.now()):
        session.say(line)


async def retry(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        task = await here.coordination.tasks.retry(arguments.id)
    session.emit(row(task))
    session.say(f"{task.id} ({task.name}) waits for a worker again.")
    return CHANGES


async def cancel(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        task = await here.coordination.tasks.cancel(arguments.id)
    session.emit(row(task))
    said = "is cancelled" if task.state is TaskState.CANCELLED else "was asked to stop; its worker ends it"
    session.say(f"{task.id} ({task.name}) {said}.")
    return CHANGES


async def delete(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        task_id = await here.coordination.tasks.delete(arguments.id)
    session.emit({"task": task_id, "deleted": True})
    session.say(f"{task_id} is forgotten.")
    return CHANGES


async def work(arguments: Namespace, session: Session) -> int:
    if arguments.workers < 1:
        raise SettingsError(f"--workers {arguments.workers}: at least one has to work.")
    with stopped_by(signal.SIGTERM, signal.SIGINT) as stop:
        async with session.open() as engine, together() as group:
            working = group.create_task(engine.work.tasks(arguments.workers))
            commands = ", ".join(sorted(engine.work.handlers)) or "nothing"
            session.say(f"Working off {commands} with {arguments.workers} at a time. Ctrl-C stops in good order.")
            await stop.wait()
            working.cancel()
    return DONE
