"""Finding one conflict: by its id, the beginning of it, or its aggregate; waiting or over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from engine.errors import NothingFound, VersionConflict
from engine.events.event import Event
from engine.events.merging.caseload import AT_ONCE, Caseload
from engine.events.merging.causality import tie
from engine.events.merging.docket import decided_in
from engine.events.merging.evaluate import conflict_id
from engine.events.merging.past import known_to
from engine.events.merging.patterns import matches
from engine.events.merging.ports import Histories
from engine.events.merging.queue import ConflictDetail, ConflictId, ConflictState, ConflictSummary
from engine.events.merging.strategy import Strategy
from engine.events.merging.summaries import current, over, standing_resolutions
from engine.events.merging.values import View
from engine.events.merging.view import view_of
from engine.settings.replication import Rule

MOST_HISTORY = 200
"""Events of an aggregate that are shown beside its conflict."""

MOST_PAST = 10_000
"""Conflicts that are over, the last decided first, among which wanted ones are looked for."""

Waiting = Mapping[ConflictId, ConflictSummary]


class Lookup:
    """Reads what the caseload does not keep: histories, and conflicts that are over."""

    def __init__(
        self, cases: Caseload, histories: Histories, rules: Sequence[Rule], strategies: Mapping[str, Strategy]
    ) -> None:
        self._cases = cases
        self._histories = histories
        self._rules = rules
        self._strategies = strategies

    async def past(
        self, waiting: Waiting, pattern: str, wanted: Callable[[ConflictSummary], bool], limit: int
    ) -> list[ConflictSummary]:
        """Return wanted conflicts that are over, the last decided first, and after them all that rules settle now.

        `pattern` is one of aggregates; empty: all.
        """
        over_now = (
            (conflict, aggregate)
            for conflict, aggregate in self._cases.past()
            if conflict not in waiting and (not pattern or matches(pattern, aggregate))
        )
        looked_at = islice(over_now, max(limit, MOST_PAST))
        found: list[ConflictSummary] = []
        while len(found) < limit and (some := list(islice(looked_at, AT_ONCE))):
            found += [each for each in await self.ended(some) if wanted(each)]
        return found[:limit] + [each for each in self._cases.settled_by_rules() if wanted(each)]

    async def ended(self, conflicts: Iterable[tuple[str, str]]) -> list[ConflictSummary]:
        """Return how conflicts ended, given their ids and aggregates."""
        asked = list(conflicts)
        histories = await self._histories.histories({aggregate for _, aggregate in asked})
        return [
            over(ConflictId(conflict), histories[aggregate], self.view(aggregate, histories[aggregate]))
            for conflict, aggregate in asked
            if aggregate in histories
        ]

    async def detail(self, text: str, waiting: Waiting) -> ConflictDetail:
        """Return the one conflict that a text names. Raises `NothingFound`."""
        if summary := self.named(text, waiting):
            history = await self.history(summary.aggregate_id)
            view = self.view(summary.aggregate_id, history)
            now = current(view, summary.claimed_by) or summary
            return ConflictDetail(summary=now, view=view, history=_newest(history))
        ids = {conflict: aggregate for conflict, aggregate in self._cases.past() if conflict.startswith(text)}
        if text and len(ids) == 1:
            return await self._over(*ids.popitem())
        if len(ids) > 1 and text:
            raise NothingFound(f"Several conflicts begin with {text}: {_few(ids)}. Give one more character.")
        return await self._of_aggregate(text, waiting)

    def named(self, text: str, waiting: Waiting) -> ConflictSummary | None:
        """Return the waiting conflict that a text names, if one does. Raises `NothingFound` when several do."""
        if exact := waiting.get(ConflictId(text)):
            return exact
        found = [each for each in waiting.values() if each.aggregate_id == text]
        found = found or [each for each in waiting.values() if text and each.id.startswith(text)]
        if len(found) > 1:
            raise NothingFound(f"Several conflicts begin with {text}: {_few(each.id for each in found)}. Give more.")
        return found[0] if found else None

    async def moved_on(self, text: str) -> VersionConflict | NothingFound:
        """Return the error for a conflict that does not wait for anybody, saying what became of it."""
        ids = [(conflict, aggregate) for conflict, aggregate in self._cases.past() if conflict == text]
        ended = await self.ended(ids[:1])
        if ended and ended[0].state is ConflictState.SETTLED:
            return VersionConflict(
                f"Conflict {text} about {ended[0].aggregate_id} was settled by {ended[0].settled_by or 'somebody'} "
                f"meanwhile. Look at it with syncdeck conflicts show {text}; to decide again, undo that first."
            )
        if ended or _is_id(text):
            return VersionConflict(
                f"Conflict {text} does not stand any more: its sides have moved on. Look at the list of conflicts: "
                "what is left of it has another id."
            )
        return NothingFound(f"There is no conflict {text}. See syncdeck conflicts for those that wait.")

    async def history(self, aggregate: str) -> Sequence[Event]:
        """Return an aggregate's events, none for one that does not exist."""
        return (await self._histories.histories([aggregate])).get(aggregate, ())

    def view(self, aggregate: str, history: Sequence[Event]) -> View:
        """Return what the rules make of a history."""
        return view_of(aggregate, history, self._rules, self._strategies)

    async def _over(self, conflict: str, aggregate: str) -> ConflictDetail:
        history = await self.history(aggregate)
        now = self.view(aggregate, history)
        standing = standing_resolutions(ConflictId(conflict), history)
        seen = self.view(aggregate, known_to(history, standing[-1])) if standing else now
        summary = over(ConflictId(conflict), history, now)
        return ConflictDetail(summary=summary, view=seen, history=_newest(history))

    async def _of_aggregate(self, text: str, waiting: Waiting) -> ConflictDetail:
        history = await self.history(text)
        if not history:
            few = _few(waiting) or "none waits"
            raise NothingFound(f"There is no conflict {text}, and no aggregate of that name. Waiting: {few}.")
        view = self.view(text, history)
        if summary := current(view):
            return ConflictDetail(summary=summary, view=view, history=_newest(history))
        if decided := [event for event in history if decided_in(event)]:
            return await self._over(decided_in(max(decided, key=tie)), text)
        raise NothingFound(f"{text} has no conflict and never had one that somebody settled.")


def id_of(view: View) -> ConflictId:
    """Return the id of the conflict that an aggregate has now."""
    return ConflictId(conflict_id(view.aggregate_id, [verdict.contest for verdict in view.verdicts]))


def _newest(history: Sequence[Event]) -> tuple[Event, ...]:
    """Return the newest events by hybrid time, oldest first: the same on every node that has them."""
    return tuple(sorted(history, key=tie)[-MOST_HISTORY:])


def _is_id(text: str) -> bool:
    return len(text) == 12 and all(digit in "0123456789abcdef" for digit in text)


def _few(ids: Iterable[str]) -> str:
    return ", ".join(islice(ids, 5))
