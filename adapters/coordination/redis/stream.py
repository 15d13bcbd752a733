"""Event streams in Redis: Redis streams whose ids are the offsets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from adapters.coordination.redis import key_scripts as scripts
from adapters.coordination.redis.following import Following, message_of
from adapters.coordination.redis.link import Link
from engine.clock import Clock
from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import CoordinationUnavailable, KeyChanged


class RedisStreams(Streams):
    """Offsets without gaps: they are counted, not clocked."""

    def __init__(self, link: Link, clock: Clock, space: str) -> None:
        self._link = link
        self._clock = clock
        self._space = space

    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        given = "" if expected is None else expected
        now = self._clock.now().isoformat()
        outcome, offset = await self._link.script(scripts.APPEND, stream, data, name, given, now)
        if outcome == b"changed":
            raise KeyChanged(
                f"The stream {stream} ends at {int(offset)}, not at {given}. Read on from there.",
                key=stream,
                revision=int(offset),
            )
        return Offset(int(offset))

    async def read(self, stream: str, after: Offset = START, limit: int = 1_000) -> Sequence[Message]:
        rows = await self._link.script(scripts.READ, stream, f"{after + 1}-0", limit)
        return [_message(*message_of(row)) for row in rows]

    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        async with Following(self._link.address).open() as following:
            last: int = after
            while True:
                found = await following.after(f"{self._space}stream:{stream}", last)
                if not found and int(await following.ask("HGET", f"{self._space}streams", stream) or 0) < last:
                    raise CoordinationUnavailable(
                        f"{self._link.address.title} has forgotten messages of the stream {stream}. Read it again."
                    )
                for number, fields in found:
                    yield _message(number, fields)
                    last = number

    async def last(self, stream: str) -> Offset:
        return Offset(int(await self._link.script(scripts.LAST, stream)))

    async def trim(self, stream: str, until: Offset) -> int:
        return int(await self._link.script(scripts.TRIM, stream, until))

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        rows = await self._link.script(scripts.STREAMS)
        return sorted((name.decode(), Offset(int(last)), int(held)) for name, last, held in rows)


def _message(number: int, fields: dict[bytes, bytes]) -> Message:
    return Message(
        offset=Offset(number),
        data=fields[b"data"],
        at=datetime.fromisoformat(fields[b"at"].decode()),
        name=fields[b"name"].decode(),
    )
