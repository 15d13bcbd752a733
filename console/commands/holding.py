"""`syncdeck lock` and `syncdeck elect`: run a command while holding a lock, or while leading; lost, it is stopped.

As `consul lock` does, and with the token in the command's environment, so that what it writes can be fenced with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from argparse import Namespace
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from console.commands.arguments import Subparsers, add_verb
from console.commands.session import Session
from console.commands.typed import length
from engine.clock import Clock
from engine.coordinating import Coordinating
from engine.coordination.holding.lease import Lease
from engine.coordination.working.running import Program, forwarding, started
from engine.errors import LeaseLost, SettingsError

EXITS = "the command's own; 7 the {what} was not got within --wait, or was lost and the command stopped"


def add_parser(verbs: Subparsers) -> None:
    locking = add_verb(
        verbs,
        "lock",
        lock,
        examples=(
            "syncdeck lock nightly -- ./export.sh          waits for its turn",
            "syncdeck lock nightly --wait 0s -- make       only if it is free",
            "syncdeck lock nightly --ttl 30s -- sh -c 'curl -H \"X-Token: $SYNCDECK_TOKEN\" …'",
        ),
        exits=EXITS.format(what="lock"),
    )
    locking.add_argument("name", help="the lock")
    _add_common(locking, "NAME", "the lock")
    electing = add_verb(
        verbs,
        "elect",
        elect,
        examples=(
            "syncdeck elect importer -- ./import.sh        one of all that say so runs it",
            "syncdeck elect importer --value blue -- ./import.sh",
        ),
        exits=EXITS.format(what="leadership"),
    )
    electing.add_argument("group", help="the group that has one leader")
    electing.add_argument("--value", default="", metavar="TEXT", help="what everybody sees of the leader")
    _add_common(electing, "GROUP [--value TEXT]", "the leadership")


def _add_common(parser: argparse.ArgumentParser, own: str, what: str) -> None:
    parser.add_argument(
        "--ttl",
        type=length,
        default=None,
        metavar="TIME",
        help=f"how long others wait for {what} after this process stopped answering (default: coordination.ttl)",
    )
    parser.add_argument(
        "--wait", type=length, default=None, metavar="TIME", help="give up after so long (default: wait for ever)"
    )
    parser.set_defaults(command=[])
    parser.usage = f"{parser.prog} {own} [--ttl TIME] [--wait TIME] -- COMMAND …"


async def lock(arguments: Namespace, session: Session) -> int:
    command = _command(arguments)
    async with session.coordinate() as here:
        holding = here.coordination.lock(
            arguments.name, ttl=arguments.ttl, wait=arguments.wait, note=" ".join(command)[:200]
        )
        return await _run_while(holding, command, here)


async def elect(arguments: Namespace, session: Session) -> int:
    command = _command(arguments)
    async with session.coordinate() as here:
        election = here.coordination.election(arguments.group)
        leading = election.lead(arguments.value, ttl=arguments.ttl, wait=arguments.wait)
        return await _run_while(leading, command, here)


def _command(arguments: Namespace) -> list[str]:
    command: list[str] = arguments.command
    if not command:
        word = f"syncdeck {arguments.word}"
        raise SettingsError(f"Say which command to run, after two dashes: {word} NAME -- COMMAND")
    if arguments.ttl is not None and arguments.ttl < timedelta(seconds=1):
        raise SettingsError("--ttl is shorter than a second. Say 1s or more.")
    return command


async def _run_while(holding: AbstractAsyncContextManager[Lease], command: list[str], here: Coordinating) -> int:
    try:
        async with holding as lease:
            return await _run(lease, command, here.clock)
    except LeaseLost as error:
        raise LeaseLost(
            f"{error} {command[0]} was stopped.", name=error.name, token=error.token, reason=error.reason
        ) from error


async def _run(lease: Lease, command: list[str], clock: Clock) -> int:
    """Run the command to its end; what this process is signalled goes on to it. Losing the lease cancels this, which
    stops the command and all that it started."""
    environment = {"SYNCDECK_TOKEN": str(lease.token), "SYNCDECK_NAME": lease.name}
    # One that reads from a terminal has to stay in the foreground's process group.
    program = Program(argv=command, environment=environment, captured=False, alone=not os.isatty(sys.stdin.fileno()))
    with forwarding() as signals:  # from before there is a command: what comes while it starts is meant for it too
        async with started(program, clock) as running:
            signals.to(running)
            return (await running.wait()).exit_code
