"""`syncdeck events history`: what became of one aggregate, and what it was at any moment."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime

import msgspec

from console.commands.arguments import Subparsers, add_act
from console.commands.moments import milliseconds
from console.commands.session import DONE, Session
from console.commands.table import safe, table
from console.presentation.ages import count
from engine.errors import NothingFound
from engine.events.event import Event, Origin, Position
from engine.events.merging.choices import named
from engine.events.merging.values import ABSENT, View, dotted


def add_acts(acts: Subparsers) -> None:
    """Declare it."""
    parser = add_act(
        acts,
        "history",
        history,
        "Show every event of one aggregate, and its state after the last of them or as of a moment.",
        examples=(
            "syncdeck events history user:1",
            "syncdeck events history user:1 --at 1201        as it was at that position of the log",
            "syncdeck events history user:1 --at 2026-01-31  as it was then (also: 2h, 7d ago)",
        ),
    )
    parser.add_argument("aggregate", help="the aggregate's name, in full")
    parser.add_argument("--at", default="", metavar="WHEN", help="a position of the log, or a moment")


async def history(arguments: Namespace, session: Session) -> int:
    aggregate: str = arguments.aggregate
    async with session.open() as engine:
        events = await engine.log.history(aggregate)
        if not events:
            raise NothingFound(f"There is no event of {aggregate}. Find names with syncdeck events --search TEXT.")
        until = _until(arguments.at, events, engine.clock.now())
        shown = [event for event in events if until is None or event.position <= until]
        view = await engine.conflicts.view(aggregate, until=until)
        version, vector = await engine.log.version(aggregate)
    for event in shown:
        session.emit(event)
    session.emit(_state_object(view, until, version, dict(vector)))
    _say(session, shown, len(events) - len(shown), view)
    if until is None:
        session.say(f"Version {version}: {msgspec.json.encode(vector, order='sorted').decode()}")
    return DONE


def _until(at: str, events: Sequence[Event], now: datetime) -> Position | None:
    """Return the position that a moment means: that of the newest event written up to then."""
    if not at:
        return None
    if at.isascii() and at.isdigit():
        return Position(int(at))
    moment = milliseconds("--at", at, now)
    return max((event.position for event in events if event.milliseconds <= moment), default=Position(0))


def _say(session: Session, shown: Sequence[Event], later: int, view: View) -> None:
    heads = set(view.heads)
    rows = [
        [
            str(event.position),
            f"{event.written_at:%Y-%m-%d %H:%M:%S}",
            safe(event.origin),
            str(event.seq),
            "head" if event.dot in heads else "",
            safe(event.type),
            "(redacted)" if event.redacted else safe(msgspec.json.encode(event.data).decode()),
        ]
        for event in shown
    ]
    for line in table(["POSITION", "TIME", "ORIGIN", "SEQ", "", "TYPE", "CHANGE"], rows):
        session.say(line)
    if later:
        session.say(f"({count(later, 'later event')} not looked at.)")
    session.say()
    state = "does not exist" if view.value is ABSENT else "is"
    session.say(f"{safe(view.aggregate_id)} {state}{':' if view.value is not ABSENT else '.'}")
    if view.value is not ABSENT:
        pretty = msgspec.json.format(msgspec.json.encode(view.value, order="sorted")).decode()
        for line in pretty.splitlines():
            session.say(f"  {safe(line)}")
    for verdict in view.open:
        field = named(verdict.contest.path)
        session.say(f"Contested: {safe(field)} ({len(verdict.contest.candidates)} sides). See: syncdeck conflicts")


def _state_object(view: View, until: Position | None, version: int, vector: dict[Origin, int]) -> dict[str, object]:
    state: dict[str, object] = {
        "aggregate_id": view.aggregate_id,
        "at": until,
        "exists": view.value is not ABSENT,
        "value": None if view.value is ABSENT else view.value,
        "heads": [str(head) for head in view.heads],
        "contested": [dotted(verdict.contest.path) for verdict in view.open],
    }
    return state if until is not None else {**state, "version": version, "vector": vector}
