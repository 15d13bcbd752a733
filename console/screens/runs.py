"""Every run, newest first: what came of it, and whether the targets were read back as planned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from console.keymap import bindings
from console.messages import News, Open
from console.presentation.runs import no_runs, run_line, runs_heading
from console.presentation.spans import Line, Span
from console.screens.run_deeds import RunDeeds
from console.widgets.line_panel import LineStack
from console.widgets.record_list import RecordList
from console.widgets.summary_rows import SummaryRows

if TYPE_CHECKING:
    from engine.reconcile.history import RunSummary

LIMIT = 1_000
FRESH_SECONDS = 2
"""Runs of other processes send no notices here: look again this often."""
READING: tuple[Line, ...] = ((Span("Reading the runs …", "dim"),),)


class RunsScreen(RunDeeds):
    """Mode 5."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs")]
    crumb = "Runs"

    def __init__(self) -> None:
        super().__init__()
        self.runs: Sequence[RunSummary] = ()
        self.sync = ""

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._titles, id="run-titles")
        yield RecordList(empty=READING, id="runs")

    def on_mount(self) -> None:
        self.query_one(RecordList).focus()
        self.set_interval(FRESH_SECONDS, self.look_if_shown)

    def look(self) -> None:
        self.ask("read the runs", lambda engine: engine.reconcile.runs(limit=LIMIT), self.show)

    def hear(self, news: News) -> None:
        if any(notice.topic.startswith("run.") and notice.topic != "run.progress" for notice in news.notices):
            self.look()

    def show(self, runs: Sequence[RunSummary]) -> None:
        """Show these runs, or those of one sync among them."""
        self.runs = runs
        engine = self.deck.engine
        if engine is None:
            return
        shown = [run for run in runs if self.sync in {"", run.sync}]
        rows = SummaryRows(shown, lambda run: run.run, lambda run, width: run_line(run, width, engine.clock.now()))
        self.query_one(RecordList).show(rows, empty=no_runs(self.sync))
        self.query_one(LineStack).draw_afresh()

    def _titles(self, width: int) -> list[Line]:
        if not self.runs:
            return []
        only = (Span(f"  only {self.sync}: ", "accent"), Span("s shows all", "dim"))
        return [(*runs_heading(width - 2), *(only if self.sync else ()))]

    @property
    def run_in_hand(self) -> RunSummary | None:
        rows = self.query_one(RecordList).rows
        return rows.of_key(self.query_one(RecordList).key) if isinstance(rows, SummaryRows) else None

    @on(RecordList.Opened)
    def open_run(self, event: RecordList.Opened) -> None:
        self.post_message(Open("run", str(event.key)))

    def action_of_sync(self) -> None:
        run = self.run_in_hand
        self.sync = "" if self.sync or run is None else run.sync
        self.show(self.runs)
