"""What can be done about a run, from its own screen and from the list of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.dialogs.decide import Decide, Decided
from console.messages import Open
from console.presentation.runs import RESUMABLE, STATES, cancel_matter, resume_matter
from console.screens.frame import SyncdeckScreen
from engine.reconcile.history import ItemState, RunState

if TYPE_CHECKING:
    from engine.reconcile.history import RunSummary
    from engine.reconcile.results import StoredPlan

DIALOG_WIDTH = 64


class RunDeeds(SyncdeckScreen):
    """A screen with a run in hand."""

    @property
    def run_in_hand(self) -> RunSummary | None:
        """The run that keys are about."""
        return None

    def action_resume(self) -> None:
        run = self.run_in_hand
        if run is None:
            return
        number = run.run

        def go_on(decided: Decided | None) -> None:
            if decided is not None:
                what = f"go on with run {number}"
                self.deck.order(what, lambda engine: engine.reconcile.resume(number), self.deck.keep_result)
                self.resumed(run)

        self.deck.push_screen(Decide(resume_matter(run, DIALOG_WIDTH)), go_on)

    def resumed(self, run: RunSummary) -> None:
        """Show the run that goes on."""
        self.post_message(Open("run", str(run.run)))

    def action_cancel(self) -> None:
        run = self.run_in_hand
        if run is None:
            return
        number = run.run

        def stop(decided: Decided | None) -> None:
            if decided is not None:
                self.deck.order(f"stop run {number}", lambda engine: engine.reconcile.cancel(number))

        self.deck.push_screen(Decide(cancel_matter(run, DIALOG_WIDTH)), stop)

    def action_undo(self) -> None:
        """Make the inverse plan and show it; nothing is undone before that is approved and applied."""
        run = self.run_in_hand
        if run is None:
            return
        number = run.run

        def then(made: StoredPlan) -> None:
            self.post_message(Open("plan", made.digest))

        self.ask(f"make the plan that undoes run {number}", lambda engine: engine.reconcile.undo(number), then)

    def action_plan(self) -> None:
        run = self.run_in_hand
        if run is not None:
            self.post_message(Open("plan", run.digest))

    def why_not(self, action: str) -> str:
        run = self.run_in_hand
        if action not in {"resume", "cancel", "undo", "plan"}:
            return ""
        if run is None:
            return "There is no run here yet."
        state = STATES[run.state][0]
        if action == "resume" and run.state not in RESUMABLE:
            return f"Run {run.run} is {state}: nothing is left to go on with."
        if action == "cancel" and run.state is not RunState.RUNNING:
            return f"Run {run.run} is {state}: there is nothing to stop."
        if action == "undo" and run.state is RunState.RUNNING:
            return f"Run {run.run} is still running: stop it first (C)."
        if action == "undo" and not run.counts.get(ItemState.DONE):
            return f"Run {run.run} has changed nothing: there is nothing to undo."
        return ""

    def copied(self) -> str:
        return str(self.run_in_hand.run) if self.run_in_hand is not None else ""

    def command(self) -> str:
        return f"syncdeck runs show {self.run_in_hand.run}" if self.run_in_hand is not None else "syncdeck runs"
