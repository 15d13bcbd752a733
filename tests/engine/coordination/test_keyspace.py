"""Keys: read without writing, written without overwriting, watched without missing anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from engine.coordination.keyspace import SYNCED, KeyChange
from engine.coordination.memory.backend import MemoryBackend
from engine.coordination.standing import ABSENT, Fence, Token
from engine.errors import CoordinationError, CoordinationUnavailable, KeyChanged, LeaseLost, ReadOnly
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


@pytest.fixture
async def ben(backend: MemoryBackend) -> AsyncIterator[Process]:
    async with process(backend, backend.clock, "ben") as opened:
        yield opened


async def test_a_key_has_the_name_it_was_given(anna: Process) -> None:
    revision = await anna.keys.put("colour", b"red")
    entry = await anna.keys.get("colour")

    assert entry is not None
    assert (entry.key, entry.value, entry.revision) == ("colour", b"red", revision)


async def test_locks_and_keys_of_one_name_know_nothing_of_one_another(anna: Process) -> None:
    await anna.keys.put("deploy", b"42")
    async with anna.coordination.lock("deploy"):
        await anna.keys.put("deploy", b"43")
    entry = await anna.keys.get("deploy")

    assert entry is not None
    assert entry.value == b"43"
    assert [each.key for each in await anna.keys.list()] == ["deploy"]


async def test_iterating_visits_every_key_also_after_one_that_nobody_changed(anna: Process) -> None:
    for number in range(7):
        await anna.keys.put(f"n/{number}", str(number).encode())

    assert [entry.value async for entry in anna.keys.iterate("n/", page=3)] == [str(n).encode() for n in range(7)]


async def test_iterating_writes_nothing(anna: Process, backend: MemoryBackend) -> None:
    exact = json.dumps({"list": [1, 2, 3], "large": 2**53 + 1}).encode()
    written = await anna.keys.put("exact", exact)

    (found,) = [entry async for entry in anna.keys.iterate()]

    assert (found.value, found.revision) == (exact, written)
    entry = await anna.keys.get("exact")
    assert entry is not None
    assert entry.revision == written


async def test_keys_may_be_changed_and_removed_while_iterating(anna: Process, ben: Process) -> None:
    for number in range(6):
        await anna.keys.put(f"{number}", b"old")

    visited = []
    async for entry in anna.keys.iterate(page=2):
        visited.append(entry.key)
        await ben.keys.delete(entry.key)
        await ben.keys.put(f"{entry.key}-new", b"")
        if entry.key == "1":
            await ben.keys.delete("3")

    assert [key for key in visited if not key.endswith("-new")] == ["0", "1", "2", "4", "5"]
    assert len(visited) == len(set(visited))


async def test_an_update_that_changes_nothing_is_not_written(anna: Process) -> None:
    before = await anna.keys.put("count", b"1")

    entry = await anna.keys.update("count", lambda value: value)

    assert entry is not None
    assert entry.revision == before
    assert await anna.keys.update("none", lambda value: value) is None
    assert await anna.keys.get("none") is None


async def test_no_update_is_lost_among_many(anna: Process, ben: Process) -> None:
    def one_more(value: bytes | None) -> bytes:
        return str(int(value or b"0") + 1).encode()

    async def count(process: Process) -> None:
        for _ in range(25):
            await process.keys.update("count", one_more, tries=200)

    async with asyncio.TaskGroup() as group:
        for each in (anna, ben, anna, ben):
            group.create_task(count(each))
    entry = await anna.keys.get("count")

    assert entry is not None
    assert entry.value == b"100"


async def test_an_update_works_on_what_others_wrote_last(backend: MemoryBackend, ben: Process) -> None:
    trouble = Trouble()
    await ben.keys.put("list", b"a")
    seen: list[bytes | None] = []

    def add(value: bytes | None) -> bytes:
        seen.append(value)
        return (value or b"") + b"+anna"

    async def meddle_once(_: str) -> None:
        trouble.after_reading = None
        await ben.keys.put("list", b"b")

    trouble.after_reading = meddle_once
    async with process(TroubledBackend(backend, trouble), backend.clock, "anna") as anna:
        entry = await anna.keys.update("list", add)

    assert seen == [b"a", b"b"]
    assert entry is not None
    assert entry.value == b"b+anna"


async def test_an_update_that_always_loses_gives_up_in_words(backend: MemoryBackend, ben: Process) -> None:
    trouble = Trouble()
    turns = 0

    async def meddle(_: str) -> None:
        nonlocal turns
        turns += 1
        await ben.keys.put("hot", str(turns).encode())

    trouble.after_reading = meddle
    async with process(TroubledBackend(backend, trouble), backend.clock, "anna") as anna:
        with pytest.raises(KeyChanged, match="hot was changed by others 3 times"):
            await anna.keys.update("hot", lambda _: b"mine", tries=3)
    entry = await ben.keys.get("hot")
    assert entry is not None
    assert entry.value == b"3"


async def test_an_update_whose_answer_is_lost_is_not_done_twice(backend: MemoryBackend) -> None:
    trouble = Trouble()
    trouble.lose_next_answer_of = "put"
    async with process(TroubledBackend(backend, trouble), backend.clock) as anna:
        with pytest.raises(CoordinationUnavailable) as lost:
            await anna.keys.update("count", lambda value: (value or b"") + b"I")
        entry = await anna.keys.get("count")

    assert lost.value.maybe_done
    assert entry is not None
    assert entry.value == b"I"


async def test_an_update_to_nothing_removes_the_key(anna: Process) -> None:
    await anna.keys.put("gone", b"soon")

    assert await anna.keys.update("gone", lambda _: None) is None
    assert await anna.keys.get("gone") is None


async def test_an_update_to_nothing_removes_only_what_it_saw(backend: MemoryBackend, ben: Process) -> None:
    trouble = Trouble()
    await ben.keys.put("list", b"")

    async def meddle_once(_: str) -> None:
        trouble.after_reading = None
        await ben.keys.put("list", b"ben")

    trouble.after_reading = meddle_once
    async with process(TroubledBackend(backend, trouble), backend.clock, "anna") as anna:
        entry = await anna.keys.update("list", lambda value: value or None)

    assert entry is not None
    assert entry.value == b"ben"


async def test_an_update_lets_an_expiring_key_expire(anna: Process, backend: MemoryBackend) -> None:
    await anna.keys.put("short", b"1", expires=timedelta(seconds=60))
    await backend.clock.advance(timedelta(seconds=20))  # type: ignore[attr-defined]

    entry = await anna.keys.update("short", lambda _: b"2")

    assert entry is not None
    assert entry.left == timedelta(seconds=40)
    await backend.clock.advance(timedelta(seconds=41))  # type: ignore[attr-defined]
    assert await anna.keys.get("short") is None


async def test_an_expiry_is_never_dropped_silently(anna: Process) -> None:
    with pytest.raises(CoordinationError, match=r"0\.001 s"):
        await anna.keys.put("too short", b"", expires=timedelta(microseconds=1))
    assert await anna.keys.get("too short") is None


async def test_a_write_with_an_outdated_lease_is_refused_before_and_by_the_store(anna: Process, ben: Process) -> None:
    refused = []

    async def lose_it() -> None:
        async with anna.coordination.lock("deploy", cancel_on_loss=False) as lease:
            await anna.keys.put("release", b"1", fence=lease)
            await ben.coordination.force_release("deploy", lease.token, reason="it hangs")
            for fencing in (lease, Unaware(lease.fence)):
                try:
                    await anna.keys.put("release", b"2", fence=fencing)
                except LeaseLost as error:
                    refused.append(error.reason)

    with pytest.raises(LeaseLost):
        await lose_it()
    assert refused == ["revoked", "expired"]
    entry = await ben.keys.get("release")
    assert entry is not None
    assert entry.value == b"1"


async def test_a_key_is_written_only_if_nobody_changed_it(anna: Process, ben: Process) -> None:
    first = await anna.keys.put("k", b"1", expected=ABSENT)
    await ben.keys.put("k", b"2", expected=first)

    with pytest.raises(KeyChanged):
        await anna.keys.put("k", b"3", expected=first)
    with pytest.raises(KeyChanged):
        await anna.keys.delete("k", expected=first)
    with pytest.raises(KeyChanged):
        await anna.keys.put("k", b"3", expected=ABSENT)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 300, "\ud800"])
async def test_names_that_no_backend_takes_are_refused_before_anything_is_asked(anna: Process, name: str) -> None:
    with pytest.raises(CoordinationError):
        await anna.keys.put(name, b"")


async def test_values_that_not_every_backend_takes_are_refused(anna: Process) -> None:
    with pytest.raises(CoordinationError, match="262,145 bytes"):
        await anna.keys.put("large", b"x" * (256 * 1024 + 1))


async def test_what_is_done_by_hand_is_noted_without_the_value(anna: Process) -> None:
    await anna.keys.put("quiet", b"1")
    revision = await anna.keys.put("colour", b"very private", reason="asked by mail")
    await anna.keys.delete("colour", reason="done")

    assert anna.events == [
        ("key.written", "coordination:key/colour", {"reason": "asked by mail", "bytes": 12, "revision": revision}),
        ("key.deleted", "coordination:key/colour", {"reason": "done"}),
    ]


async def test_an_engine_that_only_looks_writes_no_key(backend: MemoryBackend) -> None:
    async with process(backend, backend.clock, habits=Habits(read_only=True)) as looking:
        with pytest.raises(ReadOnly):
            await looking.keys.put("k", b"")
        with pytest.raises(ReadOnly):
            await looking.keys.delete("k")
        with pytest.raises(ReadOnly):
            await looking.keys.update("k", lambda _: b"")
        assert await looking.keys.list() == []


async def test_watching_tells_what_there_is_then_what_changes(anna: Process, ben: Process) -> None:
    await anna.keys.put("a/1", b"1")
    await anna.keys.put("b/1", b"1")

    async with aclosing(anna.keys.watch("a/")) as changes:
        first, mark = await anext(changes), await anext(changes)
        await ben.keys.put("b/2", b"2")
        await ben.keys.put("a/2", b"2")
        added = await anext(changes)
        await ben.keys.delete("a/1")
        removed = await anext(changes)

    assert (first.key, mark) == ("a/1", SYNCED)
    assert added.entry is not None
    assert (added.key, added.entry.key, added.entry.value) == ("a/2", "a/2", b"2")
    assert removed == KeyChange(key="a/1")


async def test_a_watcher_hears_what_went_while_the_line_was_broken(backend: MemoryBackend, ben: Process) -> None:
    clock = backend.clock
    assert isinstance(clock, ManualClock)
    trouble = Trouble()
    await ben.keys.put("gone", b"")
    await ben.keys.put("kept", b"1")
    async with (
        process(TroubledBackend(backend, trouble), clock) as anna,
        aclosing(anna.keys.watch()) as changes,
    ):
        assert [(await anext(changes)).key for _ in range(3)] == ["gone", "kept", ""]
        trouble.away = True
        trouble.cut()
        await clock.settle()
        await ben.keys.delete("gone")
        await ben.keys.put("kept", b"2")
        trouble.away = False
        told = await clock.finish(_take(changes, 3))

    assert told[0] == KeyChange(key="gone")
    assert told[1].entry is not None
    assert (told[1].key, told[1].entry.value) == ("kept", b"2")
    assert told[2] == SYNCED


async def test_a_watcher_that_begins_while_others_write_is_told_of_each_state_once(
    backend: MemoryBackend, ben: Process
) -> None:
    async with (
        process(TroubledBackend(backend, Trouble()), backend.clock) as anna,
        aclosing(anna.keys.watch()) as changes,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(_write(ben, 100))
        told: list[KeyChange] = []
        while not told or told[-1].entry is None or told[-1].entry.value != b"99":
            told.append(await anext(changes))

    revisions = [change.entry.revision for change in told if change.entry is not None]
    assert revisions == sorted(set(revisions))


async def _write(process: Process, times: int) -> None:
    for number in range(times):
        await process.keys.put("k", str(number).encode())
        await asyncio.sleep(0)


async def _take(changes: AsyncGenerator[KeyChange, None], count: int) -> list[KeyChange]:
    return [await anext(changes) for _ in range(count)]


class Unaware:
    """A holder that does not know yet that it lost its lease."""

    def __init__(self, fence: Fence) -> None:
        self.fence = fence

    def check(self) -> Token:
        return self.fence.token
