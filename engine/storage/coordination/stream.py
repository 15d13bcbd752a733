"""Event streams of the coordination file: what is written as works in a transaction, what is read from a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from functools import partial

from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import KeyChanged
from engine.storage.coordination.bell import Bell
from engine.storage.coordination.reading import Reading
from engine.storage.coordination.turn import Turn
from engine.storage.coordination.writing import Writing
from engine.storage.moments import to_moment

NONE: Sequence[Message] = ()
AT_ONCE = 16
"""Messages that a follower reads in one go, on the event loop's thread."""


class StoredStreams(Streams):
    """The streams of a namespace. A message is on the disk when `append` returns."""

    def __init__(self, reading: Reading, writing: Writing, bell: Bell) -> None:
        self._reading = reading
        self._writing = writing
        self._bell = bell

    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        return await self._writing.run_durably(partial(append, stream=stream, data=data, name=name, expected=expected))

    async def read(self, stream: str, after: Offset = START, limit: int = 1_000) -> Sequence[Message]:
        return await self._reading.away(partial(read, stream=stream, after=after, limit=limit), NONE)

    async def follow(self, stream: str, after: Offset = START) -> AsyncIterator[Message]:
        with self._bell.listening() as rung:
            while True:
                messages = self._reading.now(partial(read, stream=stream, after=after, limit=AT_ONCE), NONE)
                for message in messages:
                    after = message.offset
                    yield message
                if not messages:
                    await self._bell.hear(rung)

    async def last(self, stream: str) -> Offset:
        return self._reading.now(partial(last, stream=stream), START)

    async def trim(self, stream: str, until: Offset) -> int:
        return await self._writing.run_durably(partial(trim, stream=stream, until=until))

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        return await self._reading.away(overview, ())


def append(turn: Turn, stream: str, data: bytes, name: str, expected: Offset | None) -> Offset:
    """Append a message, unless one of that name is there."""
    row = turn.execute("SELECT id, last FROM stream WHERE namespace = ? AND name = ?", (turn.namespace, stream))
    number, last = row.fetchone() or (None, 0)
    if name and number is not None:
        there = turn.execute("SELECT offset FROM message WHERE stream = ? AND name = ?", (number, name)).fetchone()
        if there is not None:
            return Offset(there[0])
    if expected is not None and expected != last:
        raise KeyChanged(
            f"The last message of the stream {stream} has offset {last}, not {expected}: somebody appended. Read on.",
            key=stream,
            revision=last,
        )
    if number is None:
        number = turn.execute(
            "INSERT INTO stream (namespace, name, last) VALUES (?, ?, 0)", (turn.namespace, stream)
        ).lastrowid
    offset = Offset(last + 1)
    turn.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", (number, offset, turn.wall, name, data))
    turn.execute("UPDATE stream SET last = ? WHERE id = ?", (offset, number))
    turn.changed = True
    return offset


def trim(turn: Turn, stream: str, until: Offset) -> int:
    """Remove the messages up to an offset."""
    removed = turn.execute(
        "DELETE FROM message WHERE stream = (SELECT id FROM stream WHERE namespace = ? AND name = ?) AND offset <= ?",
        (turn.namespace, stream, until),
    )
    turn.changed = bool(removed.rowcount)
    return removed.rowcount


def read(reading: sqlite3.Connection, namespace: int, stream: str, after: Offset, limit: int) -> Sequence[Message]:
    """Return the first messages after an offset."""
    rows = reading.execute(
        """
        SELECT m.offset, m.at, m.name, m.data FROM stream s JOIN message m ON m.stream = s.id
        WHERE s.namespace = ? AND s.name = ? AND m.offset > ? ORDER BY m.offset LIMIT ?
        """,
        (namespace, stream, after, limit),
    ).fetchall()
    return [Message(offset=Offset(offset), data=data, at=to_moment(at), name=name) for offset, at, name, data in rows]


def last(reading: sqlite3.Connection, namespace: int, stream: str) -> Offset:
    """Return the offset of the last message ever."""
    row = reading.execute("SELECT last FROM stream WHERE namespace = ? AND name = ?", (namespace, stream)).fetchone()
    return Offset(row[0] if row is not None else 0)


def overview(reading: sqlite3.Connection, namespace: int) -> Sequence[tuple[str, Offset, int]]:
    """Return (name, last offset, messages held) of every stream."""
    rows = reading.execute(
        """
        SELECT name, last, (SELECT count(*) FROM message WHERE stream = stream.id) FROM stream
        WHERE namespace = ? ORDER BY name
        """,
        (namespace,),
    ).fetchall()
    return [(name, Offset(last), held) for name, last, held in rows]
