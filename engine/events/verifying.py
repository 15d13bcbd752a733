"""Computing a log's chains again, and saying what is broken where a link does not hold.

Pure: rows in, findings out. An event's chain covers everything in it, so *that* an event changed is certain; *what* of
it changed is found by trying: one changed byte, the usual harvest of a bad disk, shows where it is when the chain holds
again with another byte in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain, pairwise
from typing import Any, NamedTuple, cast

import msgspec

from engine.events.chain import BEFORE_FIRST, hashed, header, link


class Part(StrEnum):
    """What of an event is not as it was written."""

    PAYLOAD = "payload"
    """Its data or metadata, or the hashes that stand for them."""
    HEADER = "header"
    """Its id, type, aggregate, origin, seq, context or time."""
    CONTENT = "payload or header"
    """More than one byte of it."""
    CHAIN = "chain"
    """Its own link: everything else of it is whole."""
    PREDECESSOR = "predecessor"
    """The event before it, or the mark of left out events, is missing or another one."""
    MARK = "mark of left out events"
    FILE = "file"
    """The page it is on cannot be read."""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Where a history does not hold."""

    origin: str
    seq: int
    position: int
    """0 where no event is."""
    part: Part
    sentence: str


class Link(NamedTuple):
    """A row of the log as it lies there, texts as bytes: nothing about it is believed."""

    position: int
    id: bytes
    type: bytes
    aggregate: bytes
    data: bytes
    metadata: bytes
    seq: int
    context: bytes
    hlc: int
    chain: bytes
    hashes: bytes | None


class Mark(NamedTuple):
    """Events `first` to `last` of an origin are left out; `chain` is that of the last."""

    first: int
    last: int
    chain: bytes


def computed(origin: str, previous: bytes, row: Link) -> bytes | None:
    """Return the chain that an event has after this predecessor; None if it cannot have any."""
    try:
        hashes = row.hashes or hashed(row.data) + hashed(row.metadata)
        head = header(
            row.id.decode(),
            row.type.decode(),
            row.aggregate.decode(),
            (origin, row.seq),
            msgspec.Raw(row.context),
            row.hlc,
        )
        return link(previous, hashes, head)
    except (TypeError, ValueError, AttributeError):  # a number where a text was, bytes that are no UTF-8
        return None


def walk(
    origin: str, parts: Iterable[Link | Mark], start: int = 1, before: bytes | None = BEFORE_FIRST
) -> Iterator[Break]:
    """Go along an origin's events and marks, ascending, and yield where its history does not hold.

    `before` is the chain at `start` - 1; None: not known, then the first link is taken as it is.
    """
    expected, previous, broken = start, before, False
    pairs = pairwise(chain(parts, (None,)))
    for part, following in cast(Iterator[tuple[Link | Mark, Link | Mark | None]], pairs):
        first = part.first if isinstance(part, Mark) else part.seq
        if first != expected:
            yield _misplaced(origin, part, expected)
            previous = None
        if isinstance(part, Mark):
            expected, previous = max(expected, part.last + 1), part.chain
            continue
        right = part.chain if previous is None else computed(origin, previous, part)
        if right == part.chain or previous is None:
            previous = part.chain
        else:
            found = _fault(origin, previous, part, following, search=not broken)
            yield found
            broken = True
            previous = right if found.part is Part.CHAIN else part.chain
        expected = part.seq + 1


def _misplaced(origin: str, part: Link | Mark, expected: int) -> Break:
    """Return what to say of a part that does not begin where the one before ended."""
    seq, position = (part.first, 0) if isinstance(part, Mark) else (part.seq, part.position)
    if seq < expected:
        told = f"Event {origin}#{seq} is marked as left out, and is here as well."
        return Break(origin=origin, seq=seq, position=position, part=Part.MARK, sentence=told)
    missing = f"event {expected} is" if expected == seq - 1 else f"events {expected} to {seq - 1} are"
    told = f"Before event {origin}#{seq}, {missing} missing."
    return Break(origin=origin, seq=seq, position=position, part=Part.PREDECESSOR, sentence=told)


def _fault(origin: str, previous: bytes, row: Link, following: Link | Mark | None, *, search: bool) -> Break:
    """Return what to say of an event whose chain is not what it should be."""
    own = computed(origin, previous, row)
    part, told = Part.CONTENT, f"Event {origin}#{row.seq} is not what was written."
    if own and isinstance(following, Link) and computed(origin, own, following) == following.chain:
        part, told = Part.CHAIN, f"Event {origin}#{row.seq} is whole, but its chain was changed."
    elif search:
        part, told = located(origin, previous, row)
    return Break(origin=origin, seq=row.seq, position=row.position, part=part, sentence=told)


_FIELDS: Mapping[str, Part] = {
    "data": Part.PAYLOAD,
    "metadata": Part.PAYLOAD,
    "hashes": Part.PAYLOAD,
    "id": Part.HEADER,
    "type": Part.HEADER,
    "aggregate": Part.HEADER,
    "context": Part.HEADER,
}

_LONGEST_TRIED = 1_000
"""Bytes of a field: a quarter of a million hashes, half a second."""


def located(origin: str, previous: bytes, row: Link) -> tuple[Part, str]:
    """Return what of an event was changed, and a sentence about it."""
    for bit in range(63):
        if computed(origin, previous, row._replace(hlc=row.hlc ^ 1 << bit)) == row.chain:
            return Part.HEADER, f"Event {origin}#{row.seq} is not what was written: its time was changed."
    for name, part in _FIELDS.items():
        value = getattr(row, name)
        if isinstance(value, bytes) and len(value) <= _LONGEST_TRIED:
            place = _changed_byte(origin, previous, row, name)
            if place is not None:
                return (
                    part,
                    f"Event {origin}#{row.seq} is not what was written: byte {place} of its {name} was changed.",
                )
    if _changed_byte_of_predecessor(origin, previous, row):
        return Part.PREDECESSOR, f"Event {origin}#{row.seq} is whole, but the chain before it was changed."
    return Part.CONTENT, f"Event {origin}#{row.seq} is not what was written."


def _changed_byte(origin: str, previous: bytes, row: Link, name: str) -> int | None:
    value: bytes = getattr(row, name)
    tried: dict[str, Any] = {}
    for place, there in enumerate(value):
        for byte in range(256):
            if byte == there:
                continue
            tried[name] = value[:place] + bytes([byte]) + value[place + 1 :]
            if computed(origin, previous, row._replace(**tried)) == row.chain:
                return place
    return None


def _changed_byte_of_predecessor(origin: str, previous: bytes, row: Link) -> bool:
    return any(
        computed(origin, previous[:place] + bytes([byte]) + previous[place + 1 :], row) == row.chain
        for place in range(len(previous))
        for byte in range(256)
    )
