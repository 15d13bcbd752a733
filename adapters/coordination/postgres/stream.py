"""Event streams in PostgreSQL: writers of one come one after the other, so that places are seen in their order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from adapters.coordination.postgres.desk import Desk
from adapters.coordination.postgres.lines import Lines
from adapters.coordination.postgres.values import message_of
from engine.clock import Clock
from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import KeyChanged

PAGE = 500


class PostgresStreams(Streams):
    """Offsets without gaps."""

    def __init__(self, desk: Desk, lines: Lines, clock: Clock) -> None:
        self._desk = desk
        self._lines = lines
        self._clock = clock

    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        (row,) = await self._desk.call("append", stream, data, name, expected, self._clock.now())
        if row["outcome"] == "changed":
            raise KeyChanged(
                f"The stream {stream} ends at {row['its_place']}, not at {expected}. Read on from there.",
                key=stream,
                revision=row["its_place"],
            )
        return Offset(row["its_place"])

    async def read(self, stream: str, after: Offset = START, limit: int = 1_000) -> Sequence[Message]:
        rows = await self._desk.ask(
            "SELECT place, data, name, at FROM @schema@.message "
            "WHERE stream = $1 AND place > $2 ORDER BY place LIMIT $3",
            stream,
            after,
            limit,
        )
        return [message_of(row) for row in rows]

    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        async with self._lines.followed(stream) as bell:
            last = after
            while True:
                bell.still()
                messages = await self.read(stream, last, PAGE)
                for message in messages:
                    yield message
                    last = message.offset
                if not messages:
                    await bell.rung()

    async def last(self, stream: str) -> Offset:
        rows = await self._desk.ask("SELECT last FROM @schema@.stream WHERE name = $1", stream)
        return Offset(rows[0]["last"]) if rows else START

    async def trim(self, stream: str, until: Offset) -> int:
        rows = await self._desk.ask(
            "WITH gone AS (DELETE FROM @schema@.message WHERE stream = $1 AND place <= $2 RETURNING 1) "
            "SELECT count(*) FROM gone",
            stream,
            until,
        )
        return int(rows[0][0])

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        rows = await self._desk.ask(
            "SELECT name, last, (SELECT count(*) FROM @schema@.message m WHERE m.stream = s.name) AS held "
            "FROM @schema@.stream s ORDER BY name"
        )
        return [(row["name"], Offset(row["last"]), row["held"]) for row in rows]
