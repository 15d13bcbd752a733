"""The form of what a peer sends: whatever no honest peer composes refuses the whole batch, in words."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.errors import ReplicationRefused
from engine.events.chain import DIGEST_BYTES, canonical
from engine.events.event import Origin
from engine.events.limits import (
    LARGEST_STAMP,
    LONGEST_AGGREGATE,
    LONGEST_ID,
    LONGEST_TYPE,
    MOST_PAYLOAD_BYTES,
    too_deep,
)
from engine.events.replicating.messages import Batch, Item, Skip
from engine.events.vector import LARGEST_SEQ, LONGEST_ORIGIN, MOST_ORIGINS

_read_context = msgspec.json.Decoder(dict[Origin, int]).decode
_read_json = msgspec.json.Decoder().decode
_NOTHING: Mapping[Origin, int] = {}


def check_batch(batch: Batch, most_items: int, most_bytes: int) -> None:
    """Refuse a batch that is too large, or whose vector cannot be."""
    if len(batch.items) > most_items:
        raise ReplicationRefused(
            f"A batch of {len(batch.items):,} events is too large; at most {most_items:,} are taken. Send fewer.",
            kind="too_large",
        )
    size = sum([len(each.data) + len(each.metadata) + len(each.context) for each in batch.items if type(each) is Item])
    if size > most_bytes:
        raise ReplicationRefused(
            f"A batch of {size:,} bytes is too large; at most {most_bytes:,} are taken. Send fewer events at once.",
            kind="too_large",
        )
    check_vector(batch.vector)


def check_vector(vector: Mapping[Origin, int]) -> None:
    """Refuse a vector with too many or too long origins, or with impossible numbers."""
    if len(vector) > MOST_ORIGINS:
        raise ReplicationRefused(
            f"A vector of {len(vector):,} origins is too large; at most {MOST_ORIGINS:,} are taken.", kind="too_large"
        )
    for origin, seq in vector.items():
        if not 0 <= seq <= LARGEST_SEQ or not 0 < len(origin) <= LONGEST_ORIGIN:
            raise _malformed("vector", f"{origin[:LONGEST_ORIGIN]}: {seq}")


def check_item(item: Item) -> Mapping[Origin, int]:
    """Refuse an event that no node writes; return its context."""
    if not (
        0 < item.seq <= LARGEST_SEQ
        and 0 < len(item.origin) <= LONGEST_ORIGIN
        and 0 < len(item.id) <= LONGEST_ID
        and 0 < len(item.type) <= LONGEST_TYPE
        and 0 < len(item.aggregate) <= LONGEST_AGGREGATE
        and 0 <= item.hlc <= LARGEST_STAMP
        and len(item.chain) == DIGEST_BYTES
    ):
        raise _malformed("event", _named(item))
    _check_payload(item)
    return _NOTHING if item.context == "{}" else _context(item)


def check_skip(skip: Skip) -> None:
    """Refuse a mark of left out events that names none."""
    if not (
        0 < skip.first <= skip.last <= LARGEST_SEQ
        and 0 < len(skip.origin) <= LONGEST_ORIGIN
        and len(skip.chain) == DIGEST_BYTES
    ):
        raise _malformed("mark of left out events", f"{skip.origin[:LONGEST_ORIGIN]}#{skip.first}-{skip.last}")


def _check_payload(item: Item) -> None:
    if item.hashes:
        if len(item.hashes) != 2 * DIGEST_BYTES or item.data or item.metadata:
            raise _malformed("redacted event", _named(item))
        return
    data, metadata = item.data, item.metadata
    if len(data) + len(metadata) > MOST_PAYLOAD_BYTES // 4:
        size = len(data.encode(errors="replace")) + len(metadata.encode(errors="replace"))
        if size > MOST_PAYLOAD_BYTES:
            raise ReplicationRefused(
                f"Event {_named(item)} has {size:,} bytes of data and metadata; at most {MOST_PAYLOAD_BYTES:,} are "
                "taken. No Syncdeck node writes larger ones.",
                kind="too_large",
            )
    if too_deep(data) or too_deep(metadata) or not metadata.startswith("{"):
        raise _malformed("event", _named(item))
    try:
        _read_json(data)
        _read_json(metadata)
        (item.id + item.type + item.aggregate + item.origin).encode()
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _malformed("event", _named(item)) from error


def _context(item: Item) -> Mapping[Origin, int]:
    try:
        context = _read_context(item.context)
        as_canonical = canonical(context).decode()
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _malformed("context", _named(item)) from error
    if as_canonical != item.context or min(context.values()) < 1 or len(context) > MOST_ORIGINS:
        raise _malformed("context", _named(item))
    if context.get(item.origin, 0) >= item.seq:
        raise ReplicationRefused(
            f"Event {_named(item)} claims to know {item.origin}#{context[item.origin]}, its own future. Nothing was "
            "stored; ask who runs the peer to verify its log.",
            kind="malformed",
        )
    return context


def _named(item: Item) -> str:
    return f"{item.origin[:LONGEST_ORIGIN]}#{item.seq}".encode(errors="replace").decode()


def _malformed(what: str, name: str) -> ReplicationRefused:
    return ReplicationRefused(
        f"The peer sent an impossible {what} ({name}). Nothing was stored; check that both nodes run a Syncdeck of the "
        "same protocol, and that nothing between them changes what is sent.",
        kind="malformed",
    )
