"""Events and the values that place them: origin and sequence (the dot), context, time, position."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, NewType

import msgspec

Origin = NewType("Origin", str)
"""A node and its incarnation, as `name~8 hex digits`: a restored backup writes under a new one."""

Position = NewType("Position", int)
"""Place in this workspace's log, from 1; gaps only where a compaction took events out. Local: other nodes number the
same events differently."""

END: Final = Position(2**62)
"""Behind every event there will ever be: to read a log backwards from its end."""

_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that Python's calendar has; 48 bits of milliseconds reach further."""


def node_of(origin: str) -> str:
    """Return the name of the node that an origin is an incarnation of."""
    return origin.rpartition("~")[0] or origin


class Dot(NamedTuple):
    """The one place of an event among all events everywhere: the seq-th that an origin wrote."""

    origin: Origin
    seq: int

    def __str__(self) -> str:
        return f"{self.origin}#{self.seq}"


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a caller knows of an event: dotted `type`, the aggregate it is about, any JSON value as data and a JSON
    object as metadata (`actor` is the metadata everybody wants to filter by).

    `data` is a merge patch on the aggregate (RFC 7396): an object changes the fields it names (null removes one),
    anything else replaces the whole, and a bare null deletes the aggregate (a tombstone).

    A caller that may send an event twice gives it an `id`, or a `dot` under an origin of its own: the second time the
    event that is there already is returned; another content under the same id or dot is refused.
    """

    type: str
    aggregate_id: str
    data: Any = {}
    metadata: Mapping[str, Any] = {}
    id: str = ""
    dot: Dot | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as the log holds it.

    `id` is unique everywhere. `(origin, seq)` is its dot: seq is gapless for each origin, from 1. `context` holds the
    newest seq of each origin that the writer knew *of this aggregate*. `hlc` is the hybrid logical time (48 bits of
    milliseconds, 16 bits of counter). `chain` is the hex BLAKE2b-256 over the origin's previous chain and this event's
    canonical header and payload hashes. Of a redacted event data and metadata are gone ({}), its chain still holds.
    """

    position: Position
    id: str
    type: str
    aggregate_id: str
    data: Any
    metadata: Mapping[str, Any]
    origin: Origin
    seq: int
    context: Mapping[str, int]
    hlc: int
    chain: str
    redacted: bool = False

    @property
    def dot(self) -> Dot:
        return Dot(self.origin, self.seq)

    @property
    def milliseconds(self) -> int:
        """Wall time of the event in milliseconds since 1970, from its hybrid logical time."""
        return self.hlc >> 16

    @property
    def written_at(self) -> datetime:
        """Wall time of the event."""
        return datetime.fromtimestamp(min(self.milliseconds, _LAST_MS) / 1000, UTC)
