"""Events as rows of the table, read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.events.event import Event, Origin, Position

SELECT = (
    "SELECT e.position, e.id, t.name, e.aggregate, e.data, e.metadata, o.name, e.seq, e.context, e.hlc, e.chain, "
    "e.hashes FROM event e JOIN event_type t ON t.id = e.type JOIN event_origin o ON o.id = e.origin "
)

SELECT_POSITION = "SELECT e.position FROM event e "

FIRST_AND_LAST = "SELECT (SELECT min(position) FROM event), (SELECT max(position) FROM event)"

_read = msgspec.json.decode
_read_object = msgspec.json.Decoder(dict[str, Any]).decode
read_context = msgspec.json.Decoder(dict[str, int]).decode
read_vector = msgspec.json.Decoder(dict[Origin, int]).decode


def to_events(rows: Iterable[tuple[Any, ...]]) -> list[Event]:
    """Return rows of `SELECT` as events, in the same order."""
    return [
        Event(
            position=Position(position),
            id=identity,
            type=type_name,
            aggregate_id=aggregate,
            data=_read(data),
            metadata=_read_object(metadata),
            origin=Origin(origin),
            seq=seq,
            context=read_context(context),
            hlc=hlc,
            chain=chain.hex(),
            redacted=hashes is not None,
        )
        for position, identity, type_name, aggregate, data, metadata, origin, seq, context, hlc, chain, hashes in rows
    ]


def to_bounds(row: tuple[int | None, int | None]) -> tuple[Position, Position]:
    """Return the row of `FIRST_AND_LAST` as bounds; (1, 0) for an empty log."""
    first, last = row
    return Position(first or 1), Position(last or 0)
