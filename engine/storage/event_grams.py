"""Which texts occur where in the log, coarsely: so that a search looks only where it may find something.

The log is cut into segments of 8,192 positions, a segment into 512 blocks of 16. For each run of three characters that
occurs in a segment (a *gram*; ASCII, letter case folded, of types, aggregates, data and metadata) the index holds in
which blocks. A text can only occur in the blocks that have all its grams; these few are then looked through as the
whole log would be, so the index decides nothing but where to look. Segments are indexed once they are full, behind the
writer; the rest of the log is walked.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import Any

SEGMENT = 8_192
BLOCK = 16
BLOCKS = SEGMENT // BLOCK
_BITMAP_BYTES = BLOCKS // 8

MOST_GRAMS = 16
"""Of a long text so many, spread over it, tell nearly as much as all; from its end, where names have their numbers."""

Span = tuple[int, int]
"""First and last position."""

_PLACES = (0, 1, 2) if sys.byteorder == "little" else (3, 2, 1)
"""Of a gram's bytes in a number of four: the same numbers in the file whatever the machine."""

_PLAIN = re.compile(r"[ !#-\[\]-~]{3,}")
"""Characters that stand in JSON as they are: ASCII without quotes, backslashes and controls."""


def segment_of(position: int) -> int:
    """Return the segment that a position is in."""
    return position // SEGMENT


def forget_segment(connection: sqlite3.Connection, position: int) -> None:
    """Drop the index of the segment that a position is in: its events have changed. It is made anew later."""
    segment = segment_of(position)
    connection.execute("DELETE FROM event_indexed WHERE segment = ?", (segment,))
    connection.execute("DELETE FROM event_gram WHERE segment = ?", (segment,))


def grams_of(search: str) -> tuple[int, ...]:
    """Return grams that every event has in which this text occurs; none: the index cannot help."""
    runs = [run.encode().lower() for run in _PLAIN.findall(search)]
    inside = [run[place : place + 3] for run in reversed(runs) for place in range(len(run) - 3, -1, -1)]
    found = dict.fromkeys(gram for text in inside for gram in _grams(text))
    step = max(1, -(-len(found) // MOST_GRAMS))
    return tuple(found)[::step]


def blocks_query(grams: Sequence[int]) -> str:
    """Return the SELECT of (segment, blocks of each gram) for segments from ? to ? that have all these grams.

    One look-up a gram and segment, and none more in a segment once a gram is missing.
    """
    joins = [
        f"CROSS JOIN event_gram g{n} ON g{n}.segment = s.segment AND g{n}.gram = {gram}" for n, gram in enumerate(grams)
    ]
    blocks = ", ".join(f"g{n}.blocks" for n in range(len(grams)))
    return " ".join(("SELECT s.segment,", blocks, "FROM event_indexed s", *joins, "WHERE s.segment BETWEEN ? AND ?"))


INDEXED = "SELECT segment FROM event_indexed WHERE segment BETWEEN ? AND ?"


def narrowed(span: Span, indexed: Collection[int], blocks: Iterable[tuple[Any, ...]]) -> Iterator[Span]:
    """Yield the parts of a span, ascending, in which a text may occur, given what `INDEXED` and `blocks_query` found
    for its segments."""
    first, last = span
    bitmaps = {segment: reduce(and_, map(unpacked, each)) for segment, *each in blocks}
    for segment in range(segment_of(first), segment_of(last) + 1):
        whole = (segment * SEGMENT, segment * SEGMENT + SEGMENT - 1)
        parts = spans(segment, bitmaps.get(segment, 0)) if segment in indexed else (whole,)
        for start, end in parts:
            if end >= first and start <= last:
                yield max(start, first), min(end, last)


def index_segment(texts: Iterable[tuple[int, str]]) -> list[tuple[int, bytes]]:
    """Return (gram, blocks) of a segment's events, given as (position, text), by gram."""
    by_block: dict[int, list[str]] = {}
    for position, text in texts:
        by_block.setdefault(position % SEGMENT // BLOCK, []).append(text)
    found: dict[int, list[int]] = {}
    for block, some in sorted(by_block.items()):
        for gram in _grams("\n".join(some).encode().lower()):
            found.setdefault(gram, []).append(block)
    return [(gram, packed(blocks)) for gram, blocks in sorted(found.items())]


def _grams(text: bytes) -> set[int]:
    """Return every three neighbouring bytes as one number. Three copies of the text, shifted and interleaved, are read
    as an array of numbers: twenty times as fast as a loop."""
    count = len(text) - 2
    if count < 1:
        return set()
    spread = bytearray(4 * count)
    for place, shift in zip(_PLACES, range(3), strict=True):
        spread[place::4] = text[shift : shift + count]
    return set(memoryview(spread).cast("I"))


def packed(blocks: Sequence[int]) -> bytes:
    """Return a set of blocks as bytes: two for each while these are fewer than a bit for every block."""
    if 2 * len(blocks) < _BITMAP_BYTES:
        return b"".join(block.to_bytes(2, "little") for block in blocks)
    return sum(1 << block for block in blocks).to_bytes(_BITMAP_BYTES, "little")


def unpacked(blocks: bytes) -> int:
    """Return what was packed as a bitmap."""
    if len(blocks) == _BITMAP_BYTES:
        return int.from_bytes(blocks, "little")
    bitmap = 0
    for place in range(0, len(blocks), 2):
        bitmap |= 1 << int.from_bytes(blocks[place : place + 2], "little")
    return bitmap


def spans(segment: int, bitmap: int) -> Iterator[Span]:
    """Yield the spans of positions that a segment's blocks cover, ascending, neighbours joined."""
    start: int | None = None
    end = 0
    for block in _bits(bitmap):
        first = segment * SEGMENT + block * BLOCK
        if start is not None and first == end + 1:
            end = first + BLOCK - 1
            continue
        if start is not None:
            yield start, end
        start, end = first, first + BLOCK - 1
    if start is not None:
        yield start, end


def _bits(bitmap: int) -> Iterator[int]:
    while bitmap:
        lowest = bitmap & -bitmap
        yield lowest.bit_length() - 1
        bitmap ^= lowest
