"""Messages as bytes: everything comes back as it went, and nothing else comes through."""

from __future__ import annotations

import struct
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ReplicationRefused
from engine.events.event import Dot, Origin
from engine.events.replicating import wire
from engine.events.replicating.messages import (
    PROTOCOL,
    Batch,
    ChainQuestion,
    Chains,
    Digest,
    DigestQuestion,
    Fault,
    GapQuestion,
    Gaps,
    Greeting,
    Head,
    Hello,
    Identity,
    Item,
    Limits,
    Pull,
    Receipt,
    Refusal,
    Selection,
    Skip,
    Span,
)

DESK = Origin("desk~00000001")
EVENT = Item(DESK, 1, "id-1", "user.changed", "user:1", '{"name":"Zoë"}', "{}", "{}", 5 << 16, bytes(32))
MESSAGES: list[msgspec.Struct] = [
    Hello(identity=Identity(node="desk", origin=DESK), heads={DESK: Head(3, bytes(32))}, common={DESK: 2}),
    Greeting(
        identity=Identity(node="hub", origin=DESK, instance="x"), forks={DESK: 3}, limits=Limits(items=5), gaps="g"
    ),
    Pull(vector={DESK: 2**63 - 1}, wanted=Selection(types=("user.*",)), spans=(Span(DESK, 1, 2),)),
    Batch(items=(EVENT, Skip(DESK, 2, 9, bytes(32))), vector={DESK: 9}, more=True),
    Receipt(vector={DESK: 9}, taken=1, refusals=(Refusal(origin=DESK, seq=2, kind="gap", sentence="Why."),)),
    GapQuestion(after=Dot(DESK, 4), limit=10),
    Gaps(spans=(Span(DESK, 1, 2),), digest="d"),
    ChainQuestion(dots=(Dot(DESK, 1),)),
    Chains(chains=(b"", bytes(32))),
    DigestQuestion(buckets=(1, 2)),
    Digest(vector={DESK: 1}, sums=("00",), aggregates={"user:1": "ff"}),
    Fault(kind="busy", error="Later.", detail={"a": [1, None]}),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_went(message: msgspec.Struct) -> None:
    assert wire.decode(wire.encode(message), type(message)) == message


def test_every_message_has_a_word_and_is_tried_here() -> None:
    assert {type(message) for message in MESSAGES} == set(wire.WORDS)
    assert len(set(wire.WORDS.values())) == len(wire.WORDS)


def test_another_version_is_refused_by_its_number() -> None:
    frame = msgspec.msgpack.encode((PROTOCOL + 1, "pull", {}))

    with pytest.raises(ReplicationRefused, match=f"speaks protocol {PROTOCOL + 1}, this node speaks {PROTOCOL}") as no:
        wire.decode(frame, Pull)
    assert no.value.kind == "protocol"


def test_another_message_is_refused_by_its_word() -> None:
    with pytest.raises(ReplicationRefused, match="A 'receipt' came where a 'pull' was expected"):
        wire.decode(wire.encode(Receipt(vector={})), Pull)


def test_a_frame_beyond_the_limit_is_not_looked_at() -> None:
    with pytest.raises(ReplicationRefused) as refused:
        wire.decode(bytes(101), Pull, most_bytes=100)
    assert refused.value.kind == "too_large"


def outcome(data: bytes, kind: type[msgspec.Struct]) -> str:
    """Return what becomes of some bytes: `value`, or the kind of refusal. Whatever else is raised fails the test."""
    try:
        message = wire.decode(data, kind)
    except ReplicationRefused as refused:
        return refused.kind if str(refused) else "refused without words"
    return "value" if isinstance(message, kind) else "something else"


@given(st.binary(max_size=200), st.sampled_from(MESSAGES))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_in_words(data: bytes, message: msgspec.Struct) -> None:
    assert outcome(data, type(message)) in {"malformed", "protocol"}


@given(st.sampled_from(MESSAGES), st.data())
@settings(max_examples=400, deadline=None)
def test_a_damaged_frame_is_a_value_or_a_refusal(message: msgspec.Struct, data: st.DataObject) -> None:
    frame = bytearray(wire.encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(frame) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                frame[place] = data.draw(st.integers(0, 255))
            case 1:
                del frame[place:]
                frame += b"\xc0"
            case 2:
                frame[place:place] = data.draw(st.binary(max_size=6))
            case _:
                frame[place : place + 1] = data.draw(
                    st.sampled_from([b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff"])
                )
    assert outcome(bytes(frame), type(message)) in {"value", "malformed", "protocol", "too_large"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from(MESSAGES),
)
@settings(max_examples=200, deadline=None)
def test_wrong_types_are_a_value_or_a_refusal(body: object, message: msgspec.Struct) -> None:
    frame = msgspec.msgpack.encode((PROTOCOL, wire.WORDS[type(message)], body))

    assert outcome(frame, type(message)) in {"value", "malformed"}


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"], ids=["arrays", "maps"])
def test_deep_nesting_is_refused(opening: bytes) -> None:
    frame = b"\x93\x01\xa5fault\x81\xa6detail" + opening * 200_000 + b"\xc0"

    assert outcome(frame, Fault) == "malformed"


@pytest.mark.parametrize("field", [b"\xa5items\xdd", b"\xa6vector\xdf", b"\xa5items\xc6", b"\xa6vector\xdb"])
def test_a_frame_that_promises_more_than_it_holds_takes_no_memory(field: bytes) -> None:
    frame = b"\x93\x01\xa5batch\x81" + field + struct.pack(">I", 2**32 - 1) + b"\x01" * 50

    tracemalloc.start()
    try:
        assert outcome(frame, Batch) == "malformed"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_more_parts_than_a_message_may_have_are_refused_before_they_are_read() -> None:
    frame = wire.encode(Batch(items=(Skip(DESK, 1, 1, b""),) * 200_000))

    tracemalloc.start()
    try:
        assert outcome(frame, Batch) == "malformed"
        assert tracemalloc.get_traced_memory()[1] < 2 * len(frame)
    finally:
        tracemalloc.stop()
