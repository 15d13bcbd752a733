"""Records, the keys they are compared by, and the batches they travel in.

A record is a key and attributes. Its **spelling** is how a side writes the key and is what that side is called with;
its **folded key** is what both sides are compared by. A batch is columns, not objects: a set of a million keys is a
list of a million strings.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NewType

import msgspec
import xxhash

RecordKey = NewType("RecordKey", str)
"""A folded key: NFKC and case-folded, unless the sync is case-sensitive (then only NFC and trimmed)."""

Value = None | bool | int | float | str | list[str]
"""What an attribute may hold. Adapters turn everything else (dates, decimals, bytes) into text on the way in."""

FINGERPRINT_BITS = 128


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody the target holds who has no key here: a bot, a guest without address, a nested group, an invitation.

    Carried through every write untouched, and listed in the plan.
    """

    label: str
    kind: str
    """bot, guest, group, pending, placeholder or unresolved."""
    native_id: str = ""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Some records of one read, as columns of equal length, in the order they were read.

    `rows` is empty for a plain set of keys, else one tuple a record with values in the order of `names`;
    `native_ids` is empty where the endpoint calls members by their spelling. Every batch of a read has the same
    `names`. The last batch, and only that, carries `proof`: a short sentence on how the adapter knows that nothing
    follows ("end of file, 512 rows"; "no next link after 6 pages; total 512 matches"). A stream that ends without
    proof is an incomplete read.
    """

    spellings: Sequence[str]
    names: tuple[str, ...] = ()
    rows: Sequence[tuple[Value, ...]] = ()
    native_ids: Sequence[str] = ()
    carried: Sequence[Carried] = ()
    proof: str = ""


def fold(spelling: str) -> RecordKey:
    """Return the key that spellings of the same record share: NFKC, case-folded, trimmed (Unicode TR #15, #21)."""
    trimmed = spelling.strip()
    if trimmed.isascii():
        return RecordKey(trimmed.lower())
    return RecordKey(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", trimmed).casefold()).strip())


def keep_case(spelling: str) -> RecordKey:
    """Return the key for a case-sensitive sync: NFC and trimmed, nothing else."""
    trimmed = spelling.strip()
    return RecordKey(trimmed if trimmed.isascii() else unicodedata.normalize("NFC", trimmed))


Folding = Callable[[str], RecordKey]


def text_of(value: Value) -> str:
    """Return the text two values are compared by.

    An empty cell and null, 42 and "42", true and "true" are the same value: a CSV file cannot tell them apart, and a
    difference that a target cannot hold would be planned for ever.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return msgspec.json.encode(value).decode()
        case _:
            return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """How many items a set holds, and the order-free sum of their hashes (modulo 2^128, as hexadecimal).

    A sum, not XOR: two equal items must not cancel each other. It tells whether a set has changed since; what
    protects a member is its own precondition.
    """

    count: int
    sum: str


def fingerprint(items: Iterable[bytes]) -> Fingerprint:
    """Return the fingerprint of a set given as each item's canonical bytes (see `canonical.items_of`)."""
    hashes = [xxhash.xxh3_128_intdigest(item) for item in items]
    return Fingerprint(count=len(hashes), sum=f"{sum(hashes) % (1 << FINGERPRINT_BITS):032x}")
