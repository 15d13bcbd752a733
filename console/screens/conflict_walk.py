"""The part of the workbench that goes from one undecided field to the next, and from one conflict to the next."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from console.presentation.conflict_work import rows_of
from console.screens.conflict_settling import ConflictSettling
from console.widgets.still_list import StillList
from engine.events.merging.values import Path

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.merging.queue import ConflictDetail


class ConflictWalk(ConflictSettling):
    """A screen on one conflict of a queue."""

    @property
    def fields(self) -> StillList:
        """The list of fields."""
        return self.query_one(StillList)

    @property
    def queue(self) -> list[str]:
        """The aggregates in conflict as the list showed them, to go on from one to the next. (An aggregate has one
        conflict at most that waits; its id changes with every side, its aggregate does not.)"""
        return self.deck.kept("queue", list[str])

    @property
    def place(self) -> str:
        """Where this conflict stands in the list it was opened from."""
        here = self.detail.summary.aggregate_id if self.detail is not None else ""
        return f"{self.queue.index(here) + 1} of {len(self.queue)}" if here in self.queue else ""

    def go_to_first(self) -> None:
        """Put the cursor on the first undecided field, or else on the first."""
        if not self.go_to_undecided(1, first=True) and self.rows:
            self.fields.go_to_key(self.rows[0].path)

    def go_to_field(self, path: Path) -> None:
        self.fields.go_to_key(path)

    def go_to_undecided(self, by: int, *, first: bool = False) -> bool:
        """Put the cursor on the next undecided field of this conflict; tell whether there is one."""
        paths = [row.path for row in self.rows if row.undecided]
        order: list[Hashable] = [row.path for row in self.rows]
        here = self.fields.key
        at = -1 if first or here not in order else order.index(here)
        ahead = [path for path in paths if (order.index(path) - at) * by > 0]
        if ahead:
            self.fields.go_to_key(ahead[0] if by > 0 else ahead[-1])
        return bool(ahead)

    def action_undecided(self, by: int) -> None:
        """Go to the next undecided field, of the next conflict if there is none in this one."""
        if not self.go_to_undecided(by):
            self.go_to_conflict(by)

    def go_to_conflict(self, by: int) -> None:
        """Show the next conflict of the list that waits, and of which something is undecided."""
        here = self.detail.summary.aggregate_id if self.detail is not None else ""
        at = self.queue.index(here) if here in self.queue else -1 if by > 0 else len(self.queue)
        ahead = self.queue[at + 1 :] if by > 0 else self.queue[:at][::-1]
        self.ask("find the next conflict", lambda engine: self.next_waiting(engine, ahead), self.arrived)

    async def next_waiting(self, engine: Engine, ahead: Sequence[str]) -> ConflictDetail | None:
        """Return the first of these aggregates' conflicts that still waits and is not decided here already."""
        waiting = {each.aggregate_id: each.id for each in await engine.conflicts.queue()}
        for aggregate in ahead:
            if aggregate in waiting:
                detail = await engine.conflicts.show(waiting[aggregate])
                if any(row.undecided for row in rows_of(detail, self.staging, {})):
                    return detail
        return None

    def arrived(self, detail: ConflictDetail | None) -> None:
        """Show the conflict that was gone to."""
        if detail is None:
            self.deck.say("No further undecided conflict here.")
            self.look()
            return
        self.turn_to(detail)

    def turn_to(self, detail: ConflictDetail) -> None:
        """Show another conflict in the place of this one."""
