"""Streams as programs use them: what the façade adds to what backends promise."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from engine.coordination.memory.backend import MemoryBackend
from engine.coordination.memory.streams import MemoryStreams
from engine.coordination.stream import START, Message, Offset
from engine.errors import CoordinationError, CoordinationUnavailable, ReadOnly
from tests.doubles.clock import ManualClock
from tests.doubles.coordinated import Habits, Process, process
from tests.doubles.line_trouble import Trouble, TroubledBackend


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend(ManualClock())


@pytest.fixture
async def anna(backend: MemoryBackend) -> AsyncIterator[Process]:
    async with process(backend, backend.clock, "anna") as opened:
        yield opened


async def test_groups_of_readers_know_nothing_of_one_another(anna: Process) -> None:
    stream, other = anna.stream("orders"), anna.stream("orders/eu")
    for number in range(3):
        await stream.append(str(number).encode())
        await other.append(b"")
    await stream.commit("mail", Offset(2))
    await stream.commit("books", Offset(3))
    await other.commit("mail", Offset(1))

    assert await stream.groups() == {"books": 3, "mail": 2}
    assert (await stream.committed("mail"), await stream.committed("none")) == (2, START)
    assert await other.groups() == {"mail": 1}


async def test_a_reader_that_notes_late_how_far_it_came_does_not_turn_back_who_was_quicker(
    backend: MemoryBackend, anna: Process
) -> None:
    for _ in range(4):
        await anna.stream("orders").append(b"")
    trouble = Trouble()

    async def overtake(_: str) -> None:
        trouble.after_reading = None
        await anna.stream("orders").commit("mail", Offset(4))

    trouble.after_reading = overtake
    async with process(TroubledBackend(backend, trouble), backend.clock, "ben") as ben:
        assert await ben.stream("orders").commit("mail", Offset(2)) == 4
    assert await anna.stream("orders").committed("mail") == 4


class BreaksOften(MemoryStreams):
    """Whoever follows gets two messages, and then the line breaks."""

    async def follow(self, stream: str, after: Offset = START) -> AsyncGenerator[Message, None]:
        for message in await self.read(stream, after, 2):
            yield message
        raise CoordinationUnavailable("The line broke.")


async def test_following_goes_on_where_the_line_broke(backend: MemoryBackend) -> None:
    clock = backend.clock
    assert isinstance(clock, ManualClock)
    backend.streams = BreaksOften(clock)
    async with process(backend, clock, "anna") as anna:
        for number in range(5):
            await anna.stream("orders").append(str(number).encode())
        async with aclosing(anna.stream("orders").follow(Offset(1))) as messages:
            told = [(await clock.finish(anext(messages))).data for _ in range(4)]

    assert told == [b"1", b"2", b"3", b"4"]


async def test_trimming_by_hand_is_noted(anna: Process) -> None:
    stream = anna.stream("orders")
    for _ in range(3):
        await stream.append(b"")
    removed = await stream.trim(Offset(2), reason="kept elsewhere")

    assert removed == 2
    data = {"until": 2, "removed": 2, "reason": "kept elsewhere"}
    assert anna.events == [("stream.trimmed", "coordination:stream/orders", data)]
    assert [message.offset for message in await stream.read()] == [3]


@pytest.mark.parametrize("group", ["", "a/b", "x" * 250])
async def test_groups_have_names_that_can_be_kept(anna: Process, group: str) -> None:
    await anna.stream("orders").append(b"")
    with pytest.raises(CoordinationError):
        await anna.stream("orders").commit(group, Offset(1))


async def test_a_stream_has_a_name_and_messages_a_limit(anna: Process) -> None:
    with pytest.raises(CoordinationError):
        anna.stream("")
    with pytest.raises(CoordinationError, match="too large"):
        await anna.stream("orders").append(b"x" * (256 * 1024 + 1))


async def test_an_engine_that_only_looks_appends_and_trims_nothing(backend: MemoryBackend, anna: Process) -> None:
    await anna.stream("orders").append(b"1")
    async with process(backend, backend.clock, habits=Habits(read_only=True)) as looking:
        stream = looking.stream("orders")
        for refused in (stream.append(b""), stream.trim(Offset(1)), stream.commit("mail", Offset(1))):
            with pytest.raises(ReadOnly):
                await refused
        assert len(await stream.read()) == 1
