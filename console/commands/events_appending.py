"""`syncdeck events append`: one event from the command line, or many as lines of JSON from standard input."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from console.commands.arguments import Subparsers, add_act
from console.commands.session import DONE, Session
from console.commands.standard_input import available_lines
from console.commands.table import safe
from engine.assembly import Engine
from engine.errors import EventRefused, VersionConflict
from engine.events.cursor import IntegerCursor, WireCursor, from_wire, parse, to_wire
from engine.events.event import Dot, NewEvent, Origin
from engine.events.log import Version
from engine.events.replicating.ndjson import LONGEST_LINE

TOGETHER = 1_000
"""Lines that share a commit."""


def add_acts(acts: Subparsers) -> None:
    """Declare it."""
    parser = add_act(
        acts,
        "append",
        append,
        "Append an event; data is a merge patch on the aggregate (RFC 7396): an object changes the fields it names.",
        examples=(
            """syncdeck events append --type user.changed --aggregate user:1 --data '{"name": "Ann"}'""",
            "syncdeck events append --type user.changed --aggregate user:1 --data null          delete it",
            "syncdeck events append … --expected 3                 only if it is at version 3",
            """syncdeck events append … --expected '{"kind": "vector", "data": {"berlin-1~0a1b2c3d": 17}}'""",
            "syncdeck events append - < events.ndjson              one object a line:",
            """  {"type": …, "aggregate_id": …, "data": …}, if wanted with metadata, expected, id, origin and seq""",
        ),
        exits="0 all are in the log, durably   1 error   4 the aggregate has another version",
    )
    parser.add_argument("lines", nargs="?", choices=("-",), metavar="-", help="read lines of JSON from standard input")
    parser.add_argument("--type", default="", metavar="T", help="what happened, dotted (user.changed)")
    parser.add_argument("--aggregate", default="", metavar="A", help="what it is about (user:1)")
    parser.add_argument("--data", default="{}", metavar="JSON", help="what changes (default {}: nothing)")
    parser.add_argument("--metadata", default="{}", metavar="JSON", help="a JSON object; the actor is added")
    parser.add_argument(
        "--expected", default="", metavar="VERSION", help="refuse unless the aggregate is at this version"
    )
    parser.add_argument("--id", default="", metavar="ID", help="the event's own name: sent twice, it is kept once")


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event on standard input."""

    type: str
    aggregate_id: str
    data: Any = {}
    metadata: dict[str, Any] = {}
    id: str = ""
    origin: str = ""
    seq: int = 0
    expected: int | WireCursor | None = None

    def event(self, actor: str) -> NewEvent:
        """Return it as the log takes it."""
        if bool(self.origin) != bool(self.seq):
            raise EventRefused("`origin` and `seq` belong together: give both, or none.")
        return NewEvent(
            type=self.type,
            aggregate_id=self.aggregate_id,
            data=self.data,
            metadata={"actor": actor, **self.metadata},
            id=self.id,
            dot=Dot(Origin(self.origin), self.seq) if self.origin else None,
        )


_read = msgspec.json.Decoder(_Line).decode


async def append(arguments: Namespace, session: Session) -> int:
    if arguments.lines == "-":
        return await _append_lines(session)
    if not (arguments.type and arguments.aggregate):
        raise EventRefused("An event needs --type and --aggregate; or give - to read lines from standard input.")
    line = _Line(
        type=arguments.type,
        aggregate_id=arguments.aggregate,
        data=_json("--data", arguments.data),
        metadata=_object("--metadata", arguments.metadata),
        id=arguments.id,
        expected=_typed_version(arguments.expected),
    )
    async with session.open() as engine:
        await _append(engine, session, [line])
    return DONE


def _typed_version(text: str) -> int | WireCursor | None:
    """Return a version as it was typed: an integer, or a cursor in the kit's form."""
    if not text:
        return None
    cursor = parse(text)
    return cursor.position if isinstance(cursor, IntegerCursor) else to_wire(cursor)


async def _append_lines(session: Session) -> int:
    first = 1
    async with session.open() as engine, available_lines(LONGEST_LINE) as chunks:
        async for lines in chunks:
            for number, batch in _batches(lines, first):
                await _append_numbered(engine, session, number, batch)
            first += len(lines)
    return DONE


def _batches(lines: Sequence[bytes], first: int) -> Iterator[tuple[int, list[_Line]]]:
    """Yield lines that may share a commit, with the number of the first; what stands before an unreadable line too."""
    batch: list[_Line] = []
    for number, text in enumerate(lines, start=first):
        try:
            line = _read(text) if text.strip() else None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            if batch:
                yield number - len(batch), batch
            raise EventRefused(f"Line {number} is no event: {error}. See syncdeck events append --help.") from error
        if line is None or line.expected is not None or len(batch) == TOGETHER:
            if batch:
                yield number - len(batch), batch
            batch = []
        if line is not None and line.expected is not None:
            yield number, [line]
        elif line is not None:
            batch.append(line)
    if batch:
        yield first + len(lines) - len(batch), batch


async def _append_numbered(engine: Engine, session: Session, first: int, batch: Sequence[_Line]) -> None:
    """Append lines in one commit; if they are refused, one by one, to find out which."""
    try:
        await _append(engine, session, batch)
    except (EventRefused, VersionConflict):
        for number, line in enumerate(batch, start=first):
            try:
                await _append(engine, session, [line])
            except (EventRefused, VersionConflict) as error:
                raise type(error)(f"Line {number}: {error}") from error


async def _append(engine: Engine, session: Session, lines: Sequence[_Line]) -> None:
    """Append, and acknowledge each event."""
    expected = {line.aggregate_id: _version(line.expected) for line in lines if line.expected is not None}
    events = await engine.log.append([line.event(engine.actor) for line in lines], expected=expected or None)
    for event in events:
        if session.json:
            version, vector = await engine.log.version(event.aggregate_id)
            session.emit({**msgspec.to_builtins(event), "version": version, "vector": vector})
        session.say(f"{event.position:>8}  {event.dot}  {safe(event.type)}  {safe(event.aggregate_id)}")


def _version(expected: int | WireCursor) -> Version:
    if isinstance(expected, int):
        return expected
    cursor = from_wire(expected)
    return cursor.position if isinstance(cursor, IntegerCursor) else cursor.vector


def _json(option: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise EventRefused(f"{option} is no JSON ({error}). Texts need quotes of their own: '\"Ann\"'.") from error


def _object(option: str, text: str) -> dict[str, Any]:
    value = _json(option, text)
    if not isinstance(value, dict):
        raise EventRefused(f'{option} has to be a JSON object, such as {{"ticket": 4711}}.')
    return value
