"""Event streams in NATS: a stream of its own for each, whose numbers are the offsets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from urllib.parse import quote, unquote

from adapters.coordination.nats.jetstream import EXPECTED_OF_STREAM, Conflict, Info, JetStream, Kept
from adapters.coordination.nats.line import NobodyThere
from adapters.coordination.nats.reading import Told, following, reading
from adapters.coordination.nats.space import Space
from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import KeyChanged

NAME = "Syncdeck-Name"
"""The header with what a message's writer calls it."""

STREAM = "syncdeck-stream"
"""Where a stream's own name is written, which may be longer than NATS lets a stream be called."""


class NatsStreams(Streams):
    """A message with a name has a subject of its own, which takes one message: NATS's own window for doubles ends after
    minutes."""

    def __init__(self, space: Space, replicas: int) -> None:
        self._space = space
        self._replicas = replicas

    async def append(self, stream: str, data: bytes, *, name: str = "", expected: Offset | None = None) -> Offset:
        jetstream = (await self._space.up()).jetstream
        try:
            return await self._append(jetstream, stream, data, name, expected)
        except NobodyThere:
            await self._made(jetstream, stream)
        try:
            return await self._append(jetstream, stream, data, name, expected)
        except NobodyThere:
            raise self._space.address.away() from None

    async def read(self, stream: str, after: Offset = START, limit: int = 1_000) -> Sequence[Message]:
        jetstream = (await self._space.up()).jetstream
        info = await jetstream.info(self._space.layout.event_stream(stream))
        if info is None or info.state.last_seq <= after or not info.state.messages:
            return []
        async with reading(jetstream, info.config.name, following(after)) as consumer:
            return [_message(kept) for kept in await consumer.rest(limit)]

    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        jetstream = (await self._space.up()).jetstream
        name = (await self._made(jetstream, stream)).config.name
        async with reading(jetstream, name, following(after)) as consumer, aclosing(consumer.follow()) as told:
            async for each in told:
                if isinstance(each, Told):
                    yield _message(each.message)

    async def last(self, stream: str) -> Offset:
        return await self._last((await self._space.up()).jetstream, stream)

    async def trim(self, stream: str, until: Offset) -> int:
        jetstream = (await self._space.up()).jetstream
        last = await self._last(jetstream, stream)
        return await jetstream.purge(self._space.layout.event_stream(stream), min(until, last) + 1) if last else 0

    async def streams(self) -> Sequence[tuple[str, Offset, int]]:
        found = await (await self._space.up()).jetstream.streams(f"{self._space.layout.events}.>")
        return sorted(
            (each.config.metadata[STREAM], Offset(each.state.last_seq), each.state.messages)
            for each in found
            if each.state.last_seq and STREAM in each.config.metadata
        )

    async def _append(
        self, jetstream: JetStream, stream: str, data: bytes, name: str, expected: Offset | None
    ) -> Offset:
        layout = self._space.layout
        subject = layout.named(stream, name) if name else layout.nameless(stream)
        headers = {NAME: quote(name)} if name else {}
        if expected is not None:
            headers[EXPECTED_OF_STREAM] = str(expected)
        while True:
            try:
                return Offset(await jetstream.put(subject, data, headers, expected=0 if name else None))
            except Conflict:
                pass
            found = await jetstream.last(layout.event_stream(stream), subject) if name else None
            if found is not None:
                return Offset(found.number)
            last = await self._last(jetstream, stream)
            if expected is not None and expected != last:
                raise KeyChanged(
                    f"The stream {stream} ends at {last}, not at {expected}. Read on from there.",
                    key=stream,
                    revision=last,
                )

    async def _last(self, jetstream: JetStream, stream: str) -> Offset:
        info = await jetstream.info(self._space.layout.event_stream(stream))
        return Offset(info.state.last_seq) if info is not None else START

    async def _made(self, jetstream: JetStream, stream: str) -> Info:
        layout = self._space.layout
        name = layout.event_stream(stream)
        return await jetstream.info(name) or await jetstream.make(
            {
                "name": name,
                "description": "An event stream of Syncdeck",
                "subjects": [layout.events_of(stream)],
                "retention": "limits",
                "storage": "file",
                "num_replicas": self._replicas,
                "deny_delete": True,
                "allow_direct": False,
                "metadata": {STREAM: stream},
            }
        )


def _message(kept: Kept) -> Message:
    return Message(offset=Offset(kept.number), data=kept.data, at=kept.at, name=unquote(kept.headers.get(NAME, "")))
