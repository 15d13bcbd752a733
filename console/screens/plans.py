"""Every kept plan, newest first: what it would do, where it stands, what refuses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from console.keymap import bindings
from console.messages import News, Open
from console.presentation.plans import no_plans, plan_line, plans_heading
from console.presentation.spans import Line, Span
from console.screens.frame import SyncdeckScreen
from console.widgets.line_panel import LineStack
from console.widgets.record_list import RecordList
from console.widgets.summary_rows import SummaryRows

if TYPE_CHECKING:
    from engine.reconcile.history import PlanSummary
    from engine.reconcile.results import StoredPlan

LIMIT = 1_000
READING: tuple[Line, ...] = ((Span("Reading the plans …", "dim"),),)


class PlansScreen(SyncdeckScreen):
    """Mode 4."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plans")]
    crumb = "Plans"

    def __init__(self) -> None:
        super().__init__()
        self.plans: Sequence[PlanSummary] = ()
        self.sync = ""

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._titles, id="plan-titles")
        yield RecordList(empty=READING, id="plans")

    def on_mount(self) -> None:
        self.query_one(RecordList).focus()

    def look(self) -> None:
        self.ask("read the plans", lambda engine: engine.reconcile.plans(limit=LIMIT), self.show)

    def hear(self, news: News) -> None:
        if any(
            notice.topic.startswith(("plan.", "run.")) and "progress" not in notice.topic for notice in news.notices
        ):
            self.look()

    def show(self, plans: Sequence[PlanSummary]) -> None:
        """Show these plans, or those of one sync among them."""
        self.plans = plans
        engine = self.deck.engine
        if engine is None:
            return
        shown = [plan for plan in plans if self.sync in {"", plan.sync}]
        rows = SummaryRows(
            shown, lambda plan: plan.digest, lambda plan, width: plan_line(plan, width, engine.clock.now())
        )
        self.query_one(RecordList).show(rows, empty=no_plans(self.sync))
        self.query_one(LineStack).draw_afresh()

    def _titles(self, width: int) -> list[Line]:
        if not self.plans:
            return []
        only = (Span(f"  only {self.sync}: ", "accent"), Span("s shows all", "dim"))
        return [(*plans_heading(width - 2), *(only if self.sync else ()))]

    @property
    def plan(self) -> PlanSummary | None:
        """The plan under the cursor."""
        rows = self.query_one(RecordList).rows
        return rows.of_key(self.query_one(RecordList).key) if isinstance(rows, SummaryRows) else None

    @on(RecordList.Opened)
    def open_plan(self, event: RecordList.Opened) -> None:
        self.post_message(Open("plan", str(event.key)))

    def action_of_sync(self) -> None:
        plan = self.plan
        self.sync = "" if self.sync or plan is None else plan.sync
        self.show(self.plans)

    def action_plan(self) -> None:
        chosen = self.plan
        if chosen is None:
            return
        sync = chosen.sync

        def then(made: StoredPlan) -> None:
            self.post_message(Open("plan", made.digest))

        self.deck.say(f"Reading both ends of {sync} …")
        self.ask(f"plan {sync}", lambda engine: engine.reconcile.plan(sync), then)

    def why_not(self, action: str) -> str:
        if action in {"plan", "of_sync"} and self.plan is None and not self.sync:
            return "There is no plan here yet: the overview (1) makes one with p."
        return ""

    def copied(self) -> str:
        return self.plan.digest if self.plan is not None else ""

    def command(self) -> str:
        return f"syncdeck apply {self.plan.digest[:12]}" if self.plan is not None else "syncdeck plan"
