"""`syncdeck events export` and `import`: the log as lines of JSON, to keep, to read elsewhere, to take in again."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator

from console.commands.arguments import Subparsers, add_act
from console.commands.packed_files import STANDARD, lines_of, writing
from console.commands.session import DONE, Session
from console.presentation.ages import count
from engine.assembly import Engine
from engine.errors import EventRefused
from engine.events.replicating.archive import is_archive, verified
from engine.events.replicating.messages import Selection
from engine.events.replicating.ndjson import LONGEST_LINE
from engine.events.replicating.transfer import Imported


def add_acts(acts: Subparsers) -> None:
    """Declare both."""
    parser = add_act(
        acts,
        "export",
        export_events,
        "Write events as lines of JSON (NDJSON), with all that proves them; packed by the file's name.",
        examples=(
            "syncdeck events export events.ndjson.zst",
            "syncdeck events export - --type 'user.*' | jq .data",
        ),
    )
    parser.add_argument("file", help="where to write (.gz and .zst are packed); must not exist; - standard output")
    parser.add_argument("--type", action="append", default=[], metavar="T", help="only this type (user.*); repeatable")
    parser.add_argument(
        "--aggregate", action="append", default=[], metavar="A", help="only this aggregate (user:*); repeatable"
    )
    parser = add_act(
        acts,
        "import",
        import_events,
        "Take in exported events, checked as a peer's are; may be repeated, and begun again after it was stopped.",
        examples=("syncdeck events import events.ndjson.zst", "zcat old.gz | syncdeck events import -"),
    )
    parser.add_argument("file", help="what export or compact wrote, packed or not; - standard input (no archive)")
    parser.add_argument("--key", default="", metavar="REF", help="of an archive: the secret it was signed with")


async def export_events(arguments: Namespace, session: Session) -> int:
    wanted = Selection(types=tuple(arguments.type), aggregates=tuple(arguments.aggregate))
    lines = size = 0
    async with session.open() as engine:
        with writing(arguments.file) as sink:
            async for line in engine.log_care.export(wanted):
                sink.write(line + b"\n")
                lines += 1
                size += len(line) + 1
    if arguments.file != STANDARD:
        session.emit({"file": arguments.file, "lines": lines, "bytes": size})
        session.say(f"{arguments.file}: {count(lines, 'line')}, {size:,} bytes unpacked.")
    return DONE


async def import_events(arguments: Namespace, session: Session) -> int:
    done = Imported()
    async with session.open() as engine:
        importing = _importing(arguments, session, engine)
        try:
            async for so_far in importing:
                done = so_far
        finally:
            session.emit({"lines": done.lines, "events": done.events, "conflicts": done.conflicts})
            twice = f"; {count(done.conflicts, 'aggregate')} edited on both sides" if done.conflicts else ""
            session.say(f"{count(done.lines, 'line')} read; new: {count(done.events, 'event')}{twice}.")
    return DONE


def _importing(arguments: Namespace, session: Session, engine: Engine) -> AsyncIterator[Imported]:
    """Begin to take in a file; an archive only after all of it was seen to be as it was signed."""
    file = arguments.file
    if file == STANDARD or not is_archive(next(lines_of(file, LONGEST_LINE), b"")):
        return engine.log_care.import_(lines_of(file, LONGEST_LINE))
    if not arguments.key:
        raise EventRefused(f"{file} is an archive: give --key with the secret it was signed with.")
    verified(lines_of(file, LONGEST_LINE), session.outside.secret(arguments.key, engine.workspace.folder))
    return engine.log_care.import_archive(lines_of(file, LONGEST_LINE))
