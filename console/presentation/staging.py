"""Choices that are made and not yet written: per aggregate and field, with undo and redo over all of them.

A choice holds for the sides it was made about. When other sides stand there, it is not applied to them: the field is
undecided again, and `changed` tells why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.events.event import Dot
from engine.events.merging.queue import Choice, Choices
from engine.events.merging.values import Contest, Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A choice, and the sides it was made about."""

    choice: Choice
    sides: tuple[Dot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One act of an operator, undone as one: what stood at some fields of an aggregate before, and after."""

    aggregate: str
    before: Mapping[Path, Staged | None]
    after: Mapping[Path, Staged | None]


@dataclass(slots=True)
class Staging:
    """All choices of this session that are not written yet."""

    _staged: dict[str, dict[Path, Staged]] = field(default_factory=dict)
    _done: list[Step] = field(default_factory=list)
    _undone: list[Step] = field(default_factory=list)

    def stage(self, aggregate: str, chosen: Iterable[tuple[Contest, Choice | None]]) -> None:
        """Take choices for some contested fields of an aggregate as one step; None makes a field undecided."""
        standing = self._staged.get(aggregate, {})
        after = {
            contest.path: None if choice is None else Staged(choice=choice, sides=sides_of(contest))
            for contest, choice in chosen
        }
        before = {path: standing.get(path) for path in after}
        if after != before:
            step = Step(aggregate=aggregate, before=before, after=after)
            self._done.append(step)
            self._undone.clear()
            self._put(step.aggregate, step.after)

    def choice(self, aggregate: str, contest: Contest) -> Choice | None:
        """Return what was decided about exactly these sides."""
        staged = self._staged.get(aggregate, {}).get(contest.path)
        return staged.choice if staged is not None and staged.sides == sides_of(contest) else None

    def changed(self, aggregate: str, contest: Contest) -> bool:
        """Tell whether something was decided about other sides than stand there now."""
        staged = self._staged.get(aggregate, {}).get(contest.path)
        return staged is not None and staged.sides != sides_of(contest)

    def choices(self, aggregate: str, contests: Iterable[Contest]) -> Choices:
        """Return what was decided about these contests."""
        found = ((contest.path, self.choice(aggregate, contest)) for contest in contests)
        return {path: choice for path, choice in found if choice is not None}

    def decided(self, aggregate: str) -> int:
        """Return how many fields of an aggregate something is decided about."""
        return len(self._staged.get(aggregate, {}))

    @property
    def can_undo(self) -> bool:
        """There is a choice that can be taken back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """There is a choice that was taken back."""
        return bool(self._undone)

    def undo(self) -> Step | None:
        """Take the last step back."""
        return self._move(self._done, self._undone, back=True)

    def redo(self) -> Step | None:
        """Do again what was taken back last."""
        return self._move(self._undone, self._done, back=False)

    def forget(self, aggregate: str, paths: Iterable[Path] = ()) -> None:
        """Drop what was decided about these fields of an aggregate (about all, if none is named): it was written.
        Its steps go with it: there is nothing to take back any more."""
        written = set(paths)
        self._put(aggregate, dict.fromkeys(written or self._staged.get(aggregate, {})))
        self._done = [step for step in self._done if not _about(step, aggregate, written)]
        self._undone = [step for step in self._undone if not _about(step, aggregate, written)]

    def _move(self, taken: list[Step], given: list[Step], *, back: bool) -> Step | None:
        if not taken:
            return None
        step = taken.pop()
        given.append(step)
        self._put(step.aggregate, step.before if back else step.after)
        return step

    def _put(self, aggregate: str, wanted: Mapping[Path, Staged | None]) -> None:
        standing = dict(self._staged.get(aggregate, {}))
        for path, staged in wanted.items():
            if staged is None:
                standing.pop(path, None)
            else:
                standing[path] = staged
        if standing:
            self._staged[aggregate] = standing
        else:
            self._staged.pop(aggregate, None)


def _about(step: Step, aggregate: str, paths: set[Path]) -> bool:
    return step.aggregate == aggregate and (not paths or not paths.isdisjoint(step.after))


def sides_of(contest: Contest) -> tuple[Dot, ...]:
    """Return the events that stand against one another."""
    return tuple(candidate.event.dot for candidate in contest.candidates)
