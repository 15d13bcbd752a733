"""Events as lines of JSON (NDJSON): what `syncdeck events export` writes and `import` reads. Pure.

    {"origin": "berlin-1~0a1b2c3d", "seq": 7, "id": "…", "type": "user.changed", "aggregate_id": "user:1",
     "data": {…}, "metadata": {…}, "context": {…}, "hlc": 1234, "chain": "64 hex digits"}
    {"origin": …, "seq": 8, …, "hashes": "128 hex digits"}              redacted: instead of data and metadata
    {"origin": "berlin-1~0a1b2c3d", "first": 9, "last": 12, "chain": …}   left out by a filter, or compacted

`data`, `metadata` and `context` stand as they were hashed (`engine/events/chain.py`): whoever writes them otherwise,
even with a space more, breaks the chain, and an import says so.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from engine.errors import EventRefused
from engine.events.event import Origin
from engine.events.replicating.messages import Item, Skip

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes; an event has at most 4 MiB of payload, and JSON may spell each byte with six."""


class _EventLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    origin: Origin
    seq: int
    id: str
    type: str
    aggregate_id: str
    data: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    context: Raw
    hlc: int
    chain: str
    hashes: str = ""


class _SkipLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    origin: Origin
    first: int
    last: int
    chain: str


_read_event = msgspec.json.Decoder(_EventLine).decode
_read_skip = msgspec.json.Decoder(_SkipLine).decode
_encode = msgspec.json.Encoder().encode


def to_line(part: Item | Skip) -> bytes:
    """Return an event, or a mark of left out ones, as a line without its end."""
    if isinstance(part, Skip):
        return _encode(_SkipLine(origin=part.origin, first=part.first, last=part.last, chain=part.chain.hex()))
    return _encode(
        _EventLine(
            origin=part.origin,
            seq=part.seq,
            id=part.id,
            type=part.type,
            aggregate_id=part.aggregate,
            data=UNSET if part.hashes else Raw(part.data.encode()),
            metadata=UNSET if part.hashes else Raw(part.metadata.encode()),
            context=Raw(part.context.encode()),
            hlc=part.hlc,
            chain=part.chain.hex(),
            hashes=part.hashes.hex(),
        )
    )


def from_line(line: bytes) -> Item | Skip:
    """Return what a line says. Raises `EventRefused` with the reason, without the line's number."""
    if len(line) > LONGEST_LINE:
        raise EventRefused(f"it has {len(line):,} bytes; no event has more than {LONGEST_LINE:,}.")
    try:
        return _event(line)
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError) as error:
        try:
            skip = _read_skip(line)
            return Skip(skip.origin, skip.first, skip.last, bytes.fromhex(skip.chain))
        except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
            raise EventRefused(f"it is no exported event: {error}.") from error


def _event(line: bytes) -> Item:
    event = _read_event(line)
    hashes = bytes.fromhex(event.hashes)
    if not hashes and (event.data is UNSET or event.metadata is UNSET):
        raise ValueError("an event that is not redacted has `data` and `metadata`")
    return Item(
        event.origin,
        event.seq,
        event.id,
        event.type,
        event.aggregate_id,
        _text(event.data),
        _text(event.metadata),
        bytes(event.context).decode(),
        event.hlc,
        bytes.fromhex(event.chain),
        hashes,
    )


def _text(value: Raw | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else bytes(value).decode()
