"""Tasks that run programs: the named commands of the settings as handlers.

The payload comes as JSON on standard input; `SYNCDECK_TASK`, `SYNCDECK_TOKEN` and `SYNCDECK_ATTEMPT` are in the
environment, so that the program can tell a second attempt from a second task, and pass the token on to what it writes.
Exit code 0 is success, everything else another attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.clock import Clock
from engine.coordination.working.handling import Handler
from engine.coordination.working.running import Program, run
from engine.coordination.working.task import Attempt, Task
from engine.coordination.working.tasks import Terms
from engine.settings.coordination import CommandSettings

Resolve = Callable[[str], str]
"""A secret reference to the secret itself. Raises `SecretUnavailable`."""


class CommandFailed(Exception):
    """The program ended with something else than 0; the text has the end of what it said."""


def command_handler(command: CommandSettings, folder: Path, resolve: Resolve, clock: Clock) -> Handler:
    """Return what runs a command for a task; its secrets are looked up for each attempt."""

    async def handle(task: Task, attempt: Attempt) -> Any:
        environment = {
            **command.environment,
            **{name: resolve(reference) for name, reference in command.secrets.items()},
            "SYNCDECK_TASK": task.id,
            "SYNCDECK_TOKEN": str(attempt.token),
            "SYNCDECK_ATTEMPT": str(attempt.number),
        }
        program = Program(
            argv=command.run,
            folder=folder / command.directory,
            environment=environment,
            given=msgspec.json.encode(task.payload),
        )
        ended = await run(program, clock)
        if ended.code != 0:
            raise CommandFailed(_failure(command.run[0], ended.code, ended.output))
        return {"output": ended.output}

    return handle


def command_handlers(
    commands: Mapping[str, CommandSettings], folder: Path, resolve: Resolve, clock: Clock
) -> dict[str, Handler]:
    """Return a handler for each command."""
    return {name: command_handler(command, folder, resolve, clock) for name, command in commands.items()}


def terms_of(commands: Mapping[str, CommandSettings]) -> dict[str, Terms]:
    """Return what holds for the tasks of each command."""
    return {name: Terms(timeout=command.timeout, most_attempts=command.attempts) for name, command in commands.items()}


def _failure(program: str, code: int, output: str) -> str:
    how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
    said = output.strip()
    return f"{program} {how}." + (f" It said last:\n{said}" if said else " It said nothing.")
