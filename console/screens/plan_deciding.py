"""The part of the plan preview that decides: approve, apply, reject, override, plan again, compare, keep in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from console.dialogs.ask_text import AskText
from console.dialogs.decide import Decide, Decided
from console.dialogs.reading import Reading
from console.messages import Failure, Open
from console.presentation.plan_comparison import compare, comparison_lines
from console.presentation.plan_words import (
    DECIDABLE,
    SHORT,
    STATES,
    Deed,
    Matter,
    approval_matter,
    override_matter,
    rejection_matter,
)
from console.screens.frame import SyncdeckScreen
from console.widgets.difference_view import DifferenceView
from engine.errors import SyncdeckError

if TYPE_CHECKING:
    from datetime import datetime

    from engine.assembly import Engine
    from engine.reconcile.plan import Plan
    from engine.reconcile.results import Readiness, StoredPlan

DIALOG_WIDTH = 64


class PlanDeciding(SyncdeckScreen):
    """A screen on one stored plan, whose taken items are in its `DifferenceView`."""

    stored: StoredPlan | None = None

    # -- approve and apply ------------------------------------------------------------------------------------------

    def action_approve(self) -> None:
        """Ask about exactly what is taken: all of the plan, or a plan of its own made from the chosen items."""
        stored, tree = self.stored, self.query_one(DifferenceView).plan_tree
        if stored is None or tree is None:
            return
        ticks = tree.ticks.kept()
        left_out = ticks.left_out

        async def prepare(engine: Engine) -> tuple[StoredPlan, Readiness]:
            plan = await engine.reconcile.select(stored.digest, ticks.chosen(stored.plan)) if left_out else stored
            return plan, await engine.reconcile.readiness(plan.digest)

        def then(found: tuple[StoredPlan, Readiness]) -> None:
            plan, readiness = found
            self.decide(approval_matter(plan, readiness, left_out, DIALOG_WIDTH), plan)

        self.ask("see what stands between this plan and its run", prepare, then)

    def action_reject(self) -> None:
        if self.stored is not None:
            self.decide(rejection_matter(self.stored, DIALOG_WIDTH), self.stored)

    def action_override(self) -> None:
        stored = self.stored
        if stored is None:
            return

        def then(readiness: Readiness) -> None:
            if readiness.refusals:
                self.decide(override_matter(stored, readiness, DIALOG_WIDTH), stored, readiness)

        self.ask("see which guards refuse", lambda engine: engine.reconcile.readiness(stored.digest), then)

    def decide(self, matter: Matter, stored: StoredPlan, readiness: Readiness | None = None) -> None:
        """Show everything once, and carry out what is decided."""

        def carry_out(decided: Decided | None) -> None:
            if decided is None:
                return
            match decided.deed:
                case Deed.APPLY:
                    self.apply(stored)
                case Deed.APPROVE:
                    self._decided(
                        lambda engine: engine.reconcile.approve(stored.digest, comment=decided.comment), stored
                    )
                case Deed.REJECT:
                    self._decided(
                        lambda engine: engine.reconcile.reject(stored.digest, comment=decided.comment), stored
                    )
                case Deed.OVERRIDE:
                    guards = [verdict.guard for verdict in readiness.refusals] if readiness is not None else []
                    self._decided(
                        lambda engine: engine.reconcile.approve(
                            stored.digest, comment=decided.comment, overrides=guards
                        ),
                        stored,
                    )

        self.deck.push_screen(Decide(matter), carry_out)

    def apply(self, stored: StoredPlan) -> None:
        """Start the run, which goes on whatever is looked at, and open its screen."""
        digest = stored.digest
        what = f"apply {stored.plan.sync} {digest[:SHORT]}"
        self.deck.order(what, lambda engine: engine.reconcile.apply(digest, confirmed=True), self.deck.keep_result)
        self.post_message(Open("run", f"plan:{digest}"))

    def _decided(self, decision: Callable[[Engine], object], stored: StoredPlan) -> None:
        opened = self.stored is not None and self.stored.digest == stored.digest

        def then(_: object) -> None:
            if opened:
                self.look()
            else:
                self.post_message(Open("plan", stored.digest))

        self.deck.order(f"decide about {stored.digest[:SHORT]}", decision, then)  # type: ignore[arg-type]

    # -- other plans ------------------------------------------------------------------------------------------------

    def action_plan(self) -> None:
        stored = self.stored
        if stored is None:
            return
        sync = stored.plan.sync
        self.deck.say(f"Reading both ends of {sync} …")

        def then(made: StoredPlan) -> None:
            self.post_message(Open("plan", made.digest))

        self.ask(f"plan {sync}", lambda engine: engine.reconcile.plan(sync), then)

    def action_compare(self) -> None:
        stored = self.stored
        if stored is None:
            return

        async def earlier(engine: Engine) -> Plan | None:
            for summary in await engine.reconcile.plans(sync=stored.plan.sync):
                if summary.created_at < stored.plan.created_at:
                    return (await engine.reconcile.load(summary.digest)).plan
            return None

        self.ask("read the previous plan", earlier, self._show_comparison)

    def _show_comparison(self, earlier: Plan | None) -> None:
        stored, engine = self.stored, self.deck.engine
        if stored is None or engine is None:
            return
        if earlier is None:
            self.deck.say(f"This is the first plan of {stored.plan.sync} that is kept here.")
            return
        self._compare(stored, earlier, engine.clock.now())

    @work(thread=True, exclusive=True, group="compare", exit_on_error=False)
    def _compare(self, stored: StoredPlan, earlier: Plan, now: datetime) -> None:
        lines = list(comparison_lines(compare(stored.plan, earlier), earlier, now))
        title = f"{stored.plan.sync} {stored.digest[:SHORT]}, and the plan before"
        self.app.call_from_thread(self.app.push_screen, Reading(title, lines))

    # -- a file -----------------------------------------------------------------------------------------------------

    def action_write(self) -> None:
        stored = self.stored
        if stored is None:
            return

        def problem(text: str) -> str:
            path = Path(text).expanduser()
            if path.exists():
                return f"{path} is there already; choose another name."
            return "" if path.parent.is_dir() else f"The folder {path.parent} does not exist; choose one that does."

        def begin(text: str | None) -> None:
            if text:
                self._write(stored, Path(text).expanduser())

        explanation = "The file that `syncdeck plan -o` writes; `syncdeck apply FILE` carries it out, anywhere."
        name = f"{stored.plan.sync}-{stored.digest[:SHORT]}.plan"
        self.deck.push_screen(AskText("Write the plan to a file", explanation, value=name, problem=problem), begin)

    @work(thread=True, group="write", exit_on_error=False)
    def _write(self, stored: StoredPlan, path: Path) -> None:
        from engine.reconcile.deciding.planfile import encode, write

        try:
            with path.open("xb") as file:
                write(encode(stored.plan), file)
        except (SyncdeckError, OSError) as error:
            self.app.call_from_thread(self.post_message, Failure(f"write {path}", error))
        else:
            self.app.call_from_thread(self.deck.say, f"Plan written to {path.resolve()}")

    # -- what is possible -------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        stored = self.stored
        if action not in {"approve", "reject", "override"}:
            return ""
        if stored is None:
            return "The plan is still being read."
        if stored.state not in DECIDABLE:
            return f"This plan is {STATES[stored.state][0]}: nothing can be decided about it any more. p plans again."
        tree = self.query_one(DifferenceView).plan_tree
        if action == "approve" and tree is not None and not tree.ticks.taken:
            return "Everything is left out: space or * takes items in again."
        if action == "override" and not stored.plan.refusals:
            return "No guard refuses this plan."
        return ""
