"""Prove equal: vectors, chains and states compared with a peer, down to the aggregates that differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from console.keymap import bindings
from console.messages import Failure, Open
from console.presentation import equality as shown
from console.presentation.spans import Line, Span
from console.screens.peer_deeds import PeerDeeds
from console.widgets.line_panel import LineStack
from console.widgets.record_list import RecordList
from console.widgets.summary_rows import SummaryRows

if TYPE_CHECKING:
    from engine.events.replicating.standing import Comparison, Differing

QUESTION = "compare"
COMPARING: tuple[Line, ...] = (
    (Span("… comparing vectors, chains and states; nothing is exchanged", "accent"),),
    (Span("esc", "accent"), Span(" stops it", "dim")),
)
STOPPED: tuple[Line, ...] = ((Span("Nothing was found out. "), Span("=", "accent"), Span(" compares again.")),)


class ComparisonScreen(PeerDeeds):
    """What `Open("comparison", name)` opens; it begins to compare at once."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("comparison")]
    CSS_PATH = "../styles/peers.tcss"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.of = name
        self.found: Comparison | None = None
        self.comparing = False
        self.began = False

    @property
    def crumb(self) -> str:
        return f"{self.of} equal?"

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._verdict, id="verdict")
        yield LineStack(self._titles, id="differing-titles")
        yield RecordList(id="differing")

    def on_mount(self) -> None:
        self.query_one(RecordList).focus()

    def look(self) -> None:
        if not self.began:
            self.action_compare()
        self.draw()

    def action_compare(self) -> None:
        self.began = self.comparing = True
        self.found = None
        name = self.of
        self.ask(QUESTION, lambda engine: engine.replication.compare(name), self.show, failed=self._failed)
        self.draw()

    def show(self, found: Comparison | None) -> None:
        """Show what was found."""
        self.found, self.comparing = found, False
        self.draw()

    def _failed(self, error: Exception) -> None:
        self.comparing = False
        self.draw()
        self.post_message(Failure(f"compare with {self.of}", error, self.action_compare))

    def draw(self) -> None:
        """Draw what is known."""
        found: Sequence[Differing] = self.found.differing if self.found is not None else ()
        self.query_one("#verdict", LineStack).draw_afresh()
        self.query_one("#differing-titles", LineStack).draw_afresh()
        self.query_one(RecordList).show(SummaryRows(found, lambda one: one.aggregate_id, shown.differing_line))
        self.hint_again()

    def _verdict(self, width: int) -> Sequence[Line]:
        if self.found is not None and self.deck.engine is not None:
            return shown.verdict_lines(self.found, self.deck.engine.clock.now(), max(width - 2, 20))
        return COMPARING if self.comparing else STOPPED

    def _titles(self, width: int) -> Sequence[Line]:
        if self.found is None or not self.found.differing:
            return ()
        return ((), (Span("  "), *shown.titles(width - 2)))

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def peer_name(self) -> str:
        return self.of

    def peer_changed(self) -> None:
        self.draw()

    def on_screen_suspend(self) -> None:
        """Whoever looks elsewhere no longer waits for the answer: the question is withdrawn."""
        super().on_screen_suspend()
        self.comparing = False

    def action_stop(self) -> None:
        if not self.comparing:
            super().action_stop()
            return
        for worker in self.workers:
            if worker.node is self and worker.name == QUESTION and not worker.is_finished:
                worker.cancel()
        self.show(None)

    def action_back(self) -> None:
        """First stop the comparison, then one crumb up."""
        if self.comparing:
            self.action_stop()
        else:
            self.deck.back()

    def why_not(self, action: str) -> str:
        if action == "stop" and self.comparing:
            return ""
        if action == "compare" and self.comparing:
            return "It is being compared: c stops it."
        return super().why_not(action)

    @on(RecordList.Opened)
    def open_aggregate(self, event: RecordList.Opened) -> None:
        """Show the history of an aggregate that differs."""
        self.post_message(Open("aggregate", str(event.key)))

    def copied(self) -> str:
        key = self.query_one(RecordList).key
        return key if isinstance(key, str) else self.of

    def command(self) -> str:
        return f"syncdeck peers compare {self.of}"
