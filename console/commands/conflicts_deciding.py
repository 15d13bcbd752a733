"""`syncdeck conflicts resolve | undo | claim | release`: what changes a conflict, after showing it and asking."""

from __future__ import annotations

from argparse import Namespace

from console.commands.conflicts_lines import preview_lines, preview_object, summary_object
from console.commands.conflicts_taking import choices_of
from console.commands.session import CHANGES, DONE, ERROR, Session
from console.commands.table import safe
from engine.assembly import Engine
from engine.errors import NothingFound, SettingsError
from engine.events.event import node_of
from engine.events.merging.choices import named
from engine.events.merging.queue import Choice, ConflictState, Take
from engine.events.vector import Vector

MANY = {
    "base": Choice(take=Take.BASE),
    "both": Choice(take=Take.BOTH),
    "remove": Choice(take=Take.REMOVE),
    "oldest": Choice(take=Take.CANDIDATE, candidate=0),
    "newest": Choice(take=Take.NEWEST),
}
"""What can be said of many conflicts at once, beside the name of a node."""

MOST = 10_000
SHOWN = 5
"""Decisions that are written, and previewed, at once."""


async def resolve(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        detail = await engine.conflicts.show(arguments.conflict)
        conflict = detail.summary.id
        if not arguments.decisions:
            waiting = ", ".join(named(verdict.contest.path) for verdict in detail.view.open)
            raise SettingsError(f"Say what is right for {waiting or 'the fields'}: --take local, remote, base, both, …")
        # What is over is refused by the engine, in words, before anything of it is interpreted.
        choices = {}
        if detail.summary.state in (ConflictState.OPEN, ConflictState.CLAIMED):
            choices = choices_of(arguments.decisions, detail.view, engine.workspace.node)
        preview = await engine.conflicts.preview(conflict, choices)
        for line in preview_lines(session, preview):
            session.say(line)
        if not choices:
            session.emit({**preview_object(preview), "event": None})
            session.say("Nothing was decided about what waits, so there is nothing to write.")
            return DONE
        if not arguments.yes and not _agreed(session, "Write this decision, for every node?"):
            return ERROR
        resolved = await engine.conflicts.resolve(conflict, choices, comment=arguments.comment)
    session.emit({**preview_object(resolved.preview), "event": str(resolved.event.dot)})
    session.say(f"Written as {resolved.event.dot}. To take it back: syncdeck conflicts undo {conflict}")
    return CHANGES


async def resolve_all(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        choice = MANY.get(arguments.take) or _by_node(arguments.take, await engine.log.vector())
        queue = await engine.conflicts.queue(field=arguments.field, aggregate=arguments.aggregate, limit=MOST)
        ids = [summary.id for summary in queue]
        previews = await engine.conflicts.preview_many(ids, choice, field=arguments.field)
        for preview in previews[:SHOWN]:
            for line in preview_lines(session, preview):
                session.say(line)
        if len(previews) > SHOWN:
            session.say(f"… and {len(previews) - SHOWN:,} more.")
        if not previews:
            session.say("Nothing that waits is matched and fits, so there is nothing to write.")
            return DONE
        if not arguments.yes and not _agreed(session, f"Write {len(previews):,} decisions, for every node?"):
            return ERROR
        decided = [preview.conflict for preview in previews]
        written = await engine.conflicts.resolve_many(decided, choice, field=arguments.field, comment=arguments.comment)
    for resolved in written:
        session.emit({**preview_object(resolved.preview), "event": str(resolved.event.dot)})
    session.say(f"{len(written):,} decisions were written.")
    return CHANGES


async def undo(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        summary = (await engine.conflicts.show(arguments.conflict)).summary
        if summary.resolution is None:
            raise NothingFound(f"Nobody's decision on conflict {summary.id} stands, so there is none to undo.")
        session.say(f"{safe(summary.aggregate_id)}: conflict {summary.id} would wait again, as before the decision")
        session.say(f"by {safe(summary.settled_by) or 'an operator'} about {_fields(summary.fields)}.")
        if not arguments.yes and not _agreed(session, "Take the decision back, on every node?"):
            return ERROR
        event = await engine.conflicts.undo(summary.id)
    session.emit({"conflict": summary.id, "event": str(event.dot), "undoes": event.metadata.get("undoes")})
    session.say(f"Taken back with {event.dot}. The conflict waits again.")
    return CHANGES


async def claim(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        await engine.conflicts.claim(arguments.conflict)
        await _tell(engine, session, arguments.conflict)
    return DONE


async def release(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        await engine.conflicts.release(arguments.conflict)
        await _tell(engine, session, arguments.conflict)
    return DONE


async def _tell(engine: Engine, session: Session, conflict: str) -> None:
    summary = (await engine.conflicts.show(conflict)).summary
    session.emit(summary_object(summary))
    who = f"{safe(summary.claimed_by)} is at it" if summary.claimed_by else "nobody is at it"
    session.say(f"Conflict {summary.id} about {safe(summary.aggregate_id)}: {who}; every node will know.")


def _by_node(name: str, vector: Vector) -> Choice:
    """Return the choice of what a node wrote; it must have written here, or a word misspelt would pass for its name."""
    nodes = sorted({node_of(origin) for origin in vector})
    if name not in nodes:
        raise SettingsError(f"--take {name}: say {', '.join(MANY)}, or a node: {', '.join(nodes) or 'none wrote yet'}.")
    return Choice(take=Take.NODE, value=name)


def _agreed(session: Session, question: str) -> bool:
    if session.interactive and not session.json:
        agreed = session.confirm(question)
    else:
        session.warn("This is no terminal to ask in. Look at the preview and agree with --yes.")
        return False
    if not agreed:
        session.warn("Nothing was changed.")
    return agreed


def _fields(paths: tuple[tuple[str, ...], ...]) -> str:
    return ", ".join(safe(named(path)) for path in paths) or "its fields"
