"""Whole batches at once: folded keys, canonical texts of rows, order-free sums.

A million records pass through here, so each step is one call into C for a batch, and only a batch that holds something
unusual is looked at record by record. Both ways give the same answer; a property test compares them.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import xxhash

from engine.reconcile.records import FINGERPRINT_BITS, RecordKey, Value, fold, keep_case, text_of

FIELD = "\x1f"
"""Unit separator (ASCII 31): stands between the texts of a canonical row, and never within one."""
ESCAPE = "\x1e"

_SPACES = " \t\r\v\f\x1c\x1d\x1e\x1f"
"""What `str.strip` takes off ASCII text, without the line feed that joins a batch."""


def fold_all(spellings: Sequence[str], *, case_sensitive: bool) -> Sequence[RecordKey]:
    """Return the folded key of each spelling; the very same list where folding changes nothing.

    ASCII text without white space, which is nearly all there is, is joined, lowered and split in three calls. Joined
    by line feeds, a spelling that holds one itself shows in the count.
    """
    text = "\n".join(spellings)
    one_by_one = keep_case if case_sensitive else fold
    if not text.isascii() or any(space in text for space in _SPACES):
        return [one_by_one(spelling) for spelling in spellings]
    if text.count("\n") != len(spellings) - 1:
        return [one_by_one(spelling) for spelling in spellings]
    lowered = text if case_sensitive else text.lower()
    if lowered == text:
        return spellings  # type: ignore[return-value]  # every one of them is its own folded key
    return lowered.split("\n")  # type: ignore[return-value]


def canonical_row(row: Sequence[Value]) -> str:
    """Return the text two rows are compared by: their values' texts, joined so that no two different rows meet."""
    return FIELD.join([text_of(value).replace(ESCAPE, ESCAPE + "0").replace(FIELD, ESCAPE + "1") for value in row])


def plain_rows(rows: Sequence[tuple[Value, ...]]) -> list[str] | None:
    """Return the canonical text of every row, or None when the batch must be looked at row by row: some value is not
    text, or holds one of the two characters that canonical rows need for themselves."""
    try:
        lines = list(map(FIELD.join, rows))  # type: ignore[arg-type]  # raises TypeError for anything but text
    except TypeError:
        return None
    whole = "".join(lines)
    fields = len(rows[0]) if rows else 1
    if ESCAPE in whole or whole.count(FIELD) != len(rows) * (fields - 1):
        return None
    return lines


def canonical_rows(rows: Sequence[tuple[Value, ...]]) -> tuple[list[str], Sequence[bytes]]:
    """Return a target's rows as canonical texts, and packed where they are more than text (see `values_of`)."""
    lines = plain_rows(rows)
    if lines is not None:
        return lines, ()
    storable = [tuple(map(_storable, row)) for row in rows]
    lines = list(map(canonical_row, storable))
    packed = [b"" if tuple(line.split(FIELD)) == row else pack(row) for row, line in zip(storable, lines, strict=True)]
    return lines, packed


def _storable(value: Value) -> Value:
    """Return a value that survives a plan's bytes: JSON has no infinity, and 64 bits are what others read."""
    if type(value) is float and not math.isfinite(value):
        return text_of(value)
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        return text_of(value)
    return value


def items_of(keys: Iterable[RecordKey], lines: Iterable[str] | None) -> Iterable[str]:
    """Return what a fingerprint is made of: the key alone, or the key and the canonical row."""
    return keys if lines is None else map(FIELD.join, zip(keys, lines, strict=True))


def sum_of(items: Iterable[str]) -> int:
    """Return the order-free sum of the items' hashes, not yet reduced: sums of parts may be added and subtracted.

    128 bits of XXH3 for each item, summed modulo 2^128: chance of two different sets with equal sums about 10^-38.
    It notices change; it does not defend against somebody who crafts a collision (each change's own precondition does).
    """
    return sum(map(xxhash.xxh3_128_intdigest, map(str.encode, items)))


def as_hexadecimal(total: int) -> str:
    """Return a sum as a fingerprint writes it."""
    return f"{total % (1 << FINGERPRINT_BITS):032x}"


def pack(values: Sequence[Value]) -> bytes:
    """Return values with their types, for the few records that are more than text."""
    return _PACKER.encode(values)


def values_of(line: str, packed: bytes = b"") -> list[Value]:
    """Return the values of a canonical row: its texts, or what was packed beside it."""
    return _UNPACKER.decode(packed) if packed else list(line.split(FIELD))


_PACKER = msgspec.msgpack.Encoder()
_UNPACKER = msgspec.msgpack.Decoder(list[Value])


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector from walking over millions of new values while they are built."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
