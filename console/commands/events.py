"""`syncdeck events`: read the log, filtered, and follow it live."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from console.commands.arguments import Subparsers, add_verb
from console.commands.session import DONE, Session
from console.commands.table import safe
from console.presentation.event_sentences import sentence
from engine.assembly import Engine
from engine.errors import SettingsError
from engine.events.event import Event, Position
from engine.events.log import Filter

END = Position(2**62)
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
            "syncdeck events --follow --json              a live stream for scripts",
        ),
    )
    parser.add_argument("--type", default="", metavar="T", help="event type, * at the end allowed (run.*)")
    parser.add_argument(
        "--aggregate", default="", metavar="A", help="what the event is about, * at the end allowed (run:12)"
    )
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


async def events(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        where = _filter(arguments, engine.clock.now())
        _, last = await engine.log.bounds()
        shown = 0
        if arguments.limit:
            newest = await engine.log.page(END, arguments.limit, where, backwards=True)
            shown = _print(session, list(reversed(newest)))
        else:
            shown = await _print_all(engine, session, where, last)
        if arguments.follow:
            async for event in engine.log.follow(last, where):
                _print(session, [event])
    if not shown:
        session.say("No event matches.")
    return DONE


async def _print_all(engine: Engine, session: Session, where: Filter, last: Position) -> int:
    shown, after = 0, Position(0)
    while after < last and (page := await engine.log.page(after, PAGE, where)):
        shown += _print(session, [event for event in page if event.position <= last])
        after = page[-1].position
    return shown


def _print(session: Session, page: Sequence[Event]) -> int:
    for event in page:
        session.emit(event)
        when = datetime.fromtimestamp(event.milliseconds / 1000, UTC)
        data = safe(sentence(event.type, event.data) or msgspec.json.encode(event.data).decode())
        session.say(
            f"{event.position:>8}  {when:%Y-%m-%d %H:%M:%S}  {event.type:<20} {safe(event.aggregate_id)}  {data}"
        )
    return len(page)


def _filter(arguments: Namespace, now: datetime) -> Filter:
    return Filter(
        type=arguments.type,
        aggregate=arguments.aggregate,
        actor=arguments.actor,
        since_ms=_milliseconds("--since", arguments.since, now),
        until_ms=_milliseconds("--until", arguments.until, now),
        search=arguments.search,
    )


def _milliseconds(option: str, text: str, now: datetime) -> int | None:
    """Return a moment given as an age (15m, 2h, 7d) or as a date, in milliseconds since 1970."""
    if not text:
        return None
    if age := re.fullmatch(r"(\d+)([smhd])", text):
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[age[2]]
        return int((now - timedelta(**{unit: int(age[1])})).timestamp() * 1000)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text}: not a time. Say an age such as 15m, 2h or 7d, or a date such as 2026-01-31T14:00."
        ) from error
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
