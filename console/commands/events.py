"""`syncdeck events`: read the log, filtered, and follow it live; what else can be done with it stands beside."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from datetime import datetime

import msgspec

from console.commands import events_appending, events_care, events_compacting, events_history, events_transfer
from console.commands.arguments import Subparsers, add_verb
from console.commands.moments import milliseconds
from console.commands.session import DONE, Session
from console.commands.table import safe
from console.presentation.event_sentences import sentence
from engine.assembly import Engine
from engine.events.cursor import VectorCursor, text_of
from engine.events.event import END, Event, Position, node_of
from engine.events.log import Filter

PAGE = 500


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "events",
        events,
        examples=(
            "syncdeck events                              the newest 50",
            "syncdeck events --type 'run.*' --since 1h    runs of the last hour",
            "syncdeck events --search ann@acme.example    everything that names somebody",
            "syncdeck events --origin hamburg             what another node wrote",
            "syncdeck events --follow --json              a live stream for scripts",
            "syncdeck events --aggregate user:1 --version     its version, for append --expected",
        ),
    )
    parser.add_argument("--type", default="", metavar="T", help="event type, * at the end allowed (run.*)")
    parser.add_argument(
        "--aggregate", default="", metavar="A", help="what the event is about, * at the end allowed (run:12)"
    )
    parser.add_argument("--origin", default="", metavar="NODE", help="only what this node wrote (hamburg)")
    parser.add_argument("--actor", default="", metavar="WHO", help="who caused it")
    parser.add_argument(
        "--since", default="", metavar="WHEN", help="from then on: 15m, 2h, 7d ago, or 2026-01-31[T14:00] UTC"
    )
    parser.add_argument("--until", default="", metavar="WHEN", help="before then")
    parser.add_argument("--search", default="", metavar="TEXT", help="a text anywhere in the event, in any letter case")
    parser.add_argument(
        "--limit", type=int, default=50, metavar="N", help="the newest N that match (default 50; 0: all)"
    )
    parser.add_argument("--follow", action="store_true", help="then go on with new events as they come")
    parser.add_argument(
        "--version",
        action="store_true",
        help="print the version of --aggregate, as append --expected takes it; without, how far the log is",
    )
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    for module in (events_appending, events_care, events_compacting, events_history, events_transfer):
        module.add_acts(acts)


async def events(arguments: Namespace, session: Session) -> int:
    if arguments.version:
        return await _version(arguments, session)
    async with session.open() as engine:
        where = _filter(arguments, engine.clock.now())
        _, last = await engine.log.bounds()
        printer = _Printer(session, engine.workspace.node)
        if arguments.limit:
            newest = await engine.log.page(END, arguments.limit, where, backwards=True)
            printer.print(reversed(newest))
        else:
            await _print_all(engine, printer, where, last)
        if arguments.follow:
            async for event in engine.log.follow(last, where):
                printer.print([event])
    if not printer.shown:
        session.say("No event matches.")
    return DONE


async def _version(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        if arguments.aggregate:
            version, vector = await engine.log.version(arguments.aggregate)
        else:
            (_, version), vector = await engine.log.bounds(), await engine.log.vector()
    session.emit({"aggregate_id": arguments.aggregate, "version": version, "vector": vector})
    session.say(f"{version:>8}  {text_of(VectorCursor(vector))}")
    return DONE


class _Printer:
    """Prints events as they come; `shown` counts them."""

    def __init__(self, session: Session, node: str) -> None:
        self.shown = 0
        self._session = session
        self._node = node
        self._upcasts = session.outside.extensions().upcasts()
        self._said: set[str] = set()

    def print(self, page: Iterable[Event]) -> None:
        """Print some events."""
        for event in page:
            self._session.emit(event)
            place = f"{event.position:>8}  {event.written_at:%Y-%m-%d %H:%M:%S}  {safe(event.type):<20}"
            self._session.say(f"{place} {self._where(event)}  {_told(event)}")
            self._say_what_is_foreign(event)
            self.shown += 1

    def _where(self, event: Event) -> str:
        """Return what the event is about, and which node wrote it if it was another."""
        writer = node_of(event.origin)
        by = "" if writer == self._node else f"  ({safe(writer)})"
        return f"{safe(event.aggregate_id)}{by}"

    def _say_what_is_foreign(self, event: Event) -> None:
        if event.type not in self._said and (note := self._upcasts.foreign(event)):
            self._said.add(event.type)
            self._session.warn(note)


async def _print_all(engine: Engine, printer: _Printer, where: Filter, last: Position) -> None:
    after = Position(0)
    while after < last and (page := await engine.log.page(after, PAGE, where)):
        printer.print(event for event in page if event.position <= last)
        after = page[-1].position


def _told(event: Event) -> str:
    if event.redacted:
        return "(redacted)"
    return safe(sentence(event.type, event.data) or msgspec.json.encode(event.data).decode())


def _filter(arguments: Namespace, now: datetime) -> Filter:
    return Filter(
        type=arguments.type,
        aggregate=arguments.aggregate,
        actor=arguments.actor,
        origin=_pattern(arguments.origin),
        since_ms=milliseconds("--since", arguments.since, now) if arguments.since else None,
        until_ms=milliseconds("--until", arguments.until, now) if arguments.until else None,
        search=arguments.search,
    )


def _pattern(node: str) -> str:
    """Return the pattern of a node's origins: all its incarnations, unless one is named."""
    return f"{node}~*" if node and not node.endswith("*") and "~" not in node else node
