"""One run: how far each target is, what did not go well and why, and how the targets were found afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Static

from console.keymap import bindings
from console.messages import News, Open
from console.presentation.run_progress import progress_lines, result_lines
from console.presentation.runs import BAD, counts_line, item_detail, run_facts
from console.presentation.spans import Line, Span, joined
from console.screens.run_deeds import RunDeeds
from console.widgets.ink import paint
from console.widgets.item_rows import PAGE, ListedItems, PagedItems
from console.widgets.line_panel import LinePanel, LineStack
from console.widgets.record_list import RecordList
from engine.reconcile.history import ItemState, RunState, TargetRun

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.reconcile.history import RunItem, RunSummary
    from engine.reconcile.results import RunResult

FRESH_SECONDS = 1.0
MOST_OF_A_STATE = 20_000
"""Items of one state that are listed at once; more are counted."""

STARTING: tuple[Line, ...] = ((Span("Starting: the targets are locked and read again …", "dim"),),)
VIEWS: tuple[tuple[ItemState, ...], ...] = (
    (),
    BAD,
    (ItemState.PENDING, ItemState.INTENT),
    (ItemState.DONE, ItemState.ALREADY),
)


class RunScreen(RunDeeds):
    """What `Open("run", name)` opens: a run's number, or `plan:<digest>` for the run of a plan that is just starting.

    The run belongs to the engine: leaving this screen changes nothing, coming back shows how far it is.
    """

    CSS_PATH = "../styles/run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("run")]

    def __init__(self, name: str) -> None:
        super().__init__()
        self.digest = name.removeprefix("plan:") if name.startswith("plan:") else ""
        self.number = 0 if self.digest else int(name)
        self.summary: RunSummary | None = None
        self.targets: dict[str, TargetRun] = {}
        self.view: tuple[ItemState, ...] = ()

    @property
    def crumb(self) -> str:
        return f"Run {self.number}" if self.number else "Run"

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._facts, id="run-facts")
        yield LineStack(self._progress, id="targets")
        yield Static("", id="states")
        with Container(id="panes"):
            yield RecordList(empty=STARTING, id="items")
            yield LinePanel(id="detail")

    def on_mount(self) -> None:
        self.query_one("#detail").display = False
        self.items.focus()
        self.set_interval(FRESH_SECONDS, self.look_if_needed)

    @property
    def items(self) -> RecordList:
        """The list of items."""
        return self.query_one("#items", RecordList)

    @property
    def run_in_hand(self) -> RunSummary | None:
        return self.summary

    @property
    def result(self) -> RunResult | None:
        """How it ended target by target, if this console ordered it."""
        return self.deck.results.get(self.number)

    # -- what is shown ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        self.ask("read the run", self._find, self.show)

    async def _find(self, engine: Engine) -> RunSummary | None:
        if self.number:
            return await engine.reconcile.run(self.number)  # type: ignore[arg-type]
        for run in await engine.reconcile.runs(limit=20):
            if run.digest == self.digest:
                return run
        return None

    def look_if_needed(self) -> None:
        """Look again while it runs, here or in another process, and until it has begun."""
        running = self.summary is None or self.summary.state is RunState.RUNNING
        if running and self.is_current and self.deck.engine is not None:
            self.look()

    def hear(self, news: News) -> None:
        """Take in progress at once; look again when the run begins or ends."""
        for notice in news.notices:
            if isinstance(notice.detail, TargetRun) and notice.detail.run == self.number:
                self.targets[notice.detail.target] = notice.detail
            elif notice.topic in {"run.started", "run.ended"}:
                self.look()
        self.query_one("#targets", LineStack).draw_afresh()

    def show(self, run: RunSummary | None) -> None:
        """Show how the run stands."""
        if run is None:
            if f"apply {self.digest}" not in self.deck.orders and not self._still_ordered():
                self.items.show(self.items.rows, empty=_never_began())
            return
        ended = (
            self.summary is not None and self.summary.state is RunState.RUNNING and run.state is not RunState.RUNNING
        )
        began = self.summary is None
        self.summary, self.number = run, run.run
        for panel in ("#run-facts", "#targets"):
            self.query_one(panel, LineStack).draw_afresh()
        self.query_one("#states", Static).update(paint(self._states(run)))
        if began:
            self.deck.beat()
        if began or (ended and self.view == () and any(run.counts.get(state) for state in BAD)):
            self.view = BAD if any(run.counts.get(state) for state in BAD) and run.state is not RunState.RUNNING else ()
        self._show_items(run)

    def _still_ordered(self) -> bool:
        return any(self.digest[:8] in order for order in self.deck.orders)

    def _show_items(self, run: RunSummary) -> None:
        total = sum(run.counts.values())
        interrupted = run.state is RunState.INTERRUPTED
        if self.view:
            states = self.view
            self.ask(
                "read the items",
                lambda engine: engine.reconcile.run_items(run.run, states=states, limit=MOST_OF_A_STATE),
                lambda found: self.items.show(ListedItems(found, interrupted=interrupted), empty=_none_in_state()),
            )
        elif isinstance(self.items.rows, PagedItems) and self.items.rows.total == total:
            self.items.rows.interrupted = interrupted
            self.items.rows.grow_stale()
            self.items.redraw()
        else:
            rows = PagedItems(total, self._want_page)
            rows.interrupted = interrupted
            self.items.show(rows)

    def _want_page(self, number: int) -> None:
        run = self.number
        self.ask(
            f"read items from {number * PAGE:,}",
            lambda engine: engine.reconcile.run_items(run, offset_index=number * PAGE, limit=PAGE),  # type: ignore[arg-type]
            partial(self._page_came, number),
        )

    def _page_came(self, number: int, items: Sequence[RunItem]) -> None:
        if isinstance(self.items.rows, PagedItems):
            self.items.rows.deliver(number, items)
            self.items.redraw()
            self.show_detail()

    def _facts(self, width: int) -> list[Line]:
        engine = self.deck.engine
        if self.summary is None or engine is None:
            return list(STARTING)
        return run_facts(self.summary, width, engine.clock.now(), verdict=self.result is None)

    def _progress(self, width: int) -> list[Line]:
        if self.result is not None and self.summary is not None and self.summary.state is not RunState.RUNNING:
            return [line for result in self.result.targets for line in result_lines(result, width)]
        return [line for target in self.targets.values() for line in progress_lines(target, width)]

    def _states(self, run: RunSummary) -> Line:
        shown = {
            (): "all items",
            BAD: "only what did not go well",
            VIEWS[2]: "only what is left",
            VIEWS[3]: "only what is done",
        }
        hint = (Span("f ", "accent"), Span(shown[self.view], "dim"))
        return joined((counts_line(run.counts), hint), "   ")

    @on(RecordList.Moved)
    def show_detail(self) -> None:
        """Show the item under the cursor in full, if the detail is open."""
        panel, rows, engine = self.query_one("#detail", LinePanel), self.items.rows, self.deck.engine
        item = rows.item(self.items.key) if isinstance(rows, PagedItems | ListedItems) and panel.display else None
        if item is not None and engine is not None:
            found, now = item, engine.clock.now()
            panel.show(lambda width: item_detail(found, width - 1, now))

    # -- keys -------------------------------------------------------------------------------------------------------

    def resumed(self, run: RunSummary) -> None:
        self.deck.results.pop(run.run, None)
        self.targets.clear()
        self.view = ()
        self.look()

    def action_states(self) -> None:
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        if self.summary is not None:
            self.show(self.summary)

    @on(RecordList.Opened)
    def action_detail(self) -> None:
        panel = self.query_one("#detail")
        panel.display = not panel.display
        self.show_detail()

    def action_events(self) -> None:
        if self.number:
            self.post_message(Open("events", f"run:{self.number}"))

    def action_back(self) -> None:
        panel = self.query_one("#detail")
        if panel.display:
            panel.display = False
            self.items.focus()
        else:
            self.deck.back()


def _none_in_state() -> tuple[Line, ...]:
    return ((Span("No item is in this state.", "strong"),), (Span("f", "accent"), Span(" shows others", "dim")))


def _never_began() -> tuple[Line, ...]:
    return (
        (Span("The run did not begin; nothing was called.", "strong"),),
        (Span("Esc", "accent"), Span(" goes back to the plan", "dim")),
    )
