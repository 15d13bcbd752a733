"""One peer: what each side knows of every node, what is wrong and the way out, what happened with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from console.keymap import bindings
from console.messages import News, Open
from console.presentation import peer_detail as shown
from console.presentation.peers import Ourselves
from console.presentation.spans import Line, Span
from console.screens.peer_deeds import PeerDeeds, syncing
from console.screens.peers import ourselves
from console.widgets.line_panel import LinePanel, LineStack
from console.widgets.record_list import RecordList
from console.widgets.summary_rows import SummaryRows
from engine.events.event import node_of

if TYPE_CHECKING:
    from datetime import datetime

    from engine.assembly import Engine
    from engine.events.event import Event
    from engine.events.replicating.standing import PeerStatus

FRESH_SECONDS = 2
KEPT = 200
"""Events about a peer that its screen lists."""
READING: tuple[Line, ...] = ((Span("Reading how the peer stands …", "dim"),),)


@dataclass(frozen=True, slots=True)
class Found:
    """What was read of one peer."""

    ourselves: Ourselves
    peer: PeerStatus
    events: Sequence[Event]


class PeerScreen(PeerDeeds):
    """What `Open("peer", name)` opens."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("peer")]
    CSS_PATH = "../styles/peers.tcss"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.of = name
        self.found: Found | None = None

    @property
    def crumb(self) -> str:
        return self.of

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._facts, id="peer-facts")
        with Container(id="panes"):
            with Container(id="vectors"):
                yield LineStack(lambda width: (((Span("  "), *shown.row_titles(width - 2)),)), id="vector-titles")
                yield RecordList(empty=READING, id="origins")
            yield LinePanel(self._history, id="history")

    def on_mount(self) -> None:
        self.query_one(RecordList).focus()
        self.set_interval(FRESH_SECONDS, self.look_if_shown)

    def look(self) -> None:
        engine = self.deck.engine
        if engine is not None and self.of not in engine.workspace.peers:
            self.deck.back()  # it was removed or renamed
            return
        self.draw()
        self.ask("read how the peer stands", partial(_found, self.of), self.show)

    def hear(self, news: News) -> None:
        if any(notice.topic.startswith(("peer.", "plan.elsewhere")) for notice in news.notices):
            self.look()

    def show(self, found: Found) -> None:
        """Show how it stands now."""
        self.found = found
        rows = shown.rows_of(found.ourselves.identity.origin, found.ourselves.vector, found.peer)
        self.query_one(RecordList).show(SummaryRows(rows, lambda row: row.origin, shown.origin_line))
        self.draw()

    def draw(self) -> None:
        """Draw what is known: ages grow although nothing happens."""
        self.query_one("#peer-facts", LineStack).draw_afresh()
        self.query_one("#history", LinePanel).draw_afresh()
        self.hint_again()

    def _facts(self, width: int) -> Sequence[Line]:
        engine, found = self.deck.engine, self.found
        if engine is None or found is None:
            return [(Span("…", "dim"),), ()]
        busy = "syncing" if syncing(self.of) in self.deck.orders else ""
        settings = engine.workspace.peers.get(self.of)
        return [*shown.facts(found.peer, settings, self._now(engine), max(width - 2, 20), busy=busy), ()]

    def _history(self, width: int) -> Sequence[Line]:
        engine, found = self.deck.engine, self.found
        if engine is None or found is None:
            return ()
        return shown.history_lines(found.peer, found.events, self._now(engine), max(width - 2, 20))

    @staticmethod
    def _now(engine: Engine) -> datetime:
        return engine.clock.now()

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def peer_name(self) -> str:
        return self.of

    @property
    def peer_status(self) -> PeerStatus | None:
        return self.found.peer if self.found is not None else None

    @on(RecordList.Opened)
    def open_origin(self, event: RecordList.Opened) -> None:
        """Show what that origin wrote, in the event log."""
        self.post_message(Open("events", f"origin:{event.key}"))


async def _found(name: str, engine: Engine) -> Found:
    from engine.events.event import END
    from engine.events.log import Filter

    about = Filter(aggregate=f"peer:{name}")
    events = await engine.log.page(END, KEPT, about, backwards=True)
    # Another node may know a peer by the same name: what happened between those two is told there.
    here = [event for event in events if node_of(event.origin) == engine.workspace.node]
    return Found(await ourselves(engine), await engine.replication.peer(name), here)
