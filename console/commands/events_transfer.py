"""`syncdeck events export` and `import`: the log as lines of JSON, to keep, to read elsewhere, to take in again."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_act
from console.commands.packed_files import STANDARD, lines_of, writing
from console.commands.session import DONE, Session
from engine.events.replicating.lines import LONGEST_LINE
from engine.events.replicating.messages import Selection
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
    parser.add_argument("file", help="what export wrote, packed or not; - standard input")


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
        session.say(f"{arguments.file}: {lines:,} lines, {size:,} bytes unpacked.")
    return DONE


async def import_events(arguments: Namespace, session: Session) -> int:
    done = Imported()
    async with session.open() as engine:
        try:
            async for so_far in engine.log_care.import_(lines_of(arguments.file, LONGEST_LINE)):
                done = so_far
        finally:
            session.emit({"lines": done.lines, "events": done.events, "conflicts": done.conflicts})
            conflicts = f"; {done.conflicts:,} aggregates are contested now" if done.conflicts else ""
            session.say(f"{done.lines:,} lines read, of which {done.events:,} events were new{conflicts}.")
    return DONE
