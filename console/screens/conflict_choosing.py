"""The part of the workbench that chooses: side by side, by hand, back and forth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.presentation.conflict_fields import FieldRow
from console.presentation.conflict_work import step_text
from console.presentation.conflicts import STATES, WAITING
from console.presentation.patches import field_name
from console.presentation.staging import Staging, Step
from console.screens.conflict_deeds import ConflictDeeds
from engine.events.merging.choices import chosen, refusal
from engine.events.merging.queue import Choice, Take
from engine.events.merging.values import ABSENT, Path

if TYPE_CHECKING:
    from console.dialogs.edit_value import Edited
    from engine.events.merging.queue import ConflictDetail

TAKES = {
    "take_left": Take.CANDIDATE,
    "take_right": Take.CANDIDATE,
    "take_both": Take.BOTH,
    "take_base": Take.BASE,
    "edit": Take.VALUE,
    "drop_field": Take.REMOVE,
    "undecide": None,
    "rule": None,
    "other_side(0)": None,
    "other_side(1)": None,
}
"""Actions on the field under the cursor."""
ON_ALL = {"all_left", "all_right", "settle"}


class ConflictChoosing(ConflictDeeds):
    """A screen on one conflict, with its rows and a row under the cursor."""

    detail: ConflictDetail | None = None
    rows: Sequence[FieldRow] = ()

    @property
    def row(self) -> FieldRow | None:
        """The field under the cursor."""
        return None

    @property
    def staging(self) -> Staging:
        """What was decided in this session and is not written yet."""
        return self.deck.kept("staging", Staging)

    def draw(self) -> None:
        """Draw what is known and chosen."""

    def go_to_undecided(self, by: int, *, first: bool = False) -> bool:
        """Put the cursor on the next undecided field; tell whether there is one."""
        return False

    def go_to_field(self, path: Path) -> None:
        """Put the cursor on a field."""

    # -- one field --------------------------------------------------------------------------------------------------

    def action_take_left(self) -> None:
        if self.row is not None:
            self.take(Choice(take=Take.CANDIDATE, candidate=self.row.left))

    def action_take_right(self) -> None:
        if self.row is not None:
            self.take(Choice(take=Take.CANDIDATE, candidate=self.row.right))

    def action_take_both(self) -> None:
        self.take(Choice(take=Take.BOTH))

    def action_take_base(self) -> None:
        self.take(Choice(take=Take.BASE))

    def action_drop_field(self) -> None:
        self.take(Choice(take=Take.REMOVE))

    def action_undecide(self) -> None:
        self.take(None)

    def take(self, choice: Choice | None) -> None:
        """Choose for the field under the cursor, or make it undecided; then go on to the next undecided one."""
        row, detail = self.row, self.detail
        if row is None or detail is None:
            return
        self.staging.stage(detail.summary.aggregate_id, [(row.contest, choice)])
        self.draw()
        if choice is not None:
            self.go_to_undecided(1)

    def action_edit(self) -> None:
        """Write the value by hand, starting from what was chosen so far, or from the right side."""
        from console.dialogs.edit_value import EditValue

        row = self.row
        if row is None:
            return
        contest = row.contest
        start = chosen(contest, row.choice) if row.choice is not None else row.side(row.right).value
        if start is ABSENT:
            start = contest.base if contest.base is not ABSENT else ""
        others = [contest.base, *(side.value for side in contest.candidates)]
        as_text = all(isinstance(value, str) or value is ABSENT for value in others)
        lines = any(isinstance(value, str) and "\n" in value for value in others)

        def edited(found: Edited | None) -> None:
            if found is not None:
                self.take(Choice(take=Take.VALUE, value=found.value))

        def problem(value: object) -> str:
            return refusal(contest, Choice(take=Take.VALUE, value=value))

        dialog = EditValue(field_name(contest.path), start, as_text=as_text, lines=lines, problem=problem)
        self.deck.push_screen(dialog, edited)

    # -- all fields -------------------------------------------------------------------------------------------------

    def action_all_left(self) -> None:
        self._take_all(left=True)

    def action_all_right(self) -> None:
        self._take_all(left=False)

    def _take_all(self, *, left: bool) -> None:
        detail = self.detail
        if detail is None:
            return
        waiting = [row for row in self.rows if not row.verdict.settled]
        chosen = [
            (row.contest, Choice(take=Take.CANDIDATE, candidate=row.left if left else row.right)) for row in waiting
        ]
        self.staging.stage(detail.summary.aggregate_id, chosen)
        self.draw()

    def action_step_back(self) -> None:
        step = self.staging.undo()
        if step is not None:
            self._show_step(step, back=True)

    def action_step_on(self) -> None:
        step = self.staging.redo()
        if step is not None:
            self._show_step(step, back=False)

    def _show_step(self, step: Step, *, back: bool) -> None:
        """Go to the field it was about, or say what it was about if that is elsewhere."""
        self.draw()
        if self.detail is not None and step.aggregate == self.detail.summary.aggregate_id:
            self.go_to_field(next(iter(step.after)))
        else:
            self.deck.say(f"{'Taken back' if back else 'Again'}: {step_text(step, back=back)}")

    # -- what is possible -------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        detail, row = self.detail, self.row
        if action == "step_back" and not self.staging.can_undo:
            return "Nothing was chosen yet that could be taken back."
        if action == "step_on" and not self.staging.can_redo:
            return "Nothing was taken back."
        if action not in TAKES and action not in ON_ALL:
            return super().why_not(action)
        if detail is None:
            return "The conflict is still being read."
        if action in TAKES and row is None:
            return "The cursor is on no field."
        if action.startswith("other_side") and row is not None and len(row.contest.candidates) == 2:
            return "This field has two sides only: both are shown."
        if action.startswith(("other_side", "rule")):
            return ""
        if detail.summary.state not in WAITING:
            state = STATES[detail.summary.state][0].partition(" ")[2]
            return f"This conflict is {state}: nothing can be chosen. U reopens a settled one."
        if row is not None and action in TAKES:
            return self._no_choice(action, row)
        if action == "settle" and not any(each.choice is not None for each in self.rows):
            return "Nothing is decided yet: h takes the left side of a field, l the right one."
        return ""

    def _no_choice(self, action: str, row: FieldRow) -> str:
        if row.verdict.settled:
            return "A rule settles this field. m makes another rule; a hides these fields."
        take = TAKES[action]
        if action == "undecide" and row.choice is None and not row.changed:
            return "This field is undecided."
        return refusal(row.contest, Choice(take=take)) if take in (Take.BOTH, Take.BASE, Take.REMOVE) else ""
