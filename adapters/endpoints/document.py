"""The members of one document in memory, and how changes are carried out on them.

Every endpoint that holds its members as a whole (a file, a list in memory) answers alike because all of them go
through `carry_out`; a format only says how a member is found, added, altered and dropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Outcome, Result
from engine.reconcile.records import Value, text_of

DONE = Outcome(result=Result.DONE)
ALREADY = Outcome(result=Result.ALREADY)

BATCH_ROWS = 5_000
"""Rows in one batch of a read: large enough to be quick, small enough to be let go soon."""


class Document(ABC):
    """Members at numbered places. A place keeps its number while the document is edited; new ones come behind."""

    @abstractmethod
    def spellings(self) -> Iterable[str | None]:
        """Return each place's key as the document spells it; None for a member without one."""

    @abstractmethod
    def values(self, place: int) -> Mapping[str, Value]:
        """Return a member's attributes as the document holds them now."""

    @abstractmethod
    def objection(self, spelling: str, attributes: Mapping[str, Value]) -> str:
        """Return a sentence on why this spelling and these attributes cannot be held here; empty when they can."""

    @abstractmethod
    def add(self, spelling: str, attributes: Mapping[str, Value]) -> None:
        """Put a new member behind all others."""

    @abstractmethod
    def alter(self, place: int, spelling: str, attributes: Mapping[str, Value]) -> None:
        """Give the member this spelling and these attributes; everything else it holds stays."""

    @abstractmethod
    def drop(self, place: int) -> None:
        """Take the member out, with everything it holds."""


def carry_out(changes: Sequence[Change], document: Document) -> list[Outcome]:
    """Carry out changes on a document; return their outcomes in the same order.

    A member is found by its exact spelling: another letter case may be another person in a case-sensitive sync, and
    what stands twice is removed twice but never guessed at when it is to be altered.
    """
    members = _Members(document)
    return [members.carry_out(change) for change in changes]


class _Members:
    """A document with its members' places by spelling."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.places: dict[str, list[int]] = {}
        self.count = 0
        for spelling in document.spellings():
            if spelling is not None:
                self.places.setdefault(spelling, []).append(self.count)
            self.count += 1

    def carry_out(self, change: Change) -> Outcome:
        match change.action:
            case Action.ADD:
                return self._add(change.spelling, change.after or {})
            case Action.UPDATE:
                return self._alter(change, change.spelling)
            case Action.RENAME:
                return self._alter(change, change.renamed_to)
            case Action.REMOVE:
                return self._remove(change)

    def _add(self, spelling: str, attributes: Mapping[str, Value]) -> Outcome:
        if spelling in self.places:
            return ALREADY
        if objection := self.document.objection(spelling, attributes):
            return refused(objection)
        self.document.add(spelling, attributes)
        self.places[spelling] = [self.count]
        self.count += 1
        return DONE

    def _remove(self, change: Change) -> Outcome:
        places = self.places.get(change.spelling)
        if places is None:
            return ALREADY
        for place in places:
            if objection := meddled(change, self.document.values(place)):
                return refused(objection)
        for place in self.places.pop(change.spelling):
            self.document.drop(place)
        return DONE

    def _alter(self, change: Change, wanted: str) -> Outcome:
        spelling, attributes = change.spelling, change.after or {}
        places = self.places.get(spelling, [])
        renamed = spelling != wanted
        if renamed and wanted in self.places:
            return refused(f"{wanted} is a member already beside {spelling}.") if places else ALREADY
        if not places:
            return refused(f"{spelling} is not a member any more.")
        if len(places) > 1:
            return refused(
                f"{spelling} stands {len(places)} times; which one is meant cannot be told. Remove the others."
            )
        held = self.document.values(places[0])
        if not renamed and all(text_of(held.get(name)) == text_of(value) for name, value in attributes.items()):
            return ALREADY
        if objection := meddled(change, held) or self.document.objection(wanted, attributes):
            return refused(objection)
        self.document.alter(places[0], wanted, attributes)
        self.places[wanted] = self.places.pop(spelling)
        return DONE


def meddled(change: Change, held: Mapping[str, Value]) -> str:
    """Return a sentence when a member does not hold what the change expects of it; what it does not name is free."""
    differing = [
        f"{name} is now {text_of(held.get(name))!r}"
        for name, value in (change.before or {}).items()
        if text_of(held.get(name)) != text_of(value)
    ]
    if not differing:
        return ""
    return f"{change.spelling} was changed by somebody else meanwhile: {', '.join(differing)}. Make a new plan."


def refused(reason: str) -> Outcome:
    """Return the outcome of a change that will never work as it is."""
    return Outcome(result=Result.REFUSED, reason=reason)


def label_of(place: str, values: Iterable[tuple[str, Value]]) -> str:
    """Return how a member without a key is listed: where it stands, and what it holds beside the key."""
    told = ", ".join(f"{name}={text_of(value)}" for name, value in values if text_of(value))
    return f"{place}: {told}" if told else place
