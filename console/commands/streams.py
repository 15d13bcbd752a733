"""`syncdeck streams`: what streams there are and how far their readers came; read, follow and append to one."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Final

from console.commands.arguments import Subparsers, add_act, add_verb
from console.commands.coordination_rows import StreamStanding, message, stream
from console.commands.session import CHANGES, DONE, ERROR, Session
from console.commands.standard_input import whole
from console.commands.watching import Listing, show, watch
from console.commands.work_lines import message as message_line
from console.commands.work_lines import streams as stream_table
from engine.clock import Clock
from engine.coordination.coordination import Coordination
from engine.coordination.promises import Feature
from engine.coordination.standing import Change, Kind
from engine.coordination.stream import Message, Offset
from engine.errors import NothingFound

LAST = 20
EVERY: Final = timedelta(seconds=1)
"""Streams are not in the feed of changes: the list is looked at this often while it is watched."""


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "streams",
        list_streams,
        examples=(
            "syncdeck streams                             all of them, and how far each group of readers came",
            "syncdeck streams read orders                 its last messages",
            "syncdeck streams read orders --follow        and those to come, as they are appended",
            "syncdeck streams read orders --from 100 --limit 10",
            "syncdeck streams append orders '{\"id\": 7}'",
        ),
    )
    parser.add_argument("--watch", action="store_true", help="print it again whenever it changes")
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    _add_reading(acts)
    _add_appending(acts)


def _add_reading(acts: Subparsers) -> None:
    reading = add_act(
        acts,
        "read",
        read,
        "Print messages of a stream, oldest first.",
        examples=("syncdeck streams read orders", "syncdeck streams read orders --from 1 --limit 1000 --json"),
        exits="0 printed, 1 there is no such stream",
    )
    reading.add_argument("name", metavar="NAME")
    reading.add_argument("--from", dest="begin", type=int, default=None, metavar="OFFSET", help="from this offset on")
    reading.add_argument("--limit", type=int, default=LAST, metavar="N", help=f"at most so many (default {LAST})")
    reading.add_argument("--follow", "--watch", action="store_true", help="go on with those to come, without a limit")


def _add_appending(acts: Subparsers) -> None:
    appending = add_act(
        acts,
        "append",
        append,
        "Append a message and print its offset; the first one makes the stream.",
        examples=(
            "syncdeck streams append orders paid",
            "syncdeck streams append orders < order.json          from standard input",
            "syncdeck streams append orders paid --expected 41    only if nobody appended since",
            "syncdeck streams append orders paid --key order-7    only once, however often it is repeated",
        ),
        exits="2 appended, 4 somebody else appended meanwhile",
    )
    appending.add_argument("name", metavar="NAME")
    appending.add_argument("data", nargs="?", default="-", help="the message; - (the default) reads standard input")
    appending.add_argument(
        "--expected", type=int, default=None, metavar="OFFSET", help="only if its last message has this offset; 0: none"
    )
    appending.add_argument("--key", default="", metavar="KEY", help="only if there is none with this key yet")


async def list_streams(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        coordination = here.coordination
        coordination.promises.require(Feature.STREAM)
        listing = Listing(
            look=partial(_look, coordination), named=lambda each: each.name, row=stream, lines=stream_table
        )
        if arguments.watch:
            return await watch(session, listing, _ticks(here.clock))
        return await show(session, listing)


async def _look(coordination: Coordination) -> Sequence[StreamStanding]:
    return [
        StreamStanding(name, last, held, await coordination.stream(name).groups())
        for name, last, held in await coordination.streams()
    ]


async def _ticks(clock: Clock) -> AsyncIterator[Change]:
    while True:
        yield Change(kind=Kind.SYNCED)
        await clock.sleep(EVERY)


async def read(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        reading = here.coordination.stream(arguments.name)
        last = await reading.last()
        if not last and not arguments.follow:
            raise NothingFound(f"There is no stream {arguments.name}. See all with: syncdeck streams")
        after = Offset(max((last - arguments.limit) if arguments.begin is None else arguments.begin - 1, 0))
        if not arguments.follow:
            for each in await reading.read(after, limit=arguments.limit):
                _print(session, each)
            return DONE
        async with aclosing(reading.follow(after)) as messages:
            async for each in messages:
                _print(session, each)
    return ERROR


def _print(session: Session, one: Message) -> None:
    session.emit(message(one))
    session.say(message_line(one))
    sys.stdout.flush()


async def append(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        here.coordination.promises.require(Feature.STREAM)
        data = arguments.data.encode("utf-8", "surrogateescape")
        if arguments.data == "-":
            data = whole()
        expected = None if arguments.expected is None else Offset(arguments.expected)
        offset = await here.coordination.stream(arguments.name).append(data, name=arguments.key, expected=expected)
    session.emit({"stream": arguments.name, "offset": offset})
    session.say(f"It has offset {offset} in {arguments.name}.")
    return CHANGES
