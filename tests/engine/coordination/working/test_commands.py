"""The named commands of the settings, run for tasks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.coordination.memory.backend import MemoryBackend
from engine.coordination.working.commands import command_handlers, terms_of
from engine.coordination.working.handling import Handler
from engine.coordination.working.task import Task, TaskState
from engine.coordination.working.tasks import Terms
from engine.settings.coordination import CommandSettings
from tests.doubles.coordinated import Process, process

CLOCK = SystemClock()
UNFINISHED = {TaskState.WAITING, TaskState.RUNNING}


@pytest.fixture
async def anna() -> AsyncIterator[Process]:
    async with process(MemoryBackend(CLOCK), CLOCK, "anna") as opened:
        yield opened


def command(code: str, **changes: object) -> CommandSettings:
    return CommandSettings(name="job", run=(sys.executable, "-c", code), **changes)  # type: ignore[arg-type]


async def done(anna: Process, settings: CommandSettings, folder: Path, payload: object = None) -> Task:
    """Return a task of this command as it ended."""
    handlers: dict[str, Handler] = command_handlers(
        {"job": settings}, folder, {"keyring:x": "geheim-geheim"}.__getitem__, CLOCK
    )
    task = await anna.tasks.submit("job", payload, most_attempts=1, timeout=settings.timeout)
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        run = group.create_task(anna.tasks.run(handlers))
        while (task := await anna.tasks.get(task.id)).state in UNFINISHED:  # noqa: ASYNC110 - a store is asked
            await asyncio.sleep(0.01)
        run.cancel()
    return task


async def test_a_command_gets_its_payload_and_learns_for_whom_it_works(anna: Process, tmp_path: Path) -> None:
    code = """
import json, os, sys
keep = [os.environ["SYNCDECK_" + name] for name in ("TASK", "TOKEN", "ATTEMPT")]
print(json.load(sys.stdin)["n"] + 1, *keep, os.environ["COLOUR"], os.getcwd())
"""
    task = await done(anna, command(code, environment={"COLOUR": "red"}), tmp_path, {"n": 41})

    assert task.attempt is not None
    said = f"42 {task.id} {task.attempt.token} 1 red {tmp_path}\n"
    assert (task.state, task.result) == (TaskState.DONE, {"output": said})


async def test_a_command_that_fails_leaves_its_last_words(anna: Process, tmp_path: Path) -> None:
    task = await done(anna, command("import sys; print('no disk', file=sys.stderr); sys.exit(4)"), tmp_path)

    assert task.state is TaskState.DEAD
    assert "ended with exit code 4. It said last:\nno disk" in task.error


async def test_a_command_that_takes_too_long_is_killed(anna: Process, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'begun')!r}, 'w').close(); import time; time.sleep(60)"
    task = await done(anna, command(code, timeout=timedelta(seconds=0.4)), tmp_path)

    assert task.state is TaskState.DEAD
    assert "longer than 400ms" in task.error


async def test_a_commands_secrets_come_by_reference_and_are_hidden(anna: Process, tmp_path: Path) -> None:
    anna.redactor.register("geheim-geheim")
    code = "import os; print('the password is', os.environ['PGPASSWORD'])"
    task = await done(anna, command(code, secrets={"PGPASSWORD": "keyring:x"}), tmp_path)

    assert task.result == {"output": "the password is ***\n"}


async def test_a_command_that_is_not_installed_is_said_by_name(anna: Process, tmp_path: Path) -> None:
    task = await done(anna, CommandSettings(name="job", run=("no-such-program",)), tmp_path)

    assert task.error == "no-such-program cannot be started here: there is no such program."


def test_the_settings_say_how_long_and_how_often() -> None:
    settings = command("", timeout=timedelta(minutes=2), attempts=7)

    assert terms_of({"job": settings}) == {"job": Terms(timeout=timedelta(minutes=2), most_attempts=7)}
