"""`syncdeck events compact`: show what may go, archive it, take it out."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from console.commands.arguments import Subparsers, add_act
from console.commands.moments import age
from console.commands.packed_files import STANDARD, writing
from console.commands.session import DONE, REFUSED, Session
from console.commands.table import moment, safe, table
from console.presentation.ages import count
from engine.assembly import Engine
from engine.errors import EventRefused
from engine.storage.log_compaction import Compacted, Proposal


def add_acts(acts: Subparsers) -> None:
    """Declare it."""
    parser = add_act(
        acts,
        "compact",
        compact,
        "Take out old events that say nothing any more and that every peer knows: written-over fields, old journal.",
        examples=(
            "syncdeck events compact                                            what would go, and who holds it back",
            "syncdeck events compact --archive 2026.ndjson.zst --key keyring:archive",
            "syncdeck events import 2026.ndjson.zst --key keyring:archive       brings it all back",
        ),
        exits="0 done, or only looked   3 nobody said yes",
    )
    parser.add_argument("--before", default="90d", metavar="AGE", help="only events older than this (default 90d)")
    parser.add_argument(
        "--retire", action="append", default=[], metavar="PEER", help="go without this peer: it never comes back"
    )
    parser.add_argument(
        "--archive", default="", metavar="FILE", help="where to keep what goes (.zst and .gz are packed)"
    )
    parser.add_argument(
        "--key", default="", metavar="REF", help="secret that signs the archive: keyring:, env: or file:"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--vacuum", action="store_true", help="then write the file anew: it becomes smaller")


async def compact(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        proposal = await engine.log_care.compaction.propose(age("--before", arguments.before), arguments.retire)
        _show(session, proposal)
        if not arguments.archive:
            if proposal.compaction.events:
                session.say("Nothing was taken out. To go on: --archive FILE --key REF")
            return DONE
        key = _key(arguments, session, engine)
        if not proposal.compaction.events:
            return DONE
        question = f"Take these {proposal.compaction.events:,} events out, after they are in {arguments.archive}?"
        if not arguments.yes and not (session.interactive and session.confirm(question)):
            session.warn("Nothing was taken out. Answer y to the question, or give --yes.")
            return REFUSED
        compacted = await _carry_out(engine, proposal, arguments.archive, key)
        size = await engine.log_care.vacuum() if arguments.vacuum else None
    _tell(session, compacted, arguments.archive, size)
    return DONE


def _key(arguments: Namespace, session: Session, engine: Engine) -> str:
    if arguments.archive == STANDARD:
        raise EventRefused("An archive goes into a file of its own: it has to be safe on a disk before anything goes.")
    if not arguments.key:
        raise EventRefused("An archive is signed: give --key keyring:NAME (syncdeck secrets NAME stores one).")
    return session.outside.secret(arguments.key, engine.workspace.folder)


async def _carry_out(engine: Engine, proposal: Proposal, file: str, key: str) -> Compacted:
    compaction = engine.log_care.compaction
    with writing(file) as sink:
        archived = await compaction.archive(proposal, sink.write, key, file)
    return await compaction.remove(archived)


def _show(session: Session, proposal: Proposal) -> None:
    found, known = proposal.compaction, proposal.frontier
    session.emit(
        {
            "events": found.events,
            "bytes": found.bytes,
            "aggregates": len(found.groups),
            "by_type": found.by_type,
            "contested": found.contested,
            "before": datetime.fromtimestamp(proposal.before_ms / 1000, UTC),
            "known_to_all": known.vector,
            "witnesses": known.witnesses,
        }
    )
    rows = [[safe(name), f"{count:,}"] for name, count in found.by_type.items()]
    for line in table(["TYPE", "EVENTS"], rows) if rows else ():
        session.say(line)
    for line in table(["NODE", "LACKS", "MET"], _nodes(proposal)) if known.witnesses else ():
        session.say(line)
    for witness in known.witnesses:
        if witness.advice:
            session.say(f"  {witness.advice}")
    if found.contested:
        session.say(f"{count(found.contested, 'contested aggregate')} stay whole: syncdeck conflicts")
    what = f"{count(found.events, 'event')} of {count(len(found.groups), 'aggregate')}"
    session.say(f"{what} may go, some {found.bytes / 2**20:,.1f} MB.")


def _nodes(proposal: Proposal) -> list[list[str]]:
    return [[safe(each.name), f"{each.lacks:,}", moment(each.met_at)] for each in proposal.frontier.witnesses]


def _tell(session: Session, compacted: Compacted, file: str, size: int | None) -> None:
    session.emit({"removed": compacted.events, "spared": compacted.spared, "archive": file, "file_bytes": size})
    session.say(f"Taken out: {count(compacted.events, 'event')}, kept in {file}. The state's digest is the same.")
    if compacted.spared:
        session.say(f"{count(compacted.spared, 'event')} stay: something was appended to their aggregates meanwhile.")
    if size is None:
        session.say("The file becomes smaller with --vacuum; without, its free pages are used again.")
