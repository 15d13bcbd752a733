"""The queue of conflicts: what waits for an operator, who is at it, what was settled and how."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from console.keymap import bindings
from console.messages import News, Open
from console.presentation import conflict_filter
from console.presentation.conflict_filter import ConflictFilter
from console.presentation.conflicts import (
    VIEWS,
    WAITING,
    conflict_line,
    counts_line,
    heading,
    name_of,
    no_conflicts,
    view_line,
)
from console.presentation.spans import Line, Span
from console.presentation.staging import Staging
from console.screens.conflict_deeds import ConflictDeeds, concerns_conflicts
from console.widgets.filter_bar import FilterBar
from console.widgets.line_panel import LineStack
from console.widgets.record_list import RecordList
from console.widgets.still_list import StillList
from console.widgets.summary_rows import SummaryRows
from engine.events.merging.queue import ConflictId, ConflictSummary

MOST_LISTED = 5_000
READING: tuple[Line, ...] = ((Span("Reading the conflicts …", "dim"),),)


class ConflictsScreen(ConflictDeeds):
    """Mode 7."""

    CSS_PATH = "../styles/conflicts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("conflicts")]
    crumb = "Conflicts"

    def __init__(self) -> None:
        super().__init__()
        self.conflicts: Sequence[ConflictSummary] = ()
        self.view = next(iter(VIEWS))
        self.wanted = ConflictFilter()

    def body(self) -> Iterable[Widget]:
        yield FilterBar(placeholder=conflict_filter.HINT, id="conflict-filter")
        yield LineStack(self._titles, id="conflict-titles")
        yield StillList(empty=READING, id="conflicts")

    def on_mount(self) -> None:
        self.set_focus(self.records)

    @property
    def records(self) -> StillList:
        """The list."""
        return self.query_one(StillList)

    @property
    def bar(self) -> FilterBar:
        """The filter line."""
        return self.query_one(FilterBar)

    @property
    def staging(self) -> Staging:
        """What was decided in this session and is not written yet."""
        return self.deck.kept("staging", Staging)

    # -- what is shown ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        states = VIEWS[self.view]
        self.ask(
            "read the conflicts", lambda engine: engine.conflicts.queue(states=states, limit=MOST_LISTED), self.show
        )

    def hear(self, news: News) -> None:
        if concerns_conflicts(news):
            self.look()

    def show(self, conflicts: Sequence[ConflictSummary]) -> None:
        """Show these conflicts, or those among them that the filter lets through."""
        self.conflicts = conflicts
        engine = self.deck.engine
        if engine is None:
            return
        shown = [each for each in conflicts if self.wanted.lets_through(each)]
        rows = SummaryRows(shown, lambda each: each.id, self._line)
        self.records.marked &= {each.id for each in conflicts}
        self.records.show(rows, empty=no_conflicts(self.view, filtered=bool(self.wanted)))
        self.query_one(LineStack).draw_afresh()
        self.say_counts()

    def _line(self, summary: ConflictSummary, width: int) -> Line:
        engine = self.deck.engine
        if engine is None:
            return ()
        return conflict_line(summary, self.staging.decided(summary.aggregate_id), width, engine.clock.now())

    def _titles(self, width: int) -> list[Line]:
        return [view_line(self.view), heading(width - 2)]

    def say_counts(self) -> None:
        """Say how many are shown, marked, and decided without being written."""
        more = "+" if len(self.conflicts) >= MOST_LISTED else ""
        waiting = {each.aggregate_id for each in self.conflicts if each.state in WAITING}
        staged = sum(self.staging.decided(aggregate) for aggregate in waiting)
        self.bar.say(counts_line(len(self.shown), len(self.conflicts), len(self.records.marked), staged, more))

    @property
    def shown(self) -> Sequence[ConflictSummary]:
        """What the filter lets through, in the order of the list."""
        rows = self.records.rows
        return rows.summaries if isinstance(rows, SummaryRows) else ()

    @property
    def conflict_in_hand(self) -> ConflictSummary | None:
        rows = self.records.rows
        return rows.of_key(self.records.key) if isinstance(rows, SummaryRows) else None

    # -- narrowing, marking -----------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.set_focus(self.bar.field)

    @on(FilterBar.Changed)
    def filter_changed(self, event: FilterBar.Changed) -> None:
        wanted = conflict_filter.parse(event.text)
        self.bar.complain(wanted.problem)
        if not wanted.problem and wanted != self.wanted:
            self.wanted = wanted
            self.show(self.conflicts)

    @on(FilterBar.Left)
    def filter_left(self) -> None:
        self.set_focus(self.records)

    def action_back(self) -> None:
        """First back to the list, then show everything."""
        if not self.records.has_focus:
            self.set_focus(self.records)
        elif not self.bar.clear():
            self.deck.back()

    def action_states(self) -> None:
        views = list(VIEWS)
        self.view = views[(views.index(self.view) + 1) % len(views)]
        self.query_one(LineStack).draw_afresh()
        self.look()

    def action_mark(self) -> None:
        self.records.mark()
        self.say_counts()

    def action_mark_all(self) -> None:
        self.records.marked |= {each.id for each in self.shown}
        self.records.redraw()
        self.say_counts()

    def action_unmark(self) -> None:
        self.records.marked.clear()
        self.records.redraw()
        self.say_counts()

    # -- going on ---------------------------------------------------------------------------------------------------

    @on(RecordList.Opened)
    def open_conflict(self) -> None:
        self.deck.kept("queue", list[str])[:] = [each.aggregate_id for each in self.shown]
        summary = self.conflict_in_hand
        if summary is not None:
            self.post_message(Open("conflict", name_of(summary)))

    def action_settle_many(self) -> None:
        """Choose alike for all that are marked, or else for all that are shown."""
        from console.screens.conflict_bulk import ConflictBulkScreen

        self.deck.push_screen(ConflictBulkScreen(self.chosen, field=self.wanted.field))

    @property
    def chosen(self) -> list[ConflictId]:
        """The marked conflicts, also those that the filter hides, or else all that are shown; only those that wait."""
        marked = self.records.marked
        among = [each for each in self.conflicts if each.id in marked] if marked else self.shown
        return [each.id for each in among if each.state in WAITING]

    def why_not(self, action: str) -> str:
        if action == "settle_many" and not self.chosen:
            return "No conflict that waits is marked or shown."
        if action in {"mark", "mark_all"} and not self.shown:
            return "There is no conflict to mark."
        return super().why_not(action)

    def command(self) -> str:
        summary = self.conflict_in_hand
        if summary is not None:
            return super().command()
        options = {"field": self.wanted.field, "aggregate": self.wanted.aggregate}
        return " ".join(["syncdeck conflicts", *(f"--{k} {shlex.quote(v)}" for k, v in options.items() if v)])
