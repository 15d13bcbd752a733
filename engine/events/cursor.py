"""Cursors: how far somebody has read, as go-sync-kit v0.16 writes it on the wire.

    {"kind": "integer", "data": 12345}             a position in one node's log, 0 (the start) to 2^64 - 1
    {"kind": "vector",  "data": {"berlin-1~…": 75}}  the newest seq known of each origin, in any log
    {}                                              the start

At most 64 KiB of JSON. `data_kind` may name an encoding of `data`; all that are known are plain JSON, and so is every
other one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.errors import ReplicationRefused
from engine.events.event import Origin
from engine.events.vector import LARGEST_SEQ, LONGEST_ORIGIN, MOST_ORIGINS, Order, Vector
from engine.events.vector import compare as compare_vectors

LARGEST_BYTES = 64 * 1024
LARGEST_INTEGER = 2**64 - 1


class IntegerCursor(msgspec.Struct, frozen=True):
    """Everything up to a position of one node's log; means nothing in another's."""

    position: int = 0


class VectorCursor(msgspec.Struct, frozen=True):
    """Everything up to a seq of each origin; means the same in every log."""

    vector: Vector = {}


Cursor = IntegerCursor | VectorCursor

START = IntegerCursor(0)


class WireCursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cursor as JSON has it."""

    kind: str = ""
    data: msgspec.Raw = msgspec.Raw()
    data_kind: str = ""


def parse(content: bytes | str) -> Cursor:
    """Read a cursor from the wire; nothing, `{}` and a bare decimal number are taken as well.

    Raises `ReplicationRefused`: `too_large`, `unknown_kind` or `malformed`.
    """
    packed = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    if len(packed) > LARGEST_BYTES:
        raise ReplicationRefused(
            f"The cursor has {len(packed):,} bytes; at most {LARGEST_BYTES:,} are taken. Ask with an integer cursor.",
            kind="too_large",
        )
    if not packed.strip():
        return START
    if packed.strip().isdigit():
        return _integer(msgspec.Raw(packed.strip().lstrip(b"0") or b"0"))
    return from_wire(_decoded(packed, WireCursor, "The cursor is"))


def from_wire(wire: WireCursor | None) -> Cursor:
    """Return what a cursor inside a larger message means; None is the start. Raises as `parse` does."""
    if wire is None or not (wire.kind or bytes(wire.data)):
        return START
    if len(bytes(wire.data)) > LARGEST_BYTES:
        raise ReplicationRefused(f"The cursor has more than {LARGEST_BYTES:,} bytes.", kind="too_large")
    read = _READERS.get(wire.kind)
    if read is None:
        raise ReplicationRefused(
            f'A cursor of the kind "{wire.kind[:40]}" is not known here; known: {", ".join(sorted(_READERS))}.',
            kind="unknown_kind",
        )
    return read(wire.data)


def to_wire(cursor: Cursor) -> WireCursor:
    """Return a cursor as part of a message."""
    match cursor:
        case IntegerCursor():
            return WireCursor(kind="integer", data=msgspec.Raw(b"%d" % cursor.position))
        case VectorCursor():
            return WireCursor(kind="vector", data=msgspec.Raw(msgspec.json.encode(cursor.vector, order="sorted")))


def text_of(cursor: Cursor) -> str:
    """Return a cursor as JSON text that `parse` reads."""
    return msgspec.json.encode(to_wire(cursor)).decode()


def compare(one: Cursor, other: Cursor) -> Order:
    """Return how one cursor stands to another. Raises `ReplicationRefused` for two kinds: there is no answer."""
    match one, other:
        case IntegerCursor(), IntegerCursor():
            if one.position == other.position:
                return Order.EQUAL
            return Order.BEFORE if one.position < other.position else Order.AFTER
        case VectorCursor(), VectorCursor():
            return compare_vectors(one.vector, other.vector)
        case _:
            raise ReplicationRefused(
                "An integer cursor cannot be compared with a vector: it counts one node's log. Use the same kind.",
                kind="malformed",
            )


def checked_vector(vector: Mapping[str, int]) -> Vector:
    """Return a vector from outside without its zeros. Raises `ReplicationRefused`: `malformed`, `too_large`."""
    if len(vector) > MOST_ORIGINS:
        raise ReplicationRefused(
            f"The vector names {len(vector):,} origins; at most {MOST_ORIGINS:,} are taken.", kind="too_large"
        )
    for origin, seq in vector.items():
        if not 0 < len(origin) <= LONGEST_ORIGIN:
            raise ReplicationRefused(
                f'The vector names the origin "{origin[:40]}" of {len(origin)} characters; '
                f"1 to {LONGEST_ORIGIN} are allowed.",
                kind="malformed",
            )
        if not 0 <= seq <= LARGEST_SEQ:
            raise ReplicationRefused(
                f"The vector has {seq} for {origin}; a seq is a number from 0 to 2^63 - 1.", kind="malformed"
            )
    return {Origin(origin): seq for origin, seq in vector.items() if seq}


def _integer(data: msgspec.Raw) -> IntegerCursor:
    position = _decoded(data, int, "The integer cursor's data is")
    if not 0 <= position <= LARGEST_INTEGER:
        raise ReplicationRefused(
            f"The integer cursor is {position}; a position is a number from 0 to 2^64 - 1.", kind="malformed"
        )
    return IntegerCursor(position)


def _vector(data: msgspec.Raw) -> VectorCursor:
    return VectorCursor(checked_vector(_decoded(data, dict[str, int], "The vector cursor's data is")))


_READERS: Mapping[str, Callable[[msgspec.Raw], Cursor]] = {"integer": _integer, "vector": _vector}


def _decoded(content: bytes | msgspec.Raw, type_: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(content, type=type_)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ReplicationRefused(f"{what} not as expected: {error}", kind="malformed") from error
