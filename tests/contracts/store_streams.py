"""What every backend with event streams promises of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import cast

import pytest

from engine.coordination.promises import Feature
from engine.coordination.store import LONGEST_VALUE
from engine.coordination.stream import START, Message, Offset, Streams
from engine.errors import KeyChanged
from tests.contracts.store_case import Suite, soon, until
from tests.contracts.store_claims import ODD_NAMES
from tests.contracts.store_sandbox import StoreSandbox

STREAMS = Suite()


async def _streams(sandbox: StoreSandbox) -> Streams:
    streams = (await sandbox.open()).streams
    assert streams is not None, "streams are not refused and not there"
    return streams


def _follow(streams: Streams, name: str, after: Offset = START) -> aclosing[AsyncGenerator[Message, None]]:
    return aclosing(cast("AsyncGenerator[Message, None]", streams.follow(name, after)))


async def _fill(streams: Streams, name: str, count: int) -> list[Offset]:
    return [await soon(streams.append(name, str(number).encode())) for number in range(count)]


@STREAMS.case(Feature.STREAM)
async def a_message_is_read_as_it_was_appended(sandbox: StoreSandbox) -> None:
    streams, other = await _streams(sandbox), await _streams(sandbox)
    data = bytes(range(256))
    offset = await soon(streams.append("s", data, name="first"))
    (message,) = await soon(other.read("s"))

    assert (message.offset, message.data, message.name) == (offset, data, "first")
    assert abs(message.at - sandbox.clock.now()) < timedelta(minutes=1)


@STREAMS.case(Feature.STREAM)
async def offsets_begin_at_one_and_rise(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    offsets = await _fill(streams, "s", 5)
    assert offsets[0] == 1
    assert offsets == sorted(set(offsets))
    assert await soon(streams.last("s")) == offsets[-1]


@STREAMS.case(Feature.STREAM)
async def a_stream_that_nobody_wrote_is_empty(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    assert await soon(streams.last("s")) == 0
    assert await soon(streams.read("s")) == []
    assert await soon(streams.trim("s", Offset(10))) == 0
    assert await soon(streams.streams()) == []


@STREAMS.case(Feature.STREAM)
async def any_bytes_can_be_appended(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    for data in (b"", b"\x00\xff", b"x" * LONGEST_VALUE):
        offset = await soon(streams.append("s", data))
        (message,) = await soon(streams.read("s", Offset(offset - 1)))
        assert message.data == data


@STREAMS.case(Feature.STREAM)
async def streams_are_told_apart_whatever_their_names(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    for name in ODD_NAMES:
        assert await soon(streams.append(name, name.encode(), expected=START)) == 1
    assert [name for name, _, _ in await soon(streams.streams())] == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert [message.data for message in await soon(streams.read(name))] == [name.encode()]


@STREAMS.case(Feature.STREAM)
async def appending_where_something_else_is_last_appends_nothing(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    first = await soon(streams.append("s", b"a", expected=START))
    second = await soon(streams.append("s", b"b", expected=first))
    for expected in (START, first, Offset(second + 1)):
        with pytest.raises(KeyChanged) as told:
            await soon(streams.append("s", b"c", expected=expected))
        assert told.value.revision == second
    assert len(await soon(streams.read("s"))) == 2


@STREAMS.case(Feature.STREAM)
async def of_all_who_expect_the_same_one_appends(sandbox: StoreSandbox) -> None:
    both = [await _streams(sandbox), await _streams(sandbox)]

    async def append(number: int) -> bool:
        try:
            await both[number % 2].append("s", str(number).encode(), expected=START)
        except KeyChanged:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(append(number)) for number in range(10)]
    assert [task.result() for task in tasks].count(True) == 1
    assert len(await soon(both[0].read("s"))) == 1


@STREAMS.case(Feature.STREAM)
async def a_message_with_a_known_name_is_not_appended_again(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    first = await soon(streams.append("s", b"one", name="invoice 7 *>."))
    second = await soon(streams.append("s", b"two", name="invoice 8"))
    assert await soon(streams.append("s", b"other", name="invoice 7 *>.")) == first
    assert await soon(streams.append("s", b"other", name="invoice 7 *>.", expected=second)) == first
    assert await soon(streams.append("other", b"elsewhere", name="invoice 7 *>.")) == 1
    assert [message.data for message in await soon(streams.read("s"))] == [b"one", b"two"]


@STREAMS.case(Feature.STREAM)
async def messages_without_a_name_are_all_kept(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    await soon(streams.append("s", b"same"))
    await soon(streams.append("s", b"same"))
    assert len(await soon(streams.read("s"))) == 2


@STREAMS.case(Feature.STREAM)
async def a_stream_is_read_in_pages_from_any_offset(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    offsets = await _fill(streams, "s", 12)
    read: list[int] = []
    after = START
    while page := await soon(streams.read("s", after, 5)):
        assert len(page) <= 5
        read += [int(message.data) for message in page]
        after = page[-1].offset
    assert read == list(range(12))
    assert [message.offset for message in await soon(streams.read("s", offsets[8]))] == offsets[9:]
    assert await soon(streams.read("s", Offset(offsets[-1] + 100))) == []


@STREAMS.case(Feature.STREAM)
async def what_is_trimmed_is_gone_and_its_offsets_are_not_used_again(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    offsets = await _fill(streams, "s", 6)
    assert await soon(streams.trim("s", offsets[3])) == 4
    assert [message.offset for message in await soon(streams.read("s"))] == offsets[4:]
    assert await soon(streams.trim("s", offsets[3])) == 0
    assert await soon(streams.streams()) == [("s", offsets[-1], 2)]
    assert await soon(streams.trim("s", offsets[-1])) == 2
    assert await soon(streams.last("s")) == offsets[-1]
    assert await soon(streams.append("s", b"next", expected=offsets[-1])) > offsets[-1]


@STREAMS.case(Feature.STREAM)
async def following_gives_what_there_is_and_what_comes(sandbox: StoreSandbox) -> None:
    streams, writer = await _streams(sandbox), await _streams(sandbox)
    await _fill(writer, "s", 3)
    async with _follow(streams, "s", Offset(1)) as messages:
        assert [int((await soon(anext(messages))).data) for _ in range(2)] == [1, 2]
        await soon(writer.append("s", b"3"))
        assert (await soon(anext(messages))).data == b"3"
        await soon(writer.append("s", b"4"))
        assert (await soon(anext(messages))).data == b"4"


@STREAMS.case(Feature.STREAM)
async def a_stream_can_be_followed_before_it_is_begun(sandbox: StoreSandbox) -> None:
    streams, writer = await _streams(sandbox), await _streams(sandbox)

    async def first() -> Message:
        async with _follow(streams, "s") as messages:
            return await anext(messages)

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(first())
        await asyncio.sleep(0)
        await soon(writer.append("s", b"begun"))
        assert (await soon(waiting)).data == b"begun"


@STREAMS.case(Feature.STREAM)
async def nobody_misses_or_hears_twice_what_is_appended_while_he_begins(sandbox: StoreSandbox) -> None:
    writers = [await _streams(sandbox), await _streams(sandbox)]
    readers = [await _streams(sandbox) for _ in range(3)]
    whole = 120

    async def write(streams: Streams) -> None:
        for number in range(whole // 2):
            await streams.append("s", str(number).encode())
            await asyncio.sleep(0)

    async def hear(streams: Streams, begin: int) -> list[Offset]:
        async def begun() -> bool:
            return await streams.last("s") >= begin

        await until(begun)
        heard: list[Offset] = []
        async with _follow(streams, "s") as messages:
            async for message in messages:
                heard.append(message.offset)
                if len(heard) == whole:
                    return heard
        return heard

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(write(writer))
        hearing = [group.create_task(hear(reader, 20 * place)) for place, reader in enumerate(readers)]
    kept = [message.offset for message in await soon(readers[0].read("s"))]
    assert len(kept) == whole
    assert all(task.result() == kept for task in hearing)


@STREAMS.case(Feature.STREAM)
async def following_after_a_trim_begins_with_what_is_left(sandbox: StoreSandbox) -> None:
    streams = await _streams(sandbox)
    offsets = await _fill(streams, "s", 4)
    await soon(streams.trim("s", offsets[1]))
    async with _follow(streams, "s") as messages:
        assert [(await soon(anext(messages))).offset for _ in range(2)] == offsets[2:]
