"""The conflicts of a whole log, kept in mind between two looks: only what changed since is reckoned again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

import msgspec

from engine.events.event import Position
from engine.events.log import EventLog, Filter
from engine.events.merging.docket import TYPES, Docket
from engine.events.merging.ports import Histories
from engine.events.merging.queue import ConflictId, ConflictState, ConflictSummary
from engine.events.merging.strategy import Strategy
from engine.events.merging.summaries import current
from engine.events.merging.view import view_of
from engine.events.own import COMPACTED, REDACTED, REINCARNATED
from engine.settings.replication import Rule

PAGE = 2_000
MOST_CHANGES = 20_000
"""With more new events than these, everything is reckoned again rather than looking for what they touched."""

AT_ONCE = 250
"""Aggregates evaluated between two turns of the event loop: some 20 ms."""

REWRITING = frozenset({REDACTED, REINCARNATED, COMPACTED})
"""What these tell of changed events that were looked at before: their payloads or their dots are others, or they are
gone."""


class Caseload:
    """Current conflicts by aggregate, and what operators said about conflicts. All use is from one event loop."""

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
        self._docket = Docket()
        """Another one when what was said before is not what it was; none that is looked at is half full."""

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

    @property
    def decided(self) -> Collection[str]:
        """The id of every conflict that was ever decided."""
        return self._docket.decided

    def past(self) -> Sequence[tuple[str, str]]:
        """Return the id and the aggregate of every conflict that was ever decided or claimed: decided ones first, the
        newest word first."""
        return self._docket.past()

    def settled_by_rules(self) -> list[ConflictSummary]:
        """Return current conflicts of which no operator is asked anything."""
        return [each for each in self._summaries.values() if each is not None and each.state is ConflictState.SETTLED]

    def _with_claim(self, summary: ConflictSummary) -> ConflictSummary:
        by = self._docket.claimed_by(summary.id)
        return msgspec.structs.replace(summary, state=ConflictState.CLAIMED, claimed_by=by) if by else summary

    async def _take_in(self, first: int, last: int) -> None:
        """Reckon what changed, and only then put it in the place of what others may be looking at meanwhile."""
        after = self._seen[1]
        touched = await self._touched(after, last) if first == self._seen[0] and after >= 0 else None
        docket, after = (Docket(), 0) if touched is None else (self._docket, after)
        await self._note_decisions(docket, after, last)
        names = await self._histories.contested()
        same = set() if touched is None else self._summaries.keys() - touched
        summaries = {name: self._summaries[name] for name in names if name in same}
        stale = iter([name for name in names if name not in summaries])
        while batch := list(islice(stale, AT_ONCE)):
            for name, events in (await self._histories.histories(batch)).items():
                summaries[name] = current(view_of(name, events, self._rules, self._strategies))
        self._docket, self._summaries = docket, summaries

    async def _touched(self, after: int, last: int) -> set[str] | None:
        """Return the aggregates of new events; None when all may have changed, and what was said about conflicts."""
        if last - after > MOST_CHANGES:
            return None
        touched: set[str] = set()
        while after < last:
            page = await self._log.page(Position(after), PAGE)
            if not page or any(event.type in REWRITING for event in page):
                return None
            touched.update(event.aggregate_id for event in page)
            after = page[-1].position
        return touched

    async def _note_decisions(self, docket: Docket, after: int, last: int) -> None:
        """Take in claims, releases and resolutions."""
        while after < last:
            page = await self._log.page(Position(after), PAGE, Filter(type=TYPES))
            for event in page:
                docket.note(event)
            if len(page) < PAGE:
                return
            after = page[-1].position
