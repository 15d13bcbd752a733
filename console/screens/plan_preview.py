"""A plan before it is carried out: everything it would do and why, what to leave out, and the decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.worker import get_current_worker

from console.keymap import bindings
from console.messages import News
from console.presentation import change_filter
from console.presentation.change_filter import ChangeFilter
from console.presentation.change_lines import entry_detail, tree_line
from console.presentation.change_tree import ChangeTree
from console.presentation.changes import Level
from console.presentation.plan_words import DECIDABLE, SHORT, facts, selection_line
from console.presentation.spans import Line, Span, plain
from console.screens.plan_deciding import PlanDeciding
from console.widgets.difference_view import DifferenceView
from console.widgets.filter_bar import FilterBar
from console.widgets.line_panel import LinePanel, LineStack
from console.widgets.record_list import RecordList

if TYPE_CHECKING:
    from engine.reconcile.results import StoredPlan

CYCLE = ("", "op:-", "op:+", "op:~", "op:>", "op:parked")
READING: tuple[Line, ...] = ((Span("Reading the plan …", "dim"),),)


class PlanPreviewScreen(PlanDeciding):
    """What `Open("plan", digest)` opens; any unambiguous beginning of a digest will do."""

    CSS_PATH = "../styles/plan.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plan")]

    def __init__(self, digest: str) -> None:
        super().__init__()
        self.digest = digest
        self.detail_wanted: bool | None = None

    @property
    def crumb(self) -> str:
        return f"Plan {self.digest[:SHORT]}"

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._facts, id="facts")
        yield FilterBar(placeholder=change_filter.HINT, id="plan-filter")
        with Container(id="panes"):
            yield DifferenceView(empty=READING, id="difference")
            yield LinePanel(id="detail")

    def on_mount(self) -> None:
        self.query_one("#detail").display = False
        self.set_focus(self.difference)

    @property
    def difference(self) -> DifferenceView:
        """The tree."""
        return self.query_one(DifferenceView)

    @property
    def bar(self) -> FilterBar:
        """The filter line."""
        return self.query_one(FilterBar)

    # -- what is shown ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        self.ask(f"read plan {self.digest[:SHORT]}", lambda engine: engine.reconcile.load(self.digest), self.show_plan)

    def hear(self, news: News) -> None:
        topics = ("plan.", "run.started", "run.ended")
        if any(notice.topic.startswith(topics) and notice.topic != "plan.progress" for notice in news.notices):
            self.look()

    def show_plan(self, stored: StoredPlan) -> None:
        """Show the plan, or only its new state when it is on the screen already."""
        known = self.stored is not None and self.stored.digest == stored.digest
        self.stored = stored
        self.digest = stored.digest
        self.difference.choosable = stored.state in DECIDABLE
        self.query_one("#facts", LineStack).draw_afresh()
        self.deck.beat()
        if not known:
            self._lay_out(stored)

    @work(thread=True, exclusive=True, group="tree", exit_on_error=False)
    def _lay_out(self, stored: StoredPlan) -> None:
        worker = get_current_worker()
        tree = ChangeTree(stored.plan)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._show_tree, tree)

    def _show_tree(self, tree: ChangeTree) -> None:
        self.difference.show_tree(tree)
        self.difference.go_to(1 if tree.guards and not tree.guards_open and len(tree) > 1 else 0)
        if self.detail_wanted is None:
            self.query_one("#detail").display = self.size.width >= 140
        self._filter(self.bar.text)
        self.say_selection()
        self.show_detail()

    def _facts(self, width: int) -> list[Line]:
        if self.stored is None or self.deck.engine is None:
            return list(READING)
        return facts(self.stored, width, self.deck.engine.clock.now())

    @on(DifferenceView.Ticked)
    def say_selection(self) -> None:
        """Say how much is shown and taken."""
        tree = self.difference.plan_tree
        if tree is not None:
            shown = len(tree.shown_changes()) if tree.filter else None
            self.bar.say(selection_line(tree.ticks, shown))
            self.show_detail()

    @on(RecordList.Moved)
    def show_detail(self) -> None:
        """Show everything about the line under the cursor, if the detail is open."""
        tree, place, panel = self.difference.plan_tree, self.difference.place, self.query_one("#detail", LinePanel)
        if tree is None or place is None or not panel.display:
            return
        if place.level in {Level.ITEM, Level.FIELD}:
            panel.show(lambda width: entry_detail(tree, place, width - 1))
        else:
            panel.show(lambda width: self._head_detail(tree, width - 1))

    def _head_detail(self, tree: ChangeTree, width: int) -> list[Line]:
        from console.presentation.head_detail import head_detail

        place = self.difference.place
        return head_detail(tree, place, width) if place is not None else []

    # -- narrowing --------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.set_focus(self.bar.field)

    @on(FilterBar.Changed)
    def filter_changed(self, event: FilterBar.Changed) -> None:
        self._filter(event.text)

    @on(FilterBar.Left)
    def filter_left(self) -> None:
        self.set_focus(self.difference)

    def _filter(self, text: str) -> None:
        tree = self.difference.plan_tree
        wanted = change_filter.parse(text)
        self.bar.complain(wanted.problem)
        if tree is not None and not wanted.problem and wanted != tree.filter:
            self._arrange(tree, wanted, by_name=tree.by_name)

    def action_sort(self) -> None:
        tree = self.difference.plan_tree
        if tree is not None:
            self._arrange(tree, tree.filter, by_name=not tree.by_name)

    @work(thread=True, exclusive=True, group="arrange", exit_on_error=False)
    def _arrange(self, tree: ChangeTree, wanted: ChangeFilter, *, by_name: bool) -> None:
        worker = get_current_worker()
        groups = tree.arranged(wanted, by_name=by_name)

        def show() -> None:
            if self.difference.plan_tree is tree:
                self.difference.rearrange(groups, wanted, by_name=by_name)
                self.say_selection()

        if not worker.is_cancelled:
            self.app.call_from_thread(show)

    def action_cycle(self) -> None:
        text = self.bar.text
        step = CYCLE.index(text) + 1 if text in CYCLE else 0
        self.bar.field.value = CYCLE[step % len(CYCLE)]

    def action_detail(self) -> None:
        panel = self.query_one("#detail")
        panel.display = self.detail_wanted = not panel.display
        self.show_detail()

    def action_back(self) -> None:
        """First back to the tree, then close the detail where it covers the tree, then show everything, then leave."""
        panel = self.query_one("#detail")
        if not self.difference.has_focus:
            self.set_focus(self.difference)
        elif panel.display and self.size.width < 100:
            panel.display = False
        elif not self.bar.clear():
            self.deck.back()

    # -- copying ----------------------------------------------------------------------------------------------------

    def copied(self) -> str:
        tree, place = self.difference.plan_tree, self.difference.place
        if tree is None or place is None:
            return self.digest
        if place.level in {Level.ITEM, Level.FIELD}:
            return "\n".join(plain(line).rstrip() for line in entry_detail(tree, place, 120))
        return " ".join(plain(tree_line(tree, place, 200)).split())

    def command(self) -> str:
        return f"syncdeck apply {self.digest[:12]}"
