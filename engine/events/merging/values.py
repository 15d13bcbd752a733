"""The values of merging: paths, candidates, contests, verdicts and views."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.events.event import Dot, Event
from engine.settings.replication import Rule

Path = tuple[str, ...]
"""The keys from an aggregate's root to a field; () is the whole aggregate."""


def dotted(path: Path) -> str:
    """Return a path as people write it: `profile.title`; empty for the whole aggregate."""
    return ".".join(path)


class Absent(msgspec.Struct, frozen=True):
    """No value: the field (or the aggregate) does not exist. Not the same as anything JSON can hold."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a contest: what a field is for whoever knows `event` and not the other candidates."""

    event: Event
    value: Any
    """Any JSON value, or `ABSENT`."""


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """A field that concurrent events left with different values. A function of the set of events alone."""

    path: Path
    base: Any
    """The value in what all candidates know, or `ABSENT`."""
    candidates: tuple[Candidate, ...]
    """At least two with different values; oldest first, by (hlc, origin, seq)."""
    inside: tuple[Path, ...] = ()
    """Fields inside this one that the sides wrote, sorted: what a decision about the whole has to write or remove."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say of one contest."""

    contest: Contest
    rule: Rule
    position: int
    """Place of the rule among the rules, from 1; 0: no rule matched, so an operator is asked."""
    settled: bool
    """False: an operator has to decide; until then the field shows its base."""
    value: Any
    """What the field shows now."""
    reason: str = ""
    """Why an operator is asked, as a sentence; empty where a strategy decided."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """An aggregate as the rules show it."""

    aggregate_id: str
    value: Any
    """Any JSON value; `ABSENT` when there is no event, or the aggregate was deleted."""
    verdicts: tuple[Verdict, ...] = ()
    heads: tuple[Dot, ...] = ()
    """Events that no other event of the aggregate knows of, sorted."""
    redacted: bool = False
    """Some payload that may have mattered is gone."""
    missing: tuple[Dot, ...] = ()
    """Events that others know of and that are not here: a filter or a compaction left them out."""

    @property
    def open(self) -> tuple[Verdict, ...]:
        """The contests that wait for an operator."""
        return tuple(verdict for verdict in self.verdicts if not verdict.settled)
