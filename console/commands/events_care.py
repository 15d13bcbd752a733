"""`syncdeck events verify` and `redact`: is the log whole, and what has to go."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_act
from console.commands.session import DONE, ERROR, REFUSED, Session
from console.commands.table import safe, table
from engine.errors import EventRefused
from engine.events.event import Dot, Origin
from engine.storage.event_verify import Verified


def add_acts(acts: Subparsers) -> None:
    """Declare both."""
    parser = add_act(
        acts,
        "verify",
        verify,
        "Compute every chain again: was any event changed, dropped or inserted since it was written?",
        examples=("syncdeck events verify", "syncdeck events verify --origin hamburg"),
        exits="0 all is as it was written   1 something is not",
    )
    parser.add_argument("--origin", default="", metavar="NODE", help="only what this node wrote")
    parser = add_act(
        acts,
        "redact",
        redact,
        "Drop an event's payload for good, here and on every peer; its place, header and chain stay.",
        examples=("syncdeck events redact berlin-1~0a1b2c3d#17 --reason 'asked by the customer, ticket 4711'",),
    )
    parser.add_argument("event", metavar="ORIGIN#SEQ", help="which event, as events --json shows it")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the log, and replicated")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--vacuum", action="store_true", help="then write the file anew, without its free pages")


async def verify(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        found = await engine.log_care.verify(origin=arguments.origin)
    rows = [
        [safe(each.origin), f"{each.events:,}", f"{each.left_out:,}", f"{each.redacted:,}", _verdict(len(each.breaks))]
        for each in found.origins
    ]
    for each in found.origins:
        session.emit(each)
    for line in table(["ORIGIN", "EVENTS", "LEFT OUT", "REDACTED", "CHAIN"], rows):
        session.say(line)
    _tell_faults(session, found)
    return DONE if found.whole else ERROR


def _verdict(breaks: int) -> str:
    return "whole" if not breaks else f"BROKEN at {breaks} place{'s' * (breaks > 1)}"


def _tell_faults(session: Session, found: Verified) -> None:
    for origin in found.origins:
        for each in origin.breaks:
            place = f" (position {each.position})" if each.position else ""
            session.warn(f"{each.part}: {safe(each.sentence)}{place}")
    for fault in found.faults:
        session.warn(fault)
    if found.whole:
        session.say(f"{found.events:,} events: none was changed, dropped or inserted.")
    else:
        session.warn("Keep this file as evidence; compare it with a backup (syncdeck doctor) or with a peer.")


async def redact(arguments: Namespace, session: Session) -> int:
    dot = dot_of(arguments.event)
    async with session.open() as engine:
        event = await engine.log.at_dot(dot)
        what = f"{event.type} of {safe(event.aggregate_id)}" if event else "which is not here now"
        question = f"Drop the payload of {dot} ({what}) for good, here and on every peer?"
        if not arguments.yes and not (session.interactive and session.confirm(question, word="redact")):
            session.warn("Nothing was redacted. Answer redact to the question, or give --yes.")
            return REFUSED
        redacted = await engine.log_care.redact(dot, arguments.reason)
        size = await engine.log_care.vacuum() if arguments.vacuum else None
    remains = redacted.remains if size is None else [each for each in redacted.remains if "--vacuum" not in each]
    session.emit({"redacted": str(dot), "position": redacted.position, "event": redacted.event, "remains": remains})
    again = "already: its payload was dropped before" if event and event.redacted else ""
    done = again or (f"at position {redacted.position}" if redacted.position else "whenever it comes: it is not here")
    session.say(f"{dot} is redacted {done}. Its record is event {redacted.event.position}.")
    for sentence in remains:
        session.say(f"  {sentence}")
    return DONE


def dot_of(text: str) -> Dot:
    """Return the place that ORIGIN#SEQ names."""
    origin, _, seq = text.rpartition("#")
    if not (origin and seq.isascii() and seq.isdigit()):
        raise EventRefused(f"{text} names no event: write ORIGIN#SEQ, such as berlin-1~0a1b2c3d#17.")
    return Dot(Origin(origin), int(seq))
