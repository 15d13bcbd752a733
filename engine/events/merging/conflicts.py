"""Conflicts for operators: the queue, what stands against what, decisions and their undoing. All of it replicates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from engine.errors import EventRefused
from engine.events.event import Event, Position
from engine.events.log import EventLog
from engine.events.merging.backtest import back_test
from engine.events.merging.caseload import Caseload
from engine.events.merging.choices import fitting, preview_of
from engine.events.merging.deciding import Deciding
from engine.events.merging.lookup import Lookup, Waiting
from engine.events.merging.patterns import matches
from engine.events.merging.ports import Histories
from engine.events.merging.queue import (
    BackTest,
    Choice,
    Choices,
    ConflictDetail,
    ConflictState,
    ConflictSummary,
    Preview,
    Resolved,
)
from engine.events.merging.strategy import Strategy
from engine.events.merging.values import View, dotted
from engine.events.merging.watching import told
from engine.notices import Notices
from engine.settings.replication import Rule

WAITING = (ConflictState.OPEN, ConflictState.CLAIMED)


class Conflicts:
    """The queue of conflicts and everything that operators do with it.

    Publishes `conflict.opened`, `.settled`, `.reopened`, `.claimed` and `.released` (subject: the id, detail: the
    `ConflictSummary`) whenever a look at the log finds it, whoever did it on whichever node. Changing methods raise
    `ReadOnly` where the engine only looks, and `VersionConflict` when the conflict has moved on.
    """

    def __init__(
        self,
        log: EventLog,
        histories: Histories,
        rules: Sequence[Rule],
        strategies: Mapping[str, Strategy],
        notices: Notices,
        *,
        actor: str,
        read_only: bool = False,
    ) -> None:
        self._histories = histories
        self._rules = tuple(rules)
        self._strategies = strategies
        self._notices = notices
        self._cases = Caseload(log, histories, self._rules, strategies)
        self._lookup = Lookup(self._cases, histories, self._rules, strategies)
        self._deciding = Deciding(log, self._lookup, self._rules, strategies, actor=actor, read_only=read_only)
        self._log = log
        self._seen: Waiting | None = None

    @property
    def rules(self) -> Sequence[Rule]:
        return self._rules

    @property
    def strategies(self) -> Mapping[str, Strategy]:
        return self._strategies

    async def queue(
        self,
        *,
        states: Collection[ConflictState] = WAITING,
        field: str = "",
        aggregate: str = "",
        limit: int = 1_000,
    ) -> Sequence[ConflictSummary]:
        """Return conflicts, those with the newest sides first, of one moment by aggregate; of those that are over the
        last decided ones, if there are more.

        `field` and `aggregate` are patterns with * and ?.
        """

        def wanted(each: ConflictSummary) -> bool:
            return (
                each.state in states
                and (not aggregate or matches(aggregate, each.aggregate_id))
                and (not field or any(matches(field, dotted(path)) for path in each.fields))
            )

        waiting = await self._look()
        found = [each for each in waiting.values() if wanted(each)]
        if not set(states) <= set(WAITING):
            found += await self._lookup.past(waiting, aggregate, wanted, limit)
        found.sort(key=lambda each: (each.aggregate_id, each.id))
        found.sort(key=lambda each: each.since.timestamp() if each.since else 0.0, reverse=True)
        return found[:limit]

    async def count(self) -> int:
        """Return how many conflicts wait for an operator; one look at the log's end when nothing happened."""
        return len(await self._look())

    async def show(self, conflict: str) -> ConflictDetail:
        """Return a conflict by its id, the beginning of its id, or its aggregate.

        A conflict that is over is shown as its resolver saw it. Raises `NothingFound`.
        """
        return await self._lookup.detail(conflict, await self._look())

    async def view(self, aggregate: str, *, until: Position | None = None) -> View:
        """Return an aggregate as the rules show it, now or as of a position."""
        history = await self._log.history(aggregate, until=until)
        return self._lookup.view(aggregate, history)

    async def preview(self, conflict: str, choices: Choices) -> Preview:
        """Return what a resolution would write. Raises `EventRefused` for choices that make no sense."""
        view, history = await self._deciding.waiting(conflict, await self._look())
        return preview_of(view, history, choices, self._rules, self._strategies)

    async def preview_many(self, conflicts: Sequence[str], choice: Choice, *, field: str = "") -> Sequence[Preview]:
        """Return what the same choice would write for every contested field that it fits and whose name matches."""
        previews = []
        for conflict in conflicts:
            view, history = await self._deciding.waiting(conflict, await self._look())
            if choices := fitting(view, choice, field):
                previews.append(preview_of(view, history, choices, self._rules, self._strategies))
        return previews

    async def resolve(self, conflict: str, choices: Choices, *, comment: str = "") -> Resolved:
        """Write a decision. What nothing was decided about stays open."""
        if not choices:
            raise EventRefused("Nothing was decided, so nothing was written. Choose a side for at least one field.")
        (resolved,) = await self._resolve([conflict], lambda view: choices, comment)  # noqa: ARG005
        return resolved

    async def resolve_many(
        self, conflicts: Sequence[str], choice: Choice, *, field: str = "", comment: str = ""
    ) -> Sequence[Resolved]:
        """Write the same decision for every contested field that it fits: for all of these conflicts, or for none."""
        return await self._resolve(conflicts, lambda view: fitting(view, choice, field), comment)

    async def undo(self, conflict: str) -> Event:
        """Take back what was decided about a conflict, so that it waits again as it did.

        Raises `VersionConflict` when somebody changed the aggregate since in a way that keeps it from coming back.
        """
        detail = await self.show(conflict)
        event = await self._deciding.undo(detail.summary.id, detail.summary.aggregate_id)
        await self._look()
        return event

    async def claim(self, conflict: str) -> None:
        """Tell all operators, on every node, that this one is at a conflict. Keeps nobody out."""
        await self._deciding.claim(conflict, await self._look())
        await self._look()

    async def release(self, conflict: str) -> None:
        """Tell all operators that nobody is at a conflict any more."""
        await self._deciding.release(conflict, await self._look())
        await self._look()

    async def back_test(self, rules: Sequence[Rule]) -> BackTest:
        """Try rules on every decision of the past that stands and on every conflict that waits. Writes nothing."""
        waiting = await self._look()
        names = {aggregate for _, aggregate in self._cases.past()}
        names |= {each.aggregate_id for each in (*waiting.values(), *self._cases.settled_by_rules())}
        histories = await self._histories.histories(names)
        return back_test((histories[name] for name in sorted(histories)), rules, self._strategies)

    async def _resolve(
        self, conflicts: Sequence[str], decide: Callable[[View], Choices], comment: str
    ) -> Sequence[Resolved]:
        resolved = await self._deciding.resolve(conflicts, decide, comment, await self._look())
        await self._look()
        return resolved

    async def _look(self) -> Waiting:
        """Return the conflicts that wait, and publish what happened since the look before."""
        now = await self._cases.refresh()
        before, self._seen = self._seen, now
        if before is not None and before is not now:
            gone = {identity for identity in before if identity not in now}
            over = [(conflict, about) for conflict, about in self._cases.past() if conflict in gone] if gone else []
            ended: dict[str, ConflictSummary] = {each.id: each for each in await self._lookup.ended(over)}
            for notice in told(before, now, ended, self._cases.decided):
                self._notices.publish(notice)
        return now
