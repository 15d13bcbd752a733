"""Peers: who events are exchanged with, how each stands, what lacks on either side. Live."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from console.keymap import bindings
from console.messages import News, Open
from console.presentation import peers as shown
from console.presentation.spans import Line, Span
from console.screens.peer_deeds import PeerDeeds, syncing
from console.widgets.ink import paint
from console.widgets.line_panel import LineStack
from console.widgets.listed_rows import Draw, ListedRows, Silent, SteppingList, always
from console.widgets.record_list import RecordList

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.replicating.standing import PeerStatus

FRESH_SECONDS = 2
"""Other processes on this workspace (`syncdeck serve`) exchange too and send no notices here: look again this often."""

OPENING: tuple[Line, ...] = ((Span("Reading how the peers stand …", "dim"),),)
EMPTY: tuple[Line, ...] = (
    (Span("This workspace has no peers yet.", "strong"),),
    (),
    (Span("A peer is another node with a workspace of its own; both exchange"),),
    (Span("their events, so that each has all of them."),),
    (Span("  a ", "accent"), Span("adds the first one; you can test the way before it is saved.")),
    (Span("  syncdeck serve ", "accent"), Span("lets others reach this node.")),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How this node and its peers stand."""

    ourselves: shown.Ourselves
    peers: Sequence[PeerStatus]


class PeersScreen(PeerDeeds):
    """Mode 8."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("peers")]
    CSS_PATH = "../styles/peers.tcss"
    crumb = "Peers"

    def __init__(self) -> None:
        super().__init__()
        self.standing: Standing | None = None

    def body(self) -> Iterable[Widget]:
        yield LineStack(self._own, id="own-node")
        yield Static(id="titles", classes="titles")
        yield SteppingList(empty=OPENING, id="peers")

    def on_mount(self) -> None:
        self.query_one(RecordList).focus()
        self.set_interval(FRESH_SECONDS, self.look_if_shown)

    def look(self) -> None:
        self.draw()
        self.ask("read how the peers stand", standing, self.show)

    def hear(self, news: News) -> None:
        if any(notice.topic.startswith(("peer.", "plan.elsewhere")) for notice in news.notices):
            self.look()

    def show(self, found: Standing) -> None:
        """Show how all stand now."""
        self.standing = found
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Draw what is known, at the width there is now."""
        engine, found = self.deck.engine, self.standing
        if engine is None or found is None:
            return
        width, now = self.size.width - 4, engine.clock.now()
        columns = shown.Columns.of(width, [peer.name for peer in found.peers])
        titles = self.query_one("#titles", Static)
        titles.update(paint(shown.titles(columns)), layout=False)
        titles.visible = bool(found.peers)
        rows: list[tuple[Hashable, Draw]] = []
        for peer in found.peers:
            busy = syncing(peer.name) in self.deck.orders
            rows.append((peer.name, always(shown.peer_line(peer, columns, now, busy=busy))))
            problems = enumerate(shown.problem_lines(peer, width))
            rows += [(Silent((peer.name, number)), always(line)) for number, line in problems]
        self.query_one(RecordList).show(ListedRows(rows), empty=EMPTY)
        self.query_one("#own-node", LineStack).draw_afresh()
        self.hint_again()

    def _own(self, width: int) -> list[Line]:
        engine, found = self.deck.engine, self.standing
        if engine is None or found is None:
            return [(Span("…", "dim"),), ()]
        now = engine.clock.now()
        return shown.own_lines(found.ourselves, found.peers, engine.workspace.peers, now, max(width - 4, 20))

    # -- keys -------------------------------------------------------------------------------------------------------

    @property
    def peer_name(self) -> str:
        key = self.query_one(RecordList).key
        return key if isinstance(key, str) else ""

    @property
    def peer_status(self) -> PeerStatus | None:
        found = self.standing.peers if self.standing is not None else ()
        return next((peer for peer in found if peer.name == self.peer_name), None)

    def on_record_list_opened(self) -> None:
        if self.peer_name:
            self.post_message(Open("peer", self.peer_name))

    def action_add(self) -> None:
        self.post_message(Open("peer new", ""))

    def action_sync_all(self) -> None:
        for peer in self.standing.peers if self.standing is not None else ():
            if syncing(peer.name) not in self.deck.orders and peer.connection != "paused":
                self.sync(peer.name)

    def why_not(self, action: str) -> str:
        if action == "sync_all" and (self.standing is None or not self.standing.peers):
            return "There is no peer here yet: a adds one."
        return super().why_not(action)


async def ourselves(engine: Engine) -> shown.Ourselves:
    """Return who this node is and what it knows."""
    identity = await engine.replication.identity()
    return shown.Ourselves(identity=identity, vector=await engine.replication.vector(), as_of=engine.clock.now())


async def standing(engine: Engine) -> Standing:
    """Return how this node and its peers stand, peers in the order of the file."""
    return Standing(await ourselves(engine), await engine.replication.peers())
