"""What is exported comes in again, on any node, once; what was changed on the way does not."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import EventRefused
from engine.events.event import NewEvent, Origin
from engine.events.replicating import transfer
from engine.events.replicating.messages import Item, Selection, Skip
from engine.events.replicating.ndjson import from_line, to_line
from engine.events.replicating.transfer import Imported, export, import_lines
from tests.doubles.clock import ManualClock
from tests.doubles.replica import MemoryReplica
from tests.doubles.replica_memory import Memory

ALL = Selection()


def node(name: str) -> MemoryReplica:
    numbers = iter(range(10_000))
    return MemoryReplica(
        memory=Memory(node=name, own=Origin(f"{name}~00000001")),
        clock=ManualClock(),
        new_id=lambda: f"{name}-{next(numbers)}",
        new_origin=lambda old: Origin(f"{old}x"),
    )


async def filled(name: str, count: int = 6) -> MemoryReplica:
    replica = node(name)
    await replica.append(
        [
            NewEvent(type=("user.changed", "order.placed")[n % 2], aggregate_id=f"user:{n % 3}", data={"n": n})
            for n in range(count)
        ]
    )
    return replica


async def lines_of(replica: MemoryReplica, wanted: Selection = ALL) -> list[bytes]:
    return [line async for line in export(replica, wanted)]


async def take(replica: MemoryReplica, lines: Iterable[bytes]) -> Imported:
    done = Imported()
    async for done in import_lines(replica, lines):  # noqa: B007 - the last one counts
        pass
    return done


async def test_an_export_makes_the_same_log_elsewhere() -> None:
    here, there = await filled("berlin"), node("hamburg")
    lines = await lines_of(here)

    assert await take(there, lines) == Imported(lines=6, events=6)
    assert await lines_of(there) == lines


async def test_importing_twice_changes_nothing() -> None:
    here, there = await filled("berlin"), node("hamburg")
    lines = await lines_of(here)
    await take(there, lines)

    assert await take(there, lines) == Imported(lines=6, events=0)


async def test_an_import_that_was_cut_off_goes_on_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BATCH", 2)
    here, there = await filled("berlin"), node("hamburg")
    lines = await lines_of(here)
    await anext(import_lines(there, lines))

    assert there.vector() == {"berlin~00000001": 2}
    assert await take(there, lines) == Imported(lines=6, events=4)


async def test_what_is_not_wanted_leaves_a_mark_and_the_rest_can_be_imported() -> None:
    here, there = await filled("berlin"), node("hamburg")
    lines = await lines_of(here, Selection(types=("user.*",)))
    parts = [from_line(line) for line in lines]

    assert [part.seq for part in parts if isinstance(part, Item)] == [1, 3, 5]
    assert (await take(there, lines)).events == 3
    assert there.vector() == here.vector()


async def test_a_redacted_event_travels_without_its_payload() -> None:
    here, there = await filled("berlin"), node("hamburg")
    (dot, *_) = here.memory.positions
    here.memory.redact(dot)
    lines = await lines_of(here)
    await take(there, lines)

    assert b'"hashes"' in lines[0]
    assert b'"data"' not in lines[0]
    assert await lines_of(there) == lines


def changed(line: bytes) -> bytes:
    return line.replace(b'"n":3', b'"n":4')


@pytest.mark.parametrize(
    ("spoil", "words"),
    {
        "changed data": (changed, "Line 4 was not taken: Event 4 of berlin~00000001 does not continue the history"),
        "a space more": (lambda line: line.replace(b'{"n":3', b'{ "n":3'), "Line 4 was not taken"),
        "no JSON": (lambda line: line[:-5], "Line 4 cannot be read: it is no exported event"),
        "another object": (lambda line: b'{"hello": "world"}', "Line 4 cannot be read: it is no exported event"),
        "no data": (lambda line: line.replace(b'"data":{"n":3},', b""), "an event that is not redacted has `data`"),
        "an impossible seq": (lambda line: line.replace(b'"seq":4', b'"seq":0'), "Line 4 was not taken: The peer sent"),
        "an empty aggregate": (lambda line: line.replace(b'"user:0"', b'""'), "Line 4 was not taken"),
        "no hexadecimal chain": (lambda line: line.replace(b'"chain":"', b'"chain":"x'), "Line 4 cannot be read"),
    }.values(),
)
async def test_a_line_that_cannot_be_taken_is_named_and_those_before_it_are_kept(spoil, words: str) -> None:  # type: ignore[no-untyped-def]
    here, there = await filled("berlin"), node("hamburg")
    lines = await lines_of(here)
    lines[3] = spoil(lines[3])

    with pytest.raises(EventRefused) as refused:
        await take(there, lines)

    assert words in str(refused.value)
    assert there.vector() == {"berlin~00000001": 3}


async def test_a_missing_line_is_noticed_at_the_next_one() -> None:
    here, there = await filled("berlin"), node("hamburg")
    lines = await lines_of(here)

    with pytest.raises(EventRefused, match=r"Line 3 was not taken: Events 3 to 3 of berlin~00000001 are missing"):
        await take(there, lines[:2] + lines[3:])


async def test_empty_lines_are_nothing() -> None:
    here, there = await filled("berlin", 2), node("hamburg")
    first, second = await lines_of(here)

    assert await take(there, [b"\n", first, b"", second, b"  \n"]) == Imported(lines=2, events=2)


texts = st.text(max_size=8)
json_texts = st.recursive(st.none() | st.integers() | texts, lambda some: st.lists(some, max_size=2), max_leaves=4).map(
    lambda value: msgspec.json.encode(value).decode()
)
items = st.builds(
    Item,
    texts.map(Origin),
    st.integers(1, 2**63 - 1),
    texts,
    texts,
    texts,
    json_texts,
    json_texts,
    json_texts,
    st.integers(0, 2**63 - 1),
    st.binary(max_size=32),
)
skips = st.builds(Skip, texts.map(Origin), st.integers(1, 9), st.integers(1, 9), st.binary(max_size=32))


@settings(max_examples=100)
@given(items | skips)
def test_a_line_reads_back_as_what_was_written(part: Item | Skip) -> None:
    assert from_line(to_line(part)) == part


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(line: bytes) -> None:
    with pytest.raises(EventRefused, match="no exported event"):
        from_line(line)


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(EventRefused, match="no event has more than"):
        from_line(b" " * (16 * 1024 * 1024 + 1))
    with pytest.raises(EventRefused, match="no exported event"):
        from_line(b'{"data": ' + b"[" * 100_000)
