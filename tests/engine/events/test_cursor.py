"""Cursors in the kit's wire form: what is read, what is refused, and how two stand to each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json

from engine.errors import ReplicationRefused
from engine.events.cursor import (
    LARGEST_BYTES,
    START,
    Cursor,
    IntegerCursor,
    VectorCursor,
    WireCursor,
    checked_vector,
    compare,
    from_wire,
    parse,
    text_of,
)
from engine.events.event import Origin
from engine.events.vector import LARGEST_SEQ, LONGEST_ORIGIN, MOST_ORIGINS, Order

A, B = Origin("a~00000001"), Origin("b~00000001")

vectors = st.dictionaries(st.sampled_from([A, B, Origin("c")]), st.integers(1, LARGEST_SEQ)).map(VectorCursor)
cursors: st.SearchStrategy[Cursor] = st.integers(0, 2**64 - 1).map(IntegerCursor) | vectors


@settings(max_examples=200)
@given(cursors)
def test_what_is_written_reads_back(cursor: Cursor) -> None:
    assert parse(text_of(cursor)) == cursor


@pytest.mark.parametrize(
    ("wire", "cursor"),
    {
        "an integer": ('{"kind": "integer", "data": 12345}', IntegerCursor(12345)),
        "the largest integer": ('{"kind": "integer", "data": 18446744073709551615}', IntegerCursor(2**64 - 1)),
        "a vector": ('{"kind": "vector", "data": {"node": 75}}', VectorCursor({Origin("node"): 75})),
        "a vector with a nought": (
            '{"kind": "vector", "data": {"a": 0, "node": 75}}',
            VectorCursor({Origin("node"): 75}),
        ),
        "an empty vector": ('{"kind": "vector", "data": {}}', VectorCursor()),
        "no cursor": ("", START),
        "an empty cursor": ("{}", START),
        "a bare number": ("42", IntegerCursor(42)),
        "a number with noughts before it": ("0007", IntegerCursor(7)),
        "an encoding that nobody knows": ('{"kind": "integer", "data": 1, "data_kind": "x-new"}', IntegerCursor(1)),
        "a field that nobody knows": ('{"kind": "integer", "data": 1, "more": [1]}', IntegerCursor(1)),
    }.values(),
)
def test_the_kits_forms_are_read(wire: str, cursor: Cursor) -> None:
    assert parse(wire) == cursor


@pytest.mark.parametrize(
    ("wire", "kind", "words"),
    {
        "an unknown kind": ('{"kind": "hybrid", "data": 1}', "unknown_kind", 'kind "hybrid" is not known here'),
        "data without a kind": ('{"data": 1}', "unknown_kind", 'kind "" is not known'),
        "a kind without data": ('{"kind": "integer"}', "malformed", "integer cursor's data is not as expected"),
        "null for a number": ('{"kind": "integer", "data": null}', "malformed", "Expected `int`, got `null`"),
        "null for a vector": ('{"kind": "vector", "data": null}', "malformed", "Expected `object`, got `null`"),
        "a negative number": ('{"kind": "integer", "data": -1}', "malformed", "from 0 to 2^64 - 1"),
        "a number too large": ('{"kind": "integer", "data": 18446744073709551616}', "malformed", "2^64 - 1"),
        "a bare number too large": ("9" * 30, "malformed", "integer cursor"),
        "a fraction": ('{"kind": "integer", "data": 1.5}', "malformed", "Expected `int`"),
        "true": ('{"kind": "integer", "data": true}', "malformed", "Expected `int`"),
        "a text as a seq": ('{"kind": "vector", "data": {"a": "1"}}', "malformed", "Expected `int`"),
        "a negative seq": ('{"kind": "vector", "data": {"a": -1}}', "malformed", "-1 for a; a seq is"),
        "a seq beyond the log's": ('{"kind": "vector", "data": {"a": 9223372036854775808}}', "malformed", "2^63 - 1"),
        "a nameless origin": ('{"kind": "vector", "data": {"": 1}}', "malformed", "of 0 characters"),
        "a list": ("[1]", "malformed", "not as expected"),
        "cut in the middle": ('{"kind": "vec', "malformed", "not as expected"),
        "not text": (b"\xff\xfe\xfd", "malformed", "not as expected"),
        "nested without end": ('{"kind": "vector", "data": ' + "[" * 20_000, "malformed", "not as expected"),
        "too many bytes": ('{"kind": "integer", "data": 1' + " " * LARGEST_BYTES + "}", "too_large", "65,536"),
    }.values(),
)
def test_what_cannot_be_a_cursor_is_refused_in_words(wire: str | bytes, kind: str, words: str) -> None:
    with pytest.raises(ReplicationRefused, match=r"^.{20,}") as refused:
        parse(wire)

    assert refused.value.kind == kind
    assert words in str(refused.value)


def test_a_vector_of_too_many_or_too_long_names_is_refused() -> None:
    with pytest.raises(ReplicationRefused, match="4,097 origins"):
        checked_vector({f"n{number}": 1 for number in range(MOST_ORIGINS + 1)})
    with pytest.raises(ReplicationRefused, match="of 129 characters"):
        checked_vector({"n" * (LONGEST_ORIGIN + 1): 1})


def test_a_cursor_inside_a_message_is_held_to_the_same_limit() -> None:
    with pytest.raises(ReplicationRefused, match="more than 65,536 bytes"):
        from_wire(json.decode(b'{"kind": "vector", "data": {"a": 1%s}}' % (b" " * LARGEST_BYTES), type=WireCursor))


@pytest.mark.parametrize(
    ("one", "other", "order"),
    {
        "the same place": (IntegerCursor(9), IntegerCursor(9), Order.EQUAL),
        "nine and ten, which are not texts": (IntegerCursor(9), IntegerCursor(10), Order.BEFORE),
        "vectors by their numbers": (VectorCursor({A: 10}), VectorCursor({A: 9}), Order.AFTER),
        "vectors of different origins": (VectorCursor({A: 1}), VectorCursor({B: 5}), Order.CONCURRENT),
        "each knows something": (VectorCursor({A: 2, B: 1}), VectorCursor({A: 1, B: 2}), Order.CONCURRENT),
        "an origin at nought": (VectorCursor({A: 0}), VectorCursor({}), Order.EQUAL),
        "more origins": (VectorCursor({A: 1}), VectorCursor({A: 1, B: 1}), Order.BEFORE),
    }.values(),
)
def test_cursors_compare_with_four_answers(one: Cursor, other: Cursor, order: Order) -> None:
    opposite = {Order.BEFORE: Order.AFTER, Order.AFTER: Order.BEFORE}

    assert compare(one, other) is order
    assert compare(other, one) is opposite.get(order, order)


def test_two_kinds_have_no_order() -> None:
    with pytest.raises(ReplicationRefused, match="cannot be compared"):
        compare(IntegerCursor(1), VectorCursor({A: 1}))
