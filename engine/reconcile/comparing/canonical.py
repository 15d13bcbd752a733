"""Whole batches at once: folded keys, canonical texts of rows, order-free sums.

A million records pass through here, so each step is one call into C for a batch, and only a batch that holds something
unusual is looked at record by record. Both ways give the same answer; a property test compares them.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat

import msgspec
import xxhash

from engine.reconcile.records import FINGERPRINT_BITS, RecordKey, Value, fold, keep_case, text_of

FIELD = "\x1f"
"""Unit separator (ASCII 31): stands between the texts of a canonical row, and never within one of them."""
ESCAPE = "\x1e"
"""Record separator (ASCII 30): stands between rows, and before what stands for either of the two within a value."""
_FIELD, _ESCAPE = FIELD.encode(), ESCAPE.encode()

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


def canonical_row(row: Sequence[Value]) -> bytes:
    """Return what two rows are compared by: their values' texts, joined so that no two different rows meet."""
    texts = [text_of(value).replace(ESCAPE, ESCAPE + "0").replace(FIELD, ESCAPE + "1") for value in row]
    return FIELD.join(texts).encode()


def plain_rows(rows: Sequence[tuple[Value, ...]]) -> list[bytes] | None:
    """Return the canonical row of each, or None when the batch must be looked at row by row: some value is not text,
    or holds one of the two characters that canonical rows need for themselves. Raises `UnicodeEncodeError`."""
    try:
        whole = ESCAPE.join(map(FIELD.join, rows)).encode()  # type: ignore[arg-type]  # TypeError for all but text
    except TypeError:
        return None
    lines = whole.split(_ESCAPE)
    fields = len(rows[0]) if rows else 1
    if len(lines) != len(rows) or whole.count(_FIELD) != len(rows) * (fields - 1):
        return None
    return lines


def canonical_rows(rows: Sequence[tuple[Value, ...]]) -> tuple[list[bytes], Sequence[bytes]]:
    """Return a target's canonical rows, and packed what is more than text (see `values_of`)."""
    lines = plain_rows(rows)
    if lines is not None:
        return lines, ()
    storable = [tuple(map(_storable, row)) for row in rows]
    lines = list(map(canonical_row, storable))
    return lines, [packed_if_needed(row, line) for row, line in zip(storable, lines, strict=True)]


def packed_if_needed(row: tuple[Value, ...], line: bytes) -> bytes:
    """Return a row with its types, or nothing when it is just the texts of its canonical row."""
    return b"" if tuple(line.decode().split(FIELD)) == row else _PACKER.encode(row)


def _storable(value: Value) -> Value:
    """Return a value that survives a plan's bytes: JSON has no infinity, and 64 bits are what others read."""
    if type(value) is float and not math.isfinite(value):
        return text_of(value)
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        return text_of(value)
    return value


def items_of(keys: Iterable[RecordKey], lines: Iterable[bytes] | None) -> Iterable[bytes]:
    """Return what a fingerprint is made of: the key alone, or the key and the canonical row."""
    encoded = map(str.encode, keys)
    return encoded if lines is None else map(_FIELD.join, zip(encoded, lines, strict=True))


def sum_of(items: Iterable[bytes]) -> int:
    """Return the order-free sum of the items' hashes, not yet reduced: sums of parts may be added and subtracted.

    128 bits of XXH3 for each item, summed modulo 2^128: chance of two different sets with equal sums about 10^-38.
    It notices change; it does not defend against somebody who crafts a collision (each change's own precondition does).
    """
    return sum(map(xxhash.xxh3_128_intdigest, items))


def as_hexadecimal(total: int) -> str:
    """Return a sum as a fingerprint writes it."""
    return f"{total % (1 << FINGERPRINT_BITS):032x}"


def copied(lines: Collection[bytes]) -> list[bytes]:
    """Return the same rows as objects of their own. Those of one side lie among a million others, whose room only
    comes free together."""
    left = list(lines)
    copies: list[bytes] = []
    while left:
        piece, left = left[:_PIECE], left[_PIECE:]
        parts = _ESCAPE.join(piece).split(_ESCAPE)
        copies += parts if len(parts) == len(piece) else piece
    return copies


_PIECE = 20_000


def texts_of(lines: Sequence[bytes]) -> list[str]:
    """Return the parts of canonical rows, one for each value, row after row."""
    return _FIELD.join(lines).decode().split(FIELD) if lines else []


def values_of(line: bytes, packed: bytes = b"") -> list[Value]:
    """Return the values of a canonical row: its texts, or what was packed beside it."""
    return _UNPACKER.decode(packed) if packed else list(line.decode().split(FIELD))


def attributes_of(names: tuple[str, ...], lines: Sequence[bytes]) -> list[dict[str, Value]]:
    """Return plain canonical rows as attributes by name. Equal texts are one object: a plan of many changes holds the
    same few words over and over."""
    texts = texts_of(lines)
    pool: dict[str, str] = {}
    shared = map(pool.setdefault, texts, texts)
    return list(map(dict, map(zip, repeat(names), zip(*[shared] * len(names), strict=True))))


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
