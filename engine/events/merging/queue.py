"""Conflicts as a queue of work: what is open, who is at it, what was settled and how."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

import msgspec

from engine.events.event import Dot, Event
from engine.events.merging.values import Path, View
from engine.settings.replication import Rule

ConflictId = NewType("ConflictId", str)
"""12 hex digits of the BLAKE2b hash over the aggregate and the sorted dots of all candidates: the same on every node,
another one when the sides have moved on."""


class ConflictState(StrEnum):
    """Where a conflict stands."""

    OPEN = "open"
    CLAIMED = "claimed"
    """Somebody said he is at it. Keeps nobody out; tells the others."""
    SETTLED = "settled"
    """An operator's resolution stands."""
    SUPERSEDED = "superseded"
    """The sides moved on before it was settled, or two resolved it at once: another conflict stands in its place, or
    none."""


class ConflictSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the queue."""

    id: ConflictId
    aggregate_id: str
    state: ConflictState
    fields: tuple[Path, ...]
    """The contested fields that wait for an operator (of a settled one: those that were settled)."""
    automatic: int = 0
    """Contested fields that rules settle without an operator."""
    origins: tuple[str, ...] = ()
    since: datetime | None = None
    """Time of the newest side: since then it has been a conflict."""
    claimed_by: str = ""
    settled_by: str = ""
    resolution: Dot | None = None
    """The event that settled it."""
    reviewed: bool = False
    """False for a settled one that another operator settled at the same time in another way."""


class ConflictDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A conflict with everything to decide by."""

    summary: ConflictSummary
    view: View
    """All contests with their verdicts, also those that rules settle."""
    history: tuple[Event, ...]
    """The aggregate's events, oldest first; at most the newest 200."""


class Take(StrEnum):
    """Where the value of a contested field comes from."""

    CANDIDATE = "candidate"
    """The side of number `candidate`; left is 0, right is 1."""
    NEWEST = "newest"
    """The side that was written last."""
    NODE = "node"
    """The newest side that the node of the name `value` wrote."""
    BASE = "base"
    BOTH = "both"
    """All sides together: lists and objects united, texts one after another."""
    VALUE = "value"
    """`value`, edited by hand."""
    REMOVE = "remove"
    """The field is removed; at the root: the aggregate is deleted."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator decided about one contested field."""

    take: Take
    candidate: int = 0
    value: Any = None


Choices = dict[Path, Choice]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a resolution would write, before it is written."""

    conflict: ConflictId
    aggregate_id: str
    patch: Any
    before: Any
    """The state as it shows now; `ABSENT` where there is none."""
    after: Any
    undecided: tuple[Path, ...] = ()
    """Contested fields that nothing was decided about; they stay open."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A resolution that was written."""

    preview: Preview
    event: Event


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One contested field of the past (or still open) under the rules that are tried."""

    conflict: ConflictId
    aggregate_id: str
    path: Path
    rule: Rule
    position: int
    chosen: Any
    """What the operator chose; `ABSENT` where it was removed or is still open."""
    outcome: Any
    """What the rules would show; only where `asks` is false."""
    asks: bool
    """The rules would ask an operator."""
    agrees: bool | None
    """Whether the rules would have done what the operator did; None: they ask, or nobody has decided yet."""


class BackTest(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of rules would have done with past conflicts, and would do with the open ones."""

    tried: tuple[Tried, ...]

    @property
    def agree(self) -> int:
        return sum(each.agrees is True for each in self.tried)

    @property
    def differ(self) -> int:
        return sum(each.agrees is False for each in self.tried)

    @property
    def ask(self) -> int:
        return sum(each.asks for each in self.tried)
