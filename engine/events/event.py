"""Events and the values that place them: origin and sequence (the dot), context, time, position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NewType

import msgspec

Origin = NewType("Origin", str)
"""A node and its incarnation, as `name~8 hex digits`: a restored backup writes under a new one."""

Position = NewType("Position", int)
"""Place in this workspace's log, from 1, without gaps. Local: other nodes number the same events differently."""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a caller knows of an event: dotted `type`, the aggregate it is about, a JSON object each for data and
    metadata (`actor` is the metadata everybody wants to filter by)."""

    type: str
    aggregate_id: str
    data: Mapping[str, Any] = {}
    metadata: Mapping[str, Any] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as the log holds it.

    `id` is unique everywhere. `(origin, seq)` is its dot: seq is gapless for each origin, from 1. `context` holds the
    newest seq of each origin that the writer knew *of this aggregate*. `hlc` is the hybrid logical time (48 bits of
    milliseconds, 16 bits of counter). `chain` is the hex BLAKE2b-256 over the origin's previous chain and this event's
    canonical header and payload hashes.
    """

    position: Position
    id: str
    type: str
    aggregate_id: str
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    origin: Origin
    seq: int
    context: Mapping[str, int]
    hlc: int
    chain: str

    @property
    def milliseconds(self) -> int:
        """Wall time of the event in milliseconds since 1970, from its hybrid logical time."""
        return self.hlc >> 16
