"""Many conflicts at once: one choice, what it means in each of them, then all of them one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from console.dialogs.choose import Choose, Option
from console.keymap import bindings
from console.messages import Open
from console.presentation import bulk
from console.presentation.bulk import Order, Outcome, Way
from console.presentation.conflicts import WAITING
from console.presentation.patches import field_name
from console.presentation.spans import Line, Span
from console.screens.bulk_settling import BulkSettling, Progress
from console.widgets.line_panel import LineStack
from console.widgets.record_list import RecordList
from console.widgets.still_list import StillList
from console.widgets.summary_rows import SummaryRows
from engine.errors import NothingFound
from engine.events.merging.queue import ConflictId

if TYPE_CHECKING:
    from console.messages import News
    from engine.assembly import Engine
    from engine.events.merging.queue import ConflictDetail

LOOK_SECONDS = 0.1


class ConflictBulkScreen(BulkSettling):
    """On top of the queue; `ids` are the conflicts, `field` the field that the filter asked for, if it did."""

    CSS_PATH = "../styles/conflicts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("bulk")]
    crumb = "Settle many"

    def __init__(self, ids: Sequence[ConflictId], *, field: str = "") -> None:
        super().__init__()
        self.ids = tuple(ids)
        self.order = Order(way=Way.OPEN, field=field)
        self.details: Sequence[ConflictDetail] = ()

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._facts, id="bulk-facts")
        yield StillList(empty=[(Span("Reading the conflicts …", "dim"),)], id="bulk-items")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(StillList))
        self.set_interval(LOOK_SECONDS, self.watch_progress)

    # -- reading ----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the conflicts once: what is decided here is decided about what was read."""
        if self.details:
            return
        progress = self.progress = Progress(total=len(self.ids))

        async def read(engine: Engine) -> Sequence[ConflictDetail]:
            """Return the conflicts that still wait."""
            found = []
            for each in self.ids:
                with suppress(NothingFound):
                    found.append(await engine.conflicts.show(each))
                progress.read += 1
            return [detail for detail in found if detail.summary.state in WAITING]

        self.ask("read the conflicts", read, self.take_in)

    def hear(self, news: News) -> None:
        """Stay: a conflict that moves on meanwhile is refused when it is its turn, and says so in its line."""

    def take_in(self, details: Sequence[ConflictDetail]) -> None:
        """Show what was read."""
        self.progress = None
        self.details = details
        self.draw()

    def draw(self) -> None:
        """Draw what the choice means for each conflict."""
        self.items = bulk.items_for(self.details, self.order, self.staging)
        self.show_outcomes()

    def show_outcomes(self) -> None:
        self.items = bulk.with_outcomes(self.items, self.ended)
        rows = SummaryRows(self.items, lambda item: item.id, bulk.item_line)
        self.query_one(StillList).show(rows, empty=[(Span("No conflict waits here any more.", "dim"),)])
        self.query_one(LineStack).draw_afresh()
        self.hint_again()

    def _facts(self, width: int) -> list[Line]:
        lines = bulk.order_lines(self.order, self.items, width)
        if self.progress is not None:
            done = len(self.progress.ended) or self.progress.read
            lines.append(bulk.progress_line(done, self.progress.total, stopping=self.progress.stopped))
        return lines

    @on(RecordList.Opened)
    def open_conflict(self, event: RecordList.Opened) -> None:
        """Look at one of them by itself."""
        self.post_message(Open("conflict", str(event.key)))

    # -- choosing ---------------------------------------------------------------------------------------------------

    def choose(self, order: Order) -> None:
        """Take another choice for all."""
        self.order = order
        self.draw()

    def action_way(self, name: str) -> None:
        self.choose(Order(way=Way[name], field=self.order.field))

    def action_node(self) -> None:
        options = [Option(node, node) for node in bulk.nodes_of(self.details)]

        def chosen(node: str | None) -> None:
            if node is not None:
                self.choose(Order(way=Way.NODE, field=self.order.field, node=node))

        self.deck.push_screen(Choose("The side of which node?", options), chosen)

    def action_field(self) -> None:
        counts: dict[str, int] = {}
        for detail in self.details:
            for verdict in detail.view.open:
                name = field_name(verdict.contest.path)
                counts[name] = counts.get(name, 0) + 1
        options = [Option("*", "all fields")]
        options += [Option(name, name, f"in {number:,}") for name, number in sorted(counts.items())]

        def chosen(name: str | None) -> None:
            if name is not None:
                self.choose(Order(way=self.order.way, node=self.order.node, field="" if name == "*" else name))

        self.deck.push_screen(Choose("Only in which field?", options), chosen)

    # -- what is possible -------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        if action == "stop":
            return "" if self.progress is not None and not self.progress.read else "Nothing is under way here."
        if action not in {"settle", "node", "field"} and not action.startswith("way"):
            return ""
        if self.progress is not None:
            return "The conflicts are being read." if self.progress.read else "It is under way; c stops it."
        if action == "settle" and self.order.way is Way.OPEN:
            return "Choose first what is taken everywhere: h left, l right, t newest, o base, b both, d a node's."
        if action == "settle" and not any(item.outcome is Outcome.WAITS for item in self.items):
            return "This choice settles nothing here: take another one."
        return ""

    def copied(self) -> str:
        return "\n".join(item.detail.summary.aggregate_id for item in self.items)

    def command(self) -> str:
        return "syncdeck conflicts"
