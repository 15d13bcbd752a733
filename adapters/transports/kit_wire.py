"""Events as go-sync-kit v0.16 writes them in JSON, and what its client can take. Pure.

{"event": {"id", "type", "aggregate_id", "data", "metadata"}, "version": "decimal position"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.events.event import Event, NewEvent
from engine.redaction import Redactor

PAGE_BYTES = 6 * 1024 * 1024
"""Largest answer, unpacked, in bytes. The kit's clients give up silently beyond 8 or 10 MiB."""
MOST_EVENTS = 10_000
"""Most events in one push; the kit sends 100 at once by default."""
LIMIT, HIGHEST_LIMIT = 200, 1_000
"""Events of one cursor page when none, or too many, are asked for; and the most that may be asked for."""


class KitEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the kit. `data_kind` names how data was encoded; every kind is JSON here and kept as it is."""

    id: str
    type: str
    aggregate_id: str
    data: Any = None
    metadata: dict[str, Any] | None = None


class KitEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in the sender's own log, which says nothing here: this log gives its own."""

    event: KitEvent
    version: str | int = ""


def entry_of(event: Event) -> bytes:
    """Return an event of this log as the kit reads it."""
    told = KitEvent(
        id=event.id,
        type=event.type,
        aggregate_id=event.aggregate_id,
        data=event.data,
        metadata=dict(event.metadata),
    )
    return msgspec.json.encode(KitEntry(event=told, version=str(event.position)))


def new_event(told: KitEvent) -> NewEvent:
    """Return the event to append for one of the kit.

    Data that is null changes nothing: the kit writes it for events that have none, and a tombstone must be meant.
    """
    return NewEvent(
        id=told.id,
        type=told.type,
        aggregate_id=told.aggregate_id,
        data={} if told.data is None else told.data,
        metadata=told.metadata or {},
    )


def same(told: KitEvent, held: Event, redactor: Redactor) -> bool:
    """Tell whether a kit's event is one that this log holds under the same id, as far as the kit could keep it.

    The kit keeps numbers as 64-bit floats and absent data as null; secrets were hidden here on the way in.
    """
    if (told.type, told.aggregate_id) != (held.type, held.aggregate_id):
        return False
    if held.redacted:
        return True
    data, metadata = redactor.value(told.data), redactor.value(told.metadata or {})
    told_so, held_so = _rounded([data, metadata]), _rounded([held.data, dict(held.metadata)])
    return bool(told_so == held_so)


def _rounded(value: Any) -> Any:
    """Return a JSON value as it is after a program that has only floats."""
    match value:
        case bool():
            return ("bool", value)
        case int():
            try:
                return float(value)
            except OverflowError:
                return float("inf")
        case Mapping():
            return {name: _rounded(each) for name, each in value.items()} or None
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value
