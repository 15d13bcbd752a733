"""A stream of messages as programs use it: append, read, follow, and for each group of readers how far it came."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from engine.coordination.ground import Ground
from engine.coordination.naming import OFFSET, check_name, check_value, full_name
from engine.coordination.promises import Feature
from engine.coordination.standing import ABSENT, UNREADABLE
from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import CoordinationError, CoordinationUnavailable, KeyChanged, NotSupported

FIRST_PAUSE: Final = timedelta(milliseconds=200)
LONGEST_PAUSE: Final = timedelta(seconds=5)


class Progress(Struct, frozen=True, kw_only=True):
    """How far a group of readers came, as it is kept."""

    offset: Offset
    at: datetime
    by: str


class Stream:
    """A stream by its name; it begins with its first message."""

    def __init__(self, name: str, ground: Ground) -> None:
        check_name(name)
        self.name = name
        self._ground = ground

    async def append(self, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        """Append a message durably and return its offset.

        One with a `name` that the stream has already is not appended again, which makes repeating it harmless;
        `expected` is the offset that the last message must have. Raises `KeyChanged`, whose `revision` is the last one.
        """
        self._ground.must_write()
        check_value(data)
        return await self._streams.append(self.name, data, name=name, expected=expected)

    async def read(self, after: Offset = START, *, limit: int = 1_000) -> Sequence[Message]:
        """Return the first messages after an offset, in order."""
        return await self._streams.read(self.name, after, limit)

    async def follow(self, after: Offset = START) -> AsyncGenerator[Message, None]:
        """Give every message after an offset, those to come as they are appended: none twice, none left out, also when
        the line to the backend breaks meanwhile. It does not end."""
        streams, pause = self._streams, FIRST_PAUSE
        while True:
            messages = streams.follow(self.name, after)
            try:
                async for message in messages:
                    if message.offset > after:
                        after, pause = message.offset, FIRST_PAUSE
                        yield message
            except CoordinationUnavailable:
                await self._ground.clock.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                if isinstance(messages, AsyncGenerator):
                    await messages.aclose()

    async def follow_group(self, group: str) -> AsyncGenerator[Message, None]:
        """Follow from where a group came to. Commit what was dealt with: what was not comes again (at least once)."""
        async with aclosing(self.follow(await self.committed(group))) as messages:
            async for message in messages:
                yield message

    async def last(self) -> Offset:
        """Return the offset of the last message ever appended; 0 if there was none."""
        return await self._streams.last(self.name)

    async def trim(self, until: Offset, *, reason: str = "") -> int:
        """Remove all messages up to and including an offset; return how many. With a `reason` that is audited."""
        self._ground.must_write()
        removed = await self._streams.trim(self.name, until)
        if reason:
            data = {"until": until, "removed": removed, "reason": reason}
            await self._ground.record("stream.trimmed", f"coordination:stream/{self.name}", data)
        return removed

    async def commit(self, group: str, offset: Offset, *, rewind: bool = False) -> Offset:
        """Note that a group has dealt with everything up to an offset, and return how far it came.

        A smaller offset than the one that is noted changes nothing, so that a reader that was presumed dead cannot turn
        back what its successor noted; `rewind` does so on purpose. Raises `CoordinationError` beyond the stream's end.
        """
        self._ground.must_write()
        key = self._key(group)
        if offset > (last := await self.last()):
            raise CoordinationError(
                f"The stream {self.name} ends at {last}; {group} cannot have come to {offset}. Commit what was read."
            )
        while True:
            entry = await self._ground.store.get(key)
            before = _progress(entry.value).offset if entry is not None else START
            if offset <= before and not rewind:
                return before
            progress = Progress(offset=offset, at=self._ground.clock.now(), by=self._ground.actor)
            try:
                expected = entry.revision if entry is not None else ABSENT
                await self._ground.store.put(key, msgspec.json.encode(progress), expected=expected)
            except KeyChanged:
                continue
            return offset

    async def committed(self, group: str) -> Offset:
        """Return up to which offset a group has dealt with everything; 0 if it never said."""
        entry = await self._ground.store.get(self._key(group))
        return _progress(entry.value).offset if entry is not None else START

    async def groups(self) -> dict[str, Offset]:
        """Return how far each group came that ever said so."""
        prefix = f"{OFFSET}{self.name}/"
        entries = await self._ground.store.entries(prefix)
        found = {entry.key.removeprefix(prefix): entry.value for entry in entries}
        return {group: _progress(value).offset for group, value in found.items() if "/" not in group}

    @property
    def _streams(self) -> Streams:
        return streams_of(self._ground)

    def _key(self, group: str) -> str:
        if "/" in group:
            raise CoordinationError(f"The group {group} has a / in its name. Name it without.")
        return full_name(f"{OFFSET}{self.name}/", group)


def streams_of(ground: Ground) -> Streams:
    """Return the backend's streams. Raises `NotSupported` where it has none."""
    ground.store.promises.require(Feature.STREAM)
    streams = ground.store.streams
    if streams is None:
        raise NotSupported(f"{ground.store.promises.backend} has no streams. Use SQLite, PostgreSQL, NATS or Redis.")
    return streams


def _progress(value: bytes) -> Progress:
    try:
        return msgspec.json.decode(value, type=Progress)
    except UNREADABLE as error:
        raise CoordinationError(f"How far a group came cannot be read: {error}. Commit it anew with rewind.") from error
