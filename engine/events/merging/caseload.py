"""The conflicts of a whole log, kept in mind between two looks: only what changed since is reckoned again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from engine.events.event import Event, Position
from engine.events.log import EventLog, Filter
from engine.events.merging.causality import tie
from engine.events.merging.ports import Histories
from engine.events.merging.queue import ConflictId, ConflictState, ConflictSummary
from engine.events.merging.strategy import Strategy
from engine.events.merging.summaries import current
from engine.events.merging.view import view_of
from engine.events.own import REDACTED, RESOLVED
from engine.settings.replication import Rule

CLAIMED = "conflict.claimed"
RELEASED = "conflict.released"
AGGREGATE = "conflict:"
"""Before a conflict's id: what claims and releases are about."""

PAGE = 2_000
MOST_CHANGES = 20_000
"""With more new events than these, everything is reckoned again rather than looking for what they touched."""

AT_ONCE = 250
"""Aggregates evaluated between two turns of the event loop: some 20 ms."""


class Claim(msgspec.Struct, frozen=True):
    """The newest word about who is at a conflict."""

    at: tuple[int, str, int]
    by: str
    aggregate: str


class Caseload:
    """Current conflicts by aggregate, claims and past resolutions by conflict. All use is from one event loop."""

    def __init__(
        self, log: EventLog, histories: Histories, rules: Sequence[Rule], strategies: Mapping[str, Strategy]
    ) -> None:
        self._log = log
        self._histories = histories
        self._rules = rules
        self._strategies = strategies
        self._turn = asyncio.Lock()
        self._seen: tuple[int, int] = (1, -1)
        """First and last position when it was looked last."""
        self._summaries: dict[str, ConflictSummary | None] = {}
        self._waiting: Mapping[ConflictId, ConflictSummary] = {}
        self._claims: dict[str, Claim] = {}
        self.resolved: dict[str, dict[str, None]] = {}
        """Aggregates of past conflicts by their ids, the newest decision last."""

    async def refresh(self) -> Mapping[ConflictId, ConflictSummary]:
        """Look at what the log has got since, and return the conflicts that wait for an operator, by id; the very same
        mapping while nothing happened."""
        async with self._turn:
            first, last = await self._log.bounds()
            if (first, last) != self._seen:
                await self._take_in(first, last)
                self._seen = (first, last)
                self._waiting = {
                    summary.id: self._with_claim(summary)
                    for summary in self._summaries.values()
                    if summary is not None and summary.state is ConflictState.OPEN
                }
            return self._waiting

    def settled_by_rules(self) -> list[ConflictSummary]:
        """Return current conflicts of which no operator is asked anything."""
        return [each for each in self._summaries.values() if each is not None and each.state is ConflictState.SETTLED]

    def past(self) -> Iterator[tuple[str, str]]:
        """Yield the id and the aggregate of every conflict that was ever decided or claimed: decided ones first, the
        newest decision first."""
        for conflict, aggregates in reversed(self.resolved.items()):
            yield conflict, next(reversed(aggregates))
        for conflict, claim in self._claims.items():
            if conflict not in self.resolved and claim.aggregate:
                yield conflict, claim.aggregate

    def _with_claim(self, summary: ConflictSummary) -> ConflictSummary:
        claim = self._claims.get(summary.id)
        if claim is None or not claim.by:
            return summary
        return msgspec.structs.replace(summary, state=ConflictState.CLAIMED, claimed_by=claim.by)

    async def _take_in(self, first: int, last: int) -> None:
        after = self._seen[1]
        touched = await self._touched(after, last) if first == self._seen[0] and after >= 0 else None
        await self._note_decisions(max(after, 0), last)
        names = await self._histories.contested()
        before = self._summaries
        self._summaries = {
            name: before[name] for name in names if name in before and touched is not None and name not in touched
        }
        stale = iter([name for name in names if name not in self._summaries])
        while batch := list(islice(stale, AT_ONCE)):
            for name, events in (await self._histories.histories(batch)).items():
                self._summaries[name] = current(view_of(name, events, self._rules, self._strategies))

    async def _touched(self, after: int, last: int) -> set[str] | None:
        """Return the aggregates of new events; None when all may have changed."""
        if last - after > MOST_CHANGES:
            return None
        touched: set[str] = set()
        while after < last:
            page = await self._log.page(Position(after), PAGE)
            if not page or any(event.type == REDACTED for event in page):
                return None
            touched.update(event.aggregate_id for event in page)
            after = page[-1].position
        return touched

    async def _note_decisions(self, after: int, last: int) -> None:
        """Take in claims, releases and resolutions."""
        while after < last:
            page = await self._log.page(Position(after), PAGE, Filter(type="conflict.*"))
            for event in page:
                self._note(event)
            if len(page) < PAGE:
                return
            after = page[-1].position

    def _note(self, event: Event) -> None:
        if event.type == RESOLVED:
            conflict = _text(event.metadata.get("conflict"))
            aggregates = self.resolved.pop(conflict, {})
            self.resolved[conflict] = {**aggregates, event.aggregate_id: None}
        elif event.type in (CLAIMED, RELEASED) and event.aggregate_id.startswith(AGGREGATE):
            conflict = event.aggregate_id.removeprefix(AGGREGATE)
            by = _text(event.metadata.get("actor")) if event.type == CLAIMED else ""
            claim = Claim(tie(event), by, _text(event.metadata.get("aggregate")))
            known = self._claims.get(conflict)
            if known is None or claim.at > known.at:
                self._claims[conflict] = claim


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
