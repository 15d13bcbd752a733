"""Writing decisions: what is appended knows all that it decides about, or is not appended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.errors import EventRefused, NothingFound, ReadOnly, VersionConflict
from engine.events.event import Event, NewEvent
from engine.events.log import EventLog
from engine.events.merging.choices import preview_of, settles
from engine.events.merging.docket import AGGREGATE, CLAIMED, RELEASED
from engine.events.merging.evaluate import conflict_id, evaluate
from engine.events.merging.lookup import Lookup, Waiting, id_of
from engine.events.merging.queue import Choices, ConflictId, ConflictSummary, Preview, Resolved
from engine.events.merging.resolutions import undone
from engine.events.merging.strategy import Strategy
from engine.events.merging.summaries import standing_resolutions
from engine.events.merging.values import View
from engine.events.own import REOPENED, RESOLVED
from engine.events.vector import Vector
from engine.settings.replication import Rule

TRIES = 5
"""How often a decision is made anew when another event of its aggregate got in between. The conflict has to be the
same each time, else it is refused."""

_TOO_FAST = "The aggregate changes faster than a decision about it can be written. Nothing was written; try again."


class Deciding:
    """Appends what one actor decided."""

    def __init__(
        self,
        log: EventLog,
        lookup: Lookup,
        rules: Sequence[Rule],
        strategies: Mapping[str, Strategy],
        *,
        actor: str,
        read_only: bool,
    ) -> None:
        self._log = log
        self._lookup = lookup
        self._rules = rules
        self._strategies = strategies
        self._actor = actor
        self._read_only = read_only

    async def waiting(self, conflict: str, waiting: Waiting) -> tuple[View, Sequence[Event]]:
        """Return a conflict's view and history. Raises `VersionConflict` when it does not wait for anybody now."""
        summary = self._lookup.named(conflict, waiting)
        if summary is None:
            raise await self._lookup.moved_on(conflict)
        history = await self._lookup.history(summary.aggregate_id)
        view = self._lookup.view(summary.aggregate_id, history)
        if id_of(view) != summary.id or not view.open:
            raise await self._lookup.moved_on(summary.id)
        return view, history

    async def resolve(
        self, conflicts: Sequence[str], decide: Callable[[View], Choices], comment: str, waiting: Waiting
    ) -> Sequence[Resolved]:
        """Write decisions on conflicts, all or none; those that nothing is decided about are left out."""
        self._may_write()
        for _ in range(TRIES):
            expected: dict[str, Vector] = {}
            previews: list[Preview] = []
            events: list[NewEvent] = []
            for conflict in dict.fromkeys(conflicts):
                view, history, version = await self._at_version(conflict, waiting)
                choices = decide(view)
                if choices:
                    preview = preview_of(view, history, choices, self._rules, self._strategies)
                    expected[view.aggregate_id] = version
                    previews.append(preview)
                    events.append(self._resolution(preview, settles(view, choices), comment))
            written = await self._append(events, expected)
            if written is not None:
                return [Resolved(preview=each, event=event) for each, event in zip(previews, written, strict=True)]
        raise VersionConflict(_TOO_FAST)

    async def undo(self, conflict: str, aggregate: str) -> Event:
        """Take back every standing decision on a conflict, so that it waits again exactly as it did."""
        self._may_write()
        for _ in range(TRIES):
            _, version = await self._log.version(aggregate)
            history = await self._lookup.history(aggregate)
            standing = standing_resolutions(ConflictId(conflict), history)
            if not standing:
                raise NothingFound(f"Nobody's decision on conflict {conflict} stands, so there is none to undo.")
            _refuse_without_effect(conflict, history, standing)
            written = await self._append([self._reopening(conflict, event) for event in standing], {aggregate: version})
            if written is not None:
                return written[-1]
        raise VersionConflict(_TOO_FAST)

    async def claim(self, conflict: str, waiting: Waiting) -> None:
        """Tell everybody that this actor is at a conflict."""
        self._may_write()
        summary = self._lookup.named(conflict, waiting)
        if summary is None:
            raise await self._lookup.moved_on(conflict)
        await self._say(CLAIMED, summary, {"by": self._actor})

    async def release(self, conflict: str, waiting: Waiting) -> None:
        """Tell everybody that nobody is at a conflict any more; anyone may, for somebody who went home."""
        self._may_write()
        summary = self._lookup.named(conflict, waiting)
        if summary is None:
            raise await self._lookup.moved_on(conflict)
        if not summary.claimed_by:
            raise EventRefused(f"Nobody has claimed conflict {summary.id}, so there is nothing to release.")
        await self._say(RELEASED, summary, {"by": None})

    async def _at_version(self, conflict: str, waiting: Waiting) -> tuple[View, Sequence[Event], Vector]:
        """Return view and history, and a version that was the aggregate's before they were read."""
        summary = self._lookup.named(conflict, waiting)
        if summary is None:
            raise await self._lookup.moved_on(conflict)
        _, version = await self._log.version(summary.aggregate_id)
        return *await self.waiting(summary.id, waiting), version

    async def _append(self, events: Sequence[NewEvent], expected: Mapping[str, Vector]) -> Sequence[Event] | None:
        """Append events; None when an aggregate changed since it was read, so that they have to be made anew."""
        if not events:
            return ()
        try:
            return await self._log.append(events, expected=expected, own=True)
        except VersionConflict:
            return None

    async def _say(self, event_type: str, summary: ConflictSummary, data: Mapping[str, Any]) -> None:
        metadata = {"actor": self._actor, "aggregate": summary.aggregate_id}
        event = NewEvent(type=event_type, aggregate_id=f"{AGGREGATE}{summary.id}", data=data, metadata=metadata)
        await self._log.append([event], own=True)

    def _resolution(self, preview: Preview, sides: Sequence[str], comment: str) -> NewEvent:
        metadata = {"actor": self._actor, "conflict": preview.conflict, "settles": list(sides)}
        if comment:
            metadata["comment"] = comment
        return NewEvent(type=RESOLVED, aggregate_id=preview.aggregate_id, data=preview.patch, metadata=metadata)

    def _reopening(self, conflict: str, resolution: Event) -> NewEvent:
        metadata = {"actor": self._actor, "conflict": conflict, "undoes": str(resolution.dot)}
        return NewEvent(type=REOPENED, aggregate_id=resolution.aggregate_id, data={}, metadata=metadata)

    def _may_write(self) -> None:
        if self._read_only:
            raise ReadOnly("This console only looks: conflicts are settled where the workspace may be written.")


def _refuse_without_effect(conflict: str, history: Sequence[Event], standing: Sequence[Event]) -> None:
    """Raise `VersionConflict` if undoing would not bring the conflict back: somebody went on from its outcome."""
    gone = undone(history) | {event.dot for event in standing}
    contests = evaluate([event for event in history if event.dot not in gone]).contests
    if not contests or conflict_id(standing[0].aggregate_id, contests) != conflict:
        raise VersionConflict(
            f"Conflict {conflict} would not come back: {standing[0].aggregate_id} was changed since it was settled. "
            "Change the field again instead of undoing the decision."
        )
