"""The part of the workbench that makes something of the choices: a resolution, or a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.presentation.conflict_words import settle_matter
from console.screens.conflict_choosing import ConflictChoosing
from console.screens.conflict_deeds import DIALOG_WIDTH
from engine.errors import VersionConflict

if TYPE_CHECKING:
    from console.dialogs.decide import Decided
    from engine.events.merging.queue import Preview, Resolved


class ConflictSettling(ConflictChoosing):
    """A screen on one conflict that can be settled."""

    def look_again(self, name: str) -> None:
        """Show a conflict anew, as if it had not been looked at."""

    def go_to_conflict(self, by: int) -> None:
        """Show the next conflict that waits."""

    def action_settle(self) -> None:
        """Show what would be written; write it when that is agreed to."""
        detail = self.detail
        if detail is None:
            return
        contests = [verdict.contest for verdict in detail.view.open]
        choices = self.staging.choices(detail.summary.aggregate_id, contests)
        chosen_id = detail.summary.id

        def then(preview: Preview) -> None:
            self.decide(settle_matter(preview, DIALOG_WIDTH, self.size.height), write)

        def write(decided: Decided) -> None:
            self.carry_out(
                f"settle {detail.summary.aggregate_id}",
                lambda engine: engine.conflicts.resolve(chosen_id, choices, comment=decided.comment),
                self.written,
            )

        def failed(error: Exception) -> None:
            if isinstance(error, VersionConflict):
                self.it_moved_on(error)
            else:
                self.deck.show_failure("see what would be written", error)

        self.ask(
            "see what would be written",
            lambda engine: engine.conflicts.preview(chosen_id, choices),
            then,
            failed=failed,
        )

    def written(self, resolved: Resolved) -> None:
        """Forget what was staged, and go on to the next conflict that waits."""
        preview = resolved.preview
        self.staging.forget(preview.aggregate_id)
        if preview.undecided:
            self.deck.say(f"Settled in part: {preview.aggregate_id} still waits for other fields.")
            self.look_again(preview.aggregate_id)
        else:
            self.deck.say(f"Settled {preview.aggregate_id}.")
            self.go_to_conflict(1)

    def action_rule(self) -> None:
        """Propose a rule that would have decided as is decided here."""
        from console.presentation.rule_words import proposed
        from console.screens.rule import RuleScreen

        row, detail = self.row, self.detail
        if row is not None and detail is not None:
            self.deck.push_screen(RuleScreen(proposed(detail.summary.aggregate_id, row.contest, row.choice)))
