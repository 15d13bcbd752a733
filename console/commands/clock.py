"""`syncdeck clock`: how far this host's clock is off, with its error bound, and how far peers' clocks are from it."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_verb
from console.commands.coordination_lines import clock as clock_lines
from console.commands.coordination_rows import clock as row
from console.commands.session import DONE, Session
from engine.coordinating import Coordinating
from engine.coordination.clocks.timing import PeerSkew


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "clock",
        clock,
        examples=(
            "syncdeck clock                        ask the servers of clock.servers, and the kernel",
            "syncdeck clock --watch                and again, each clock.every",
        ),
        exits="0 measured; 1 the settings are wrong",
    )
    parser.add_argument("--watch", action="store_true", help="measure and print again and again")


async def clock(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        await _measure(session, here)
        while arguments.watch:
            await here.clock.sleep(here.workspace.clock.every)
            await _measure(session, here)
    return DONE


async def _measure(session: Session, here: Coordinating) -> None:
    standing = await here.coordination.clock.measure()
    skews: list[PeerSkew] = list(await here.coordination.skews())
    session.emit(row(standing, skews))
    for line in clock_lines(standing, skews):
        session.say(line)
