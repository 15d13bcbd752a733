"""Reading a stream in order: a consumer at the server that lives as long as somebody reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, NamedTuple

import msgspec
from nats.aio.msg import Msg

from adapters.coordination.nats.jetstream import API, JetStream, Kept
from adapters.coordination.nats.line import status_of
from engine.errors import CoordinationError, CoordinationUnavailable

BATCH = 200
"""Messages asked for at once: what a slow reader has in hand at most, some 50 MB of the longest."""

ASKING = timedelta(seconds=30)
"""For so long one question for what comes is good."""

SHORTEST_BEAT = timedelta(milliseconds=100)
LATE = timedelta(seconds=1)
"""How much later than every second beat a beat may be."""

ABANDONED = timedelta(seconds=60)
"""After which the server forgets a consumer that nobody asks."""

BEAT = "100"
NOTHING_MORE = {"404", "408"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Told(NamedTuple):
    """A message that was read, and how far the reader is."""

    message: Kept
    place: int
    """Messages that this reader was given, with this one."""
    pending: int
    """Messages that waited for this reader when this one was sent."""


class Quiet(NamedTuple):
    """Nothing waits: all messages up to a number were given to this reader."""

    number: int


class Reading:
    """A consumer of a stream, and this process's place in it."""

    def __init__(self, jetstream: JetStream, question: str, arrived: asyncio.Queue[Msg | None], inbox: str) -> None:
        self._jetstream = jetstream
        self._question = question
        self._arrived = arrived
        self._inbox = inbox
        self._asked_for = 0
        self._count = 0

    async def rest(self, limit: int) -> Sequence[Kept]:
        """Return what there is, up to a number of messages."""
        found: list[Kept] = []
        while len(found) < limit:
            batch = min(BATCH, limit - len(found))
            page = [told.message async for told in self._asked(batch) if isinstance(told, Told)]
            found += page
            if len(page) < batch:
                break
        return found

    async def follow(self) -> AsyncGenerator[Told | Quiet, None]:
        """Give what there is and what comes, for ever. Raises `CoordinationUnavailable` when that breaks off."""
        timeout = timedelta(seconds=self._jetstream.line.address.timeout)
        beat = max(SHORTEST_BEAT, min(ASKING / 2, timeout))
        while True:
            async for told in self._asked(BATCH, beat=beat):
                yield told

    async def _asked(self, batch: int, *, beat: timedelta | None = None) -> AsyncIterator[Told | Quiet]:
        """Ask once: for what there is, or, with a beat, for what comes within a while."""
        self._asked_for += 1
        reply = f"{self._inbox}.{self._asked_for}"
        await self._jetstream.line.send(self._question, _question(batch, beat), reply=reply)
        left = batch
        while left:
            message = await self._arriving(beat)
            if status_of(message) and message.subject != reply:
                continue  # about a question that has its answer
            told = self._told(message)
            if told is None:
                return
            left -= isinstance(told, Told)
            yield told

    async def _arriving(self, beat: timedelta | None) -> Msg:
        """Return the next message. Raises `CoordinationUnavailable` when none comes although one must."""
        line = self._jetstream.line
        try:
            async with asyncio.timeout(line.address.timeout if beat is None else (2 * beat + LATE).total_seconds()):
                message = await self._arrived.get()
        except TimeoutError:
            await line.end()
            raise line.address.silent() from None
        if message is None:
            raise line.address.broken()
        return message

    def _told(self, message: Msg) -> Told | Quiet | None:
        """Return what a message says, None for the end of what was asked for."""
        status = status_of(message)
        if not status:
            told = _read(message)
            if told.place != self._count + 1:
                raise CoordinationUnavailable(
                    f"{self._jetstream.line.address.title} left out what it had to tell. Read again."
                )
            self._count = told.place
            return told
        headers = message.headers or {}
        if status == BEAT:
            seen = int(headers.get("Nats-Last-Consumer", -1)) == self._count
            return Quiet(int(headers.get("Nats-Last-Stream", 0)) if seen else 0)
        if status in NOTHING_MORE:
            return None
        said = headers.get("Description", status)
        raise CoordinationUnavailable(
            f"{self._jetstream.line.address.title} stopped telling what is there ({said}). Read again."
        )


@asynccontextmanager
async def reading(jetstream: JetStream, stream: str, begin: Mapping[str, Any]) -> AsyncIterator[Reading]:
    """Read a stream from somewhere on, for the block. Raises `CoordinationError`."""
    name = token_hex(8)
    config = {
        "name": name,
        "ack_policy": "none",
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": _nanoseconds(ABANDONED),
        **begin,
    }
    arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
    async with jetstream.line.listening(arrived.put_nowait) as inbox:
        await jetstream.call(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": config})
        try:
            yield Reading(jetstream, f"{API}.CONSUMER.MSG.NEXT.{stream}.{name}", arrived, inbox)
        finally:
            with suppress(CoordinationError), jetstream.line.heard(lambda _: None) as reply:
                await jetstream.line.send(f"{API}.CONSUMER.DELETE.{stream}.{name}", b"", reply=reply)


async def latest(jetstream: JetStream, stream: str, *filters: str) -> Sequence[Kept]:
    """Return the last message of each subject that a filter lets through, in the order of writing; all that was
    written when this began, or what has come in its place."""
    begin = {"deliver_policy": "last_per_subject", "filter_subjects": list(filters)}
    async with reading(jetstream, stream, begin) as consumer:
        found = {message.subject: message for message in await consumer.rest(limit=1 << 62)}
    return list(found.values())


def following(number: int) -> Mapping[str, Any]:
    """Begin with the message that follows a number."""
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": number + 1}


def _question(batch: int, beat: timedelta | None) -> bytes:
    if beat is None:
        return msgspec.json.encode({"batch": batch, "no_wait": True})
    body = {"batch": batch, "expires": _nanoseconds(ASKING), "idle_heartbeat": _nanoseconds(beat)}
    return msgspec.json.encode(body)


def _read(message: Msg) -> Told:
    """Where it stands is said in the subject for acknowledging it: `$JS.ACK.<stream>.<consumer>.<delivered>.<number>.
    <count>.<time>.<pending>`, with the domain and the account before the stream at some servers, and a word behind."""
    words = message.reply.split(".")
    number, count, time, pending = words[5:9] if len(words) == 9 else words[7:11]
    at = EPOCH + timedelta(microseconds=int(time) // 1_000)
    return Told(Kept(message.subject, int(number), message.data, message.headers or {}, at), int(count), int(pending))


def _nanoseconds(time: timedelta) -> int:
    return round(time.total_seconds() * 1e9)
