"""Event streams in memory."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from engine.clock import Clock
from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import KeyChanged


@dataclass(slots=True)
class Kept:
    """One stream."""

    messages: list[Message] = field(default_factory=list)
    last: Offset = START
    grown: asyncio.Event = field(default_factory=asyncio.Event)


class MemoryStreams(Streams):
    """All streams of a memory backend."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, Kept] = {}

    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        kept = self._kept.setdefault(stream, Kept())
        if name:
            for message in kept.messages:
                if message.name == name:
                    return message.offset
        if expected is not None and expected != kept.last:
            raise KeyChanged(
                f"The last message of {stream} is number {kept.last}; {expected} was expected. Read on first.",
                key=stream,
                revision=kept.last,
            )
        kept.last = Offset(kept.last + 1)
        kept.messages.append(Message(offset=kept.last, data=data, at=self._clock.now(), name=name))
        grown, kept.grown = kept.grown, asyncio.Event()
        grown.set()
        return kept.last

    async def read(self, stream: str, after: Offset = START, limit: int = 1_000) -> Sequence[Message]:
        messages = self._kept.get(stream, Kept()).messages
        begin = bisect_right(messages, after, key=lambda message: message.offset)
        return messages[begin : begin + limit]

    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        while True:
            grown = self._kept.setdefault(stream, Kept()).grown
            messages = await self.read(stream, after)
            for message in messages:
                after = message.offset
                yield message
            if not messages:
                await grown.wait()

    async def last(self, stream: str) -> Offset:
        return self._kept.get(stream, Kept()).last

    async def trim(self, stream: str, until: Offset) -> int:
        messages = self._kept.get(stream, Kept()).messages
        gone = bisect_right(messages, until, key=lambda message: message.offset)
        del messages[:gone]
        return gone

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        return [(name, kept.last, len(kept.messages)) for name, kept in sorted(self._kept.items()) if kept.last]
