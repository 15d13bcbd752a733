"""What streams promise as programs use them, whatever backend they stand on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial

import pytest

from engine.coordination.promises import Feature
from engine.coordination.stream import START, Message, Offset
from engine.errors import CoordinationError, CoordinationUnavailable, KeyChanged
from tests.contracts.lock import node
from tests.contracts.store_case import Suite, soon, until
from tests.contracts.store_sandbox import Circumstance, StoreSandbox
from tests.doubles.coordinated import Process

STREAMING = Suite()


async def _followed(process: Process, count: int, after: Offset = START) -> list[Message]:
    """Return so many messages after an offset."""
    found: list[Message] = []
    async with aclosing(process.stream("s").follow(after)) as messages:
        async for message in messages:
            found.append(message)
            if len(found) == count:
                break
    return found


@STREAMING.case(Feature.STREAM)
async def whoever_follows_gets_every_message_once_and_in_order(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        for number in range(5):
            await a.stream("s").append(str(number).encode())
        async with asyncio.TaskGroup() as group:
            following = group.create_task(soon(_followed(b, 10)))
            for number in range(5, 10):
                await a.stream("s").append(str(number).encode())

    assert [message.data for message in following.result()] == [str(number).encode() for number in range(10)]


@STREAMING.case(Feature.STREAM)
async def of_two_who_append_at_the_same_place_one_is_told(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        last = await a.stream("s").append(b"first")
        await b.stream("s").append(b"second", expected=last)
        with pytest.raises(KeyChanged):
            await a.stream("s").append(b"third", expected=last)
        messages = await b.stream("s").read()

    assert [message.data for message in messages] == [b"first", b"second"]


@STREAMING.case(Feature.STREAM, Feature.KEYS)
async def a_group_goes_on_from_where_it_came_to_and_is_not_turned_back(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        offsets = [await a.stream("s").append(str(number).encode()) for number in range(4)]
        assert await a.stream("s").committed("mail") == START
        await a.stream("s").commit("mail", offsets[2])
        assert await b.stream("s").commit("mail", offsets[0]) == offsets[2]
        async with aclosing(b.stream("s").follow_group("mail")) as messages:
            message = await soon(anext(messages))
        with pytest.raises(CoordinationError, match="ends at"):
            await b.stream("s").commit("mail", Offset(offsets[3] + 1))
        assert await b.stream("s").commit("mail", offsets[0], rewind=True) == offsets[0]

    assert message.data == b"3"


@STREAMING.case(Feature.STREAM, Circumstance.BROKEN_LINE)
async def whoever_follows_misses_nothing_when_the_line_breaks(sandbox: StoreSandbox) -> None:
    async with node(sandbox, "a") as a, node(sandbox, "b") as b:
        await a.stream("s").append(b"0")
        async with aclosing(b.stream("s").follow()) as messages:
            found = [await soon(anext(messages))]
            await sandbox.break_line()
            for number in range(1, 5):
                await until(partial(_appended, a, number))
            found += [await soon(anext(messages)) for _ in range(4)]

    assert [message.data for message in found] == [b"0", b"1", b"2", b"3", b"4"]


async def _appended(process: Process, number: int) -> bool:
    """Append a message of this name, which is harmless to repeat; return whether that was answered."""
    try:
        await process.stream("s").append(str(number).encode(), name=f"m{number}")
    except CoordinationUnavailable:
        return False
    return True
