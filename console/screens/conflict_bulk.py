"""Many conflicts at once: one choice, what it means in each of them, then all of them one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from console.dialogs.choose import Choose, Option
from console.dialogs.decide import Decide, Decided
from console.keymap import bindings
from console.messages import Open
from console.presentation import bulk
from console.presentation.bulk import Item, Order, Outcome, Way
from console.presentation.conflict_words import bulk_matter
from console.presentation.patches import dotted
from console.presentation.spans import Line, Span, clean
from console.presentation.staging import Staging
from console.screens.conflict_deeds import DIALOG_WIDTH
from console.screens.frame import SyncdeckScreen
from console.widgets.line_panel import LineStack
from console.widgets.record_list import RecordList
from console.widgets.still_list import StillList
from console.widgets.summary_rows import SummaryRows
from engine.errors import SyncdeckError
from engine.events.merging.queue import ConflictId

if TYPE_CHECKING:
    from console.messages import News
    from engine.assembly import Engine
    from engine.events.merging.queue import ConflictDetail, Preview

LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Progress:
    """How far a long piece of work is; written on the engine's thread, read on the screen's."""

    total: int
    ended: dict[ConflictId, str] = field(default_factory=dict)
    """What was done, with why not where it failed."""
    read: int = 0
    stopped: bool = False
    done: bool = False


class ConflictBulkScreen(SyncdeckScreen):
    """On top of the queue; `ids` are the conflicts, `field` the field that the filter asked for, if it did."""

    CSS_PATH = "../styles/conflicts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("bulk")]
    crumb = "Settle many"

    def __init__(self, ids: Sequence[ConflictId], *, field: str = "") -> None:
        super().__init__()
        self.ids = tuple(ids)
        self.order = Order(way=Way.OPEN, field=field)
        self.details: Sequence[ConflictDetail] = ()
        self.items: Sequence[Item] = ()
        self.ended: dict[ConflictId, str] = {}
        self.progress: Progress | None = None

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._facts, id="bulk-facts")
        yield StillList(empty=[(Span("Reading the conflicts …", "dim"),)], id="bulk-items")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(StillList))
        self.set_interval(LOOK_SECONDS, self.watch_progress)

    @property
    def staging(self) -> Staging:
        """What was decided in this session and is not written yet."""
        return self.deck.kept("staging", Staging)

    # -- reading ----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the conflicts once: what is decided here is decided about what was read."""
        if self.details or self.progress is not None:
            return
        progress = self.progress = Progress(total=len(self.ids))

        async def read(engine: Engine) -> Sequence[ConflictDetail]:
            found = []
            for each in self.ids:
                found.append(await engine.conflicts.show(each))
                progress.read += 1
            return found

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
        items = bulk.items_for(self.details, self.order, self.staging)
        self.items = bulk.with_outcomes(items, self.ended)
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
                name = dotted(verdict.contest.path)
                counts[name] = counts.get(name, 0) + 1
        options = [Option("*", "all fields")]
        options += [Option(name, name, f"in {number:,}") for name, number in sorted(counts.items())]

        def chosen(name: str | None) -> None:
            if name is not None:
                self.choose(Order(way=self.order.way, node=self.order.node, field="" if name == "*" else name))

        self.deck.push_screen(Choose("Only in which field?", options), chosen)

    # -- settling ---------------------------------------------------------------------------------------------------

    def action_settle(self) -> None:
        """Look at everything once, as the engine would write it; then settle one after another."""
        items = [item for item in self.items if item.outcome is Outcome.WAITS and item.choices]
        left_out = sum(item.outcome is Outcome.LEFT_OUT for item in self.items)

        async def prepare(engine: Engine) -> Sequence[Preview]:
            return [await engine.conflicts.preview(item.id, item.choices) for item in items]

        def then(previews: Sequence[Preview]) -> None:
            matter = bulk_matter(previews, self.order.sentence, left_out, DIALOG_WIDTH)
            self.deck.push_screen(Decide(matter), lambda decided: self._begin(items, decided))

        self.ask("see what would be written", prepare, then)

    def _begin(self, items: Sequence[Item], decided: Decided | None) -> None:
        if decided is None:
            return
        progress = self.progress = Progress(total=len(items))
        comment = decided.comment

        async def settle(engine: Engine) -> None:
            try:
                for item in items:
                    if progress.stopped:
                        break
                    try:
                        await engine.conflicts.resolve(item.id, item.choices, comment=comment)
                    except SyncdeckError as error:
                        progress.ended[item.id] = clean(str(error)) or "refused"
                    else:
                        progress.ended[item.id] = ""
            finally:
                progress.done = True

        self.deck.order(f"settle {len(items):,} conflicts", settle, lambda _: self._ended(progress))

    def watch_progress(self) -> None:
        """Show how far it is."""
        progress = self.progress
        if progress is None or not self.is_current:
            return
        if progress.ended.keys() - self.ended.keys():
            self.ended |= progress.ended
            self.draw()
        else:
            self.query_one(LineStack).draw_afresh()

    def _ended(self, progress: Progress) -> None:
        """Say what came of it, wherever people are by then."""
        settled = [each for each, reason in progress.ended.items() if not reason]
        aggregates = {item.id: item.detail.summary.aggregate_id for item in self.items}
        for each in settled:
            self.deck.kept("staging", Staging).forget(aggregates[each])
        failed = len(progress.ended) - len(settled)
        rest = progress.total - len(progress.ended)
        words = f"{len(settled):,} settled"
        words += f", {failed:,} not" if failed else ""
        words += f", stopped before {rest:,} more" if rest else ""
        self.deck.say(words, severity="warning" if failed or rest else "information")
        self.progress = None
        if self.is_attached:
            self.ended |= progress.ended
            self.draw()

    def action_stop(self) -> None:
        """Stop after the conflict under way."""
        if self.progress is not None:
            self.progress.stopped = True

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
