"""What operators said about conflicts: who is at one, and which were decided. A function of the *set* of their events,
as everything that nodes show; kept up to date event by event, in whatever order these come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from engine.events.event import Event
from engine.events.merging.causality import tie
from engine.events.own import RESOLVED

CLAIMED = "conflict.claimed"
RELEASED = "conflict.released"
AGGREGATE = "conflict:"
"""Before a conflict's id: what claims and releases are about."""

TYPES = "conflict.*"
"""Fits every type of event that is noted here."""


class Word(msgspec.Struct, frozen=True):
    """The newest that was said about a conflict, by hybrid time."""

    at: tuple[int, str, int]
    by: str
    """Who is at it; empty for a release, and for a decision."""
    aggregate: str


class Docket:
    """Words about conflicts, by their ids. Nothing is ever taken out: where a payload went, or events got other names,
    a new one is made."""

    def __init__(self) -> None:
        self._decisions: dict[str, Word] = {}
        self._claims: dict[str, Word] = {}
        self._past: Sequence[tuple[str, str]] | None = None

    @property
    def decided(self) -> Collection[str]:
        """Every conflict that was ever decided."""
        return self._decisions.keys()

    def claimed_by(self, conflict: str) -> str:
        """Return who is at a conflict; empty: nobody."""
        word = self._claims.get(conflict)
        return word.by if word else ""

    def past(self) -> Sequence[tuple[str, str]]:
        """Return the id and the aggregate of every conflict that was ever decided or claimed: decided ones first, the
        newest word first."""
        if self._past is None:
            claimed = {id_: word for id_, word in self._claims.items() if word.aggregate and id_ not in self._decisions}
            self._past = _newest_first(self._decisions) + _newest_first(claimed)
        return self._past

    def note(self, event: Event) -> None:
        """Take in an event of any type, again if need be. One that was redacted says nothing: what it said is gone,
        also which conflict it was about."""
        if event.redacted:
            return
        if event.type == RESOLVED:
            self._keep(self._decisions, decided_in(event), Word(tie(event), "", event.aggregate_id))
        elif event.type in (CLAIMED, RELEASED) and event.aggregate_id.startswith(AGGREGATE):
            by = _text(event.metadata.get("actor")) if event.type == CLAIMED else ""
            word = Word(tie(event), by, _text(event.metadata.get("aggregate")))
            self._keep(self._claims, event.aggregate_id.removeprefix(AGGREGATE), word)

    def _keep(self, words: dict[str, Word], conflict: str, word: Word) -> None:
        known = words.get(conflict)
        if conflict and (known is None or word.at > known.at):
            words[conflict] = word
            self._past = None


def decided_in(event: Event) -> str:
    """Return the conflict that an event decided about; empty if none, or if that was redacted."""
    return _text(event.metadata.get("conflict")) if event.type == RESOLVED else ""


def _newest_first(words: dict[str, Word]) -> list[tuple[str, str]]:
    ordered = sorted(words.items(), key=lambda item: item[1].at, reverse=True)
    return [(conflict, word.aggregate) for conflict, word in ordered]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
